"""A report as a message (RFC 8460 section 5.3). No I/O."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime

from mailframe.message.address import Address

from .report import Report, Submitter


def message(report: Report, submitter: Submitter, sender: Address, recipient: Address, now: float) -> bytes:
    """The octets of a message, with CRLF.

    Args:
        report: what is told.
        submitter: us.
        sender, recipient: addresses for From and To.
        now: seconds since the epoch.
    """
    boundary = "=_tlsrpt_" + report.id.partition("@")[0]
    head = [
        f"From: {sender}",
        f"To: {recipient}",
        f"Date: {format_datetime(datetime.fromtimestamp(int(now), UTC))}",
        f"Message-ID: <{report.id}>",
        f"Subject: Report Domain: {report.domain}",
        f" Submitter: {submitter.domain}",
        f" Report-ID: <{report.id}>",
        f"TLS-Report-Domain: {report.domain}",
        f"TLS-Report-Submitter: {submitter.domain}",
        # RFC 8689 section 3: the report tells of broken TLS, and has to arrive in spite of it.
        "TLS-Required: No",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type="tlsrpt";',
        f' boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is a report about TLS with the mail hosts of {report.domain},",
        f"as {submitter.domain} saw it. The report is the file attached, for programs;",
        "domains get it because they publish a TXT record for _smtp._tls (RFC 8460).",
        "",
        f"--{boundary}",
        "Content-Type: application/tlsrpt+gzip",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment;",
        f' filename="{report.filename}"',
        "",
    ]
    attached = base64.encodebytes(report.compressed).decode("ascii").splitlines()
    return "\r\n".join([*head, *attached, f"--{boundary}--", ""]).encode("utf-8")
