"""How fast the MIME scanner, the packing and the description are: ``python benchmarks/message_structure.py``."""

from __future__ import annotations

import base64
import email
import os
import timeit
from collections.abc import Callable

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
        measure("scan", lambda c=chunks: scan(c), size)  # type: ignore[misc]
        measure("scan, one piece", lambda o=octets: scan((o,)), size)  # type: ignore[misc]
        measure("describe (scan, ENVELOPE, BODYSTRUCTURE)", lambda c=chunks: describe(c), size)  # type: ignore[misc]
        measure(f"pack ({len(packed)} octets)", lambda r=root: pack(r), len(packed))  # type: ignore[misc]
        measure("unpack", lambda p=packed: unpack(p), len(packed))  # type: ignore[misc]
        if size < 5_000_000:
            measure("email.message_from_bytes", lambda o=octets: email.message_from_bytes(o), size)  # type: ignore[misc]


if __name__ == "__main__":
    main()
