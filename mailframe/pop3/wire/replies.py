"""POP3 replies as octets: status indicators, extended response codes, and multi-line text (RFC 1939, RFC 2449)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mailframe.message.status import Status

END: Final = b".\r\n"
"""The end of a multi-line reply."""

LINES_A_PIECE: Final = 1000
"""Lines of a listing that are made at a time."""

_LINE_LIMIT: Final = 510
"""Octets of the first line of a reply, without its CRLF (RFC 2449 section 4 has 512 with it)."""


def ok(text: str = "") -> bytes:
    """A positive reply, or the first line of a multi-line one."""
    return _line("+OK", text)


def error(text: str, code: str = "") -> bytes:
    """A negative reply.

    Args:
        text: for people.
        code: an extended response code (RFC 2449 section 8, RFC 3206) such as ``SYS/TEMP``.
    """
    return _line("-ERR", f"[{code}] {text}" if code else text)


def render(status: Status) -> bytes:
    """What a status is in POP3."""
    if status.success:
        return ok(status.text)
    return error(status.text, response_code(status))


def response_code(status: Status) -> str:
    """The extended response code of a refusal, "" where none fits.

    Wrong credentials are ``AUTH``, so that a client asks for a new password only then; what may be better later is
    ``SYS/TEMP`` (RFC 3206).
    """
    if status.word == "AUTHENTICATIONFAILED":
        return "AUTH"
    if status.word == "INUSE":
        return "IN-USE"
    if status.word == "LOGINDELAY":
        return "LOGIN-DELAY"
    if status.temporary:
        return "SYS/TEMP"
    return ""


def challenge(base64: bytes) -> bytes:
    """A server challenge, which is in base64 already (RFC 5034 section 4)."""
    return b"+ " + base64 + b"\r\n"


def listing(first: bytes, lines: Iterable[str]) -> Iterator[bytes]:
    """A multi-line reply in pieces, made as they are asked for.

    Args:
        first: the positive reply it begins with.
        lines: ASCII without line ends; none begins with a dot.
    """
    piece = [first]
    for line in lines:
        piece.append(line.encode("ascii") + b"\r\n")
        if len(piece) > LINES_A_PIECE:
            yield b"".join(piece)
            piece = []
    piece.append(END)
    yield b"".join(piece)


def _line(indicator: str, text: str) -> bytes:
    line = f"{indicator} {text}".rstrip().encode("ascii", "replace")
    # A line end in a text would be a second reply.
    return line.replace(b"\r", b" ").replace(b"\n", b" ")[:_LINE_LIMIT] + b"\r\n"
