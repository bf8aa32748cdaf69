"""The report itself, and the message it goes in."""

from __future__ import annotations

import email.policy
import gzip
import json

from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.tlsrpt.mail import message
from mailframe.tlsrpt.report import Submitter, build

from .sessions import DANE, DATE, MX, NOON, STS
from .test_counts import kind

SUBMITTER = Submitter("Example Häuser", "tls@sender.test", "sender.test")


class ReportTests(SynchronousTestCase):
    """What RFC 8460 wants to be told."""

    def setUp(self) -> None:
        self.counted = {
            kind(STS): 10,
            kind(
                STS, "certificate-expired", address="192.0.2.1", source="192.0.2.9", helo="mx", reason="old"
            ): 2,
            kind(DANE, "validation-failure"): 1,
        }
        self.report = build(SUBMITTER, DATE, "example.test", self.counted)

    def test_json(self) -> None:
        """Policies have their sums and failures."""
        told = json.loads(self.report.json)
        self.assertEqual("Example Häuser", told["organization-name"])
        self.assertEqual(
            {"start-datetime": f"{DATE}T00:00:00Z", "end-datetime": f"{DATE}T23:59:59Z"}, told["date-range"]
        )
        self.assertEqual(self.report.id, told["report-id"])
        sts, tlsa = told["policies"]
        self.assertEqual(
            {
                "policy-type": "sts",
                "policy-domain": "example.test",
                "policy-string": list(STS.text),
                "mx-host": [MX],
            },
            sts["policy"],
        )
        self.assertEqual(
            {"total-successful-session-count": 10, "total-failure-session-count": 2}, sts["summary"]
        )
        self.assertEqual(
            [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "192.0.2.9",
                    "receiving-mx-hostname": MX,
                    "receiving-mx-helo": "mx",
                    "receiving-ip": "192.0.2.1",
                    "failure-reason-code": "old",
                    "failed-session-count": 2,
                }
            ],
            sts["failure-details"],
        )
        self.assertEqual(("tlsa", MX), (tlsa["policy"]["policy-type"], tlsa["policy"]["policy-domain"]))
        self.assertNotIn("mx-host", tlsa["policy"])

    def test_same(self) -> None:
        """A report that is sent again is the same, so that the receiver knows it."""
        again = build(SUBMITTER, DATE, "example.test", self.counted)
        self.assertEqual(self.report, again)
        self.assertEqual(self.report.compressed, again.compressed)

    def test_filename(self) -> None:
        """The file's name has sender, domain and times."""
        self.assertEqual("sender.test!example.test!1728000000!1728086399!1.json.gz", self.report.filename)

    def test_message(self) -> None:
        """The message has the report as an attachment, and may go without TLS."""
        octets = message(
            self.report, SUBMITTER, Address("tls", "sender.test"), Address("reports", "example.test"), NOON
        )
        self.assertNotIn(b"\n", octets.replace(b"\r\n", b""))
        self.assertTrue(all(len(line) <= 998 for line in octets.split(b"\r\n")))
        read = email.message_from_bytes(octets, policy=email.policy.default)
        self.assertEqual([], read.defects)
        self.assertEqual(
            ("multipart/report", "tlsrpt"), (read.get_content_type(), read.get_param("report-type"))
        )
        self.assertEqual("No", read["TLS-Required"])
        self.assertEqual(
            ("example.test", "sender.test"), (read["TLS-Report-Domain"], read["TLS-Report-Submitter"])
        )
        self.assertIn(self.report.id, read["Subject"])
        text, attached = read.iter_parts()
        self.assertEqual("text/plain", text.get_content_type())
        self.assertEqual(
            ("application/tlsrpt+gzip", self.report.filename),
            (attached.get_content_type(), attached.get_filename()),
        )
        self.assertEqual(self.report.json, gzip.decompress(attached.get_content()))
