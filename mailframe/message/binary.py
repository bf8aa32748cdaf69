"""Binary MIME parts made base64, so that a message consists of lines again (RFC 3030 section 3, RFC 2045 section 6).

A store keeps lines that end in CRLF, and most hosts on a message's further way take nothing else. Only parts that
say ``Content-Transfer-Encoding: binary`` are touched: their bodies become base64, their field says so; a multipart or
a message around other parts says ``8bit`` instead, since its parts do the encoding. All other octets stay as they
are. A reader who decodes gets every part back octet for octet.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from . import header
from .source import Source
from .structure import Part

_FIELD: Final = b"content-transfer-encoding"
_LINE: Final = 57
"""Octets of content in a line of base64: 76 characters (RFC 2045 section 6.8)."""


def has_binary(root: Part) -> bool:
    """Does any part say that it is binary?"""
    return root.encoding == "binary" or any(has_binary(child) for child in root.children)


def without_binary(root: Part, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The message with its binary parts made base64.

    Args:
        root: its structure, as `mailframe.message.scanner.scan` gives it.
        chunks: its octets in order; may block on files.

    Yields:
        Its octets, in pieces of about the same size.
    """
    source = Source(chunks)
    for start, stop, edit in _edits(root):
        yield from source.up_to(start)
        yield from edit(source.up_to(stop))
    yield from source.up_to(None)


_Edit = Callable[[Iterable[bytes]], Iterator[bytes]]


def _edits(part: Part) -> Iterator[tuple[int, int, _Edit]]:
    """What changes, from which offset to which, in order."""
    if part.encoding == "binary":
        whole = not part.children and not part.is_multipart
        yield part.header_start, part.body_start, _labelled_base64 if whole else _labelled_8bit
        if whole:
            yield part.body_start, part.end, _base64
    for child in part.children:
        yield from _edits(child)


def _labelled_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield _relabelled(b"".join(pieces), b"base64")


def _labelled_8bit(pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield _relabelled(b"".join(pieces), b"8bit")


def _relabelled(section: bytes, encoding: bytes) -> bytes:
    fields = [
        field.name + b": " + encoding + b"\r\n" if field.name.lower() == _FIELD else field.raw
        for field in header.fields(section)
    ]
    return b"".join(fields) + section[header.header_end(section) :]


def _base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines parted by CRLF, none behind the last: what follows the part begins with one."""
    held, between = b"", b""
    for piece in pieces:
        piece = held + piece
        whole = len(piece) - len(piece) % _LINE
        held = piece[whole:]
        if whole:
            yield between + _lines(piece[:whole])
            between = b"\r\n"
    if held:
        yield between + _lines(held)


def _lines(octets: bytes) -> bytes:
    encoded = binascii.b2a_base64(octets, newline=False)
    return b"\r\n".join([encoded[at : at + 76] for at in range(0, len(encoded), 76)])
