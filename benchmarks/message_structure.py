"""How fast the MIME scanner, the packing and the description are: ``python benchmarks/message_structure.py``.

Measured with CPython 3.11 on a machine with two shared cores, the best of five runs, messages in pieces of
64 KiB:

==============================  ==========  ==========  ==========
message                            3.7 KB      1.4 MB       27 MB
==============================  ==========  ==========  ==========
scan                                34 us      696 us    13,900 us
describe                            90 us      766 us    14,500 us
pack                               6.5 us
unpack                              10 us
``email.message_from_bytes``       120 us   12,500 us
==============================  ==========  ==========  ==========

The scanner looks into large attachments at some 1,950 MB/s.
"""

from __future__ import annotations

import base64
import email
import os
import timeit
from collections.abc import Callable
from functools import partial

from mailframe.imap.wire.description import describe
from mailframe.message.scanner import scan
from mailframe.message.structure import pack, unpack

CHUNK = 64 * 1024


def message(attachment: int) -> bytes:
    """A multipart/mixed with an alternative inside and one base64 attachment of so many octets."""
    encoded = base64.encodebytes(os.urandom(attachment)).replace(b"\n", b"\r\n")
    trace = b"".join(
        b"Received: from mx%d.example.test (mx%d.example.test [192.0.2.%d])\r\n"
        b"\tby store.example.test with ESMTPS id 01J%08d; Mon, 02 Mar 2026 10:00:0%d +0000\r\n"
        % (n, n, n, n, n)
        for n in range(3)
    )
    return (
        trace + b"From: =?utf-8?q?Al=C3=ADce?= <alice@example.test>\r\n"
        b'To: "Bob Builder" <bob@example.test>, carol@example.test, Dave <dave@example.test>\r\n'
        b"Subject: Figures for the quarter\r\nDate: Mon, 02 Mar 2026 11:00:00 +0100\r\n"
        b"Message-ID: <20260302.1@example.test>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="=_outer_8f2e"\r\n\r\n'
        b'--=_outer_8f2e\r\nContent-Type: multipart/alternative; boundary="=_inner_77ab"\r\n\r\n'
        b"--=_inner_77ab\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + b"Dear all, here are the figures.\r\n"
        * 12
        + b"\r\n--=_inner_77ab\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + b"<p>Dear all, here are the figures.</p>\r\n"
        * 12
        + b"\r\n--=_inner_77ab--\r\n\r\n--=_outer_8f2e\r\nContent-Type: application/pdf; name=figures.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=figures.pdf\r\n\r\n"
        + encoded
        + b"\r\n--=_outer_8f2e--\r\n"
    )


def measure(name: str, action: Callable[[], object], octets: int) -> None:
    """Print the best of five runs."""
    timer = timeit.Timer(action)
    count, _ = timer.autorange()
    best = min(timer.repeat(5, count)) / count
    print(f"{name:42} {best * 1e6:12.1f} us {octets / best / 1e6:10.0f} MB/s")


def main() -> None:
    """Measure small and large messages, and the standard library beside us."""
    for attachment in (1200, 1_000_000, 20_000_000):
        octets = message(attachment)
        chunks = [octets[start : start + CHUNK] for start in range(0, len(octets), CHUNK)]
        size = len(octets)
        print(f"{size} octets in pieces of {CHUNK}")
        root = scan(chunks)
        packed = pack(root)
        measure("scan", partial(scan, chunks), size)
        measure("scan, one piece", partial(scan, (octets,)), size)
        measure("describe (scan, ENVELOPE, BODYSTRUCTURE)", partial(describe, chunks), size)
        measure(f"pack ({len(packed)} octets)", partial(pack, root), len(packed))
        measure("unpack", partial(unpack, packed), len(packed))
        if size < 5_000_000:
            measure("email.message_from_bytes", partial(email.message_from_bytes, octets), size)


if __name__ == "__main__":
    main()
