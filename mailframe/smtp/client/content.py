"""What must be known of a message's octets before it is sent, and putting its line ends right. No I/O.

The envelope says what the sender declared (BODY, SMTPUTF8), and senders err. So the content is looked at once: with
``bytes.isascii`` and counts over whole chunks this takes far less time than sending it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

HEADER_LIMIT: Final = 1024 * 1024
"""Octets of a header section; what follows counts as body."""
NOT_LINE_ENDS: Final = bytes(octet for octet in range(256) if octet not in b"\r\n")
"""For ``translate``: all octets but CR and LF."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a content is.

    Attributes:
        size: octets.
        eight_bit_header: an octet of the header section is not ASCII.
        utf8_header: and the section is UTF-8 nevertheless: an internationalised header (RFC 6532).
        eight_bit_body: an octet behind the header section is not ASCII.
        bare: a CR or LF stands alone.
        ended: it ends in CRLF, or is empty.
    """

    size: int = 0
    eight_bit_header: bool = False
    utf8_header: bool = False
    eight_bit_body: bool = False
    bare: bool = False
    ended: bool = True

    @property
    def eight_bit(self) -> bool:
        """Is anything not ASCII?"""
        return self.eight_bit_header or self.eight_bit_body


def examine(chunks: Iterable[bytes]) -> Facts:
    """Look at a content once.

    Args:
        chunks: its octets in order, in pieces of any size.
    """
    header = _Header()
    size = pairs = ends = 0
    eight_bit_body = False
    last = b""
    for chunk in chunks:
        if not chunk:
            continue
        size += len(chunk)
        pairs += chunk.count(b"\r\n") + (last.endswith(b"\r") and chunk.startswith(b"\n"))
        ends += len(chunk.translate(None, NOT_LINE_ENDS))
        last = (last + chunk)[-2:] if len(chunk) < 2 else chunk[-2:]
        body = header.feed(chunk)
        eight_bit_body = eight_bit_body or not body.isascii()
    octets = bytes(header.octets)
    eight_bit_header = not octets.isascii()
    return Facts(
        size=size,
        eight_bit_header=eight_bit_header,
        utf8_header=eight_bit_header and _is_utf8(octets),
        eight_bit_body=eight_bit_body,
        bare=ends != 2 * pairs,
        ended=not size or last == b"\r\n",
    )


def normalised(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same with each bare CR or LF as CRLF, and the last line ended."""
    held, last = b"", b"\r\n"
    for piece in chunks:
        chunk = held + piece
        held = b"\r" if chunk.endswith(b"\r") else b""
        chunk = chunk[: len(chunk) - len(held)]
        if chunk:
            made = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
            last = made[-2:]
            yield made
    if held:
        last = b"\r\n"
        yield last
    if last != b"\r\n":
        yield b"\r\n"


class _Header:
    """Gathers the header section and passes on what is behind it."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self._over = False

    def feed(self, chunk: bytes) -> bytes:
        """The part of a chunk that is body."""
        if self._over:
            return chunk
        before = len(self.octets)
        self.octets += chunk
        if self.octets.startswith(b"\r\n"):
            end = 0
        else:
            found = self.octets.find(b"\r\n\r\n", max(0, before - 3), HEADER_LIMIT)
            end = found + 2 if found >= 0 else -1
        if end < 0 and len(self.octets) < HEADER_LIMIT:
            return b""
        self._over = True
        end = end if end >= 0 else HEADER_LIMIT
        body = bytes(self.octets[end:])
        del self.octets[end:]
        return body


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
