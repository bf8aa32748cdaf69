"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231).

The reader takes anything: comments and obsolete white space are dropped, what cannot be understood is passed
over. Values stay octets as sent; `decoded` gives the text of one parameter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from .tokens import comment_end, unquote
from .words import decode_words, to_text

Parameters = tuple[tuple[bytes, bytes], ...]
"""Name in lower case and value without quoting, in the order sent; RFC 2231 pieces stay pieces."""

_CACHED_LENGTH = 120
_NUMBER_LIMIT = 1000
# A quoted string (its end may be missing), a run of other octets, a mark, or white space.
_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)"?|([^;="()\s]++)|([;=()"\\])|\s++', re.DOTALL)


def parse(octets: bytes) -> tuple[bytes, Parameters]:
    """Read a value and its parameters.

    Args:
        octets: an unfolded field body.

    Returns:
        The value without comments and white space (not lower-cased), and the parameters.
    """
    if len(octets) <= _CACHED_LENGTH:
        return _parse_cached(octets)
    return _parse(octets)


def _parse(octets: bytes) -> tuple[bytes, Parameters]:
    if b"(" in octets or b'"' in octets:
        return _parse_tokens(octets)
    value, *pieces = octets.split(b";")
    pairs = [piece.partition(b"=") for piece in pieces]
    return _squeeze(value), tuple(
        (name, text.strip())
        for written, equals, text in pairs
        if equals and (name := _squeeze(written).lower())
    )


# "text/plain; charset=utf-8" and the like come again and again; a long value comes once.
_parse_cached = lru_cache(maxsize=2048)(_parse)


def _squeeze(octets: bytes) -> bytes:
    return b"".join(octets.split())


def _parse_tokens(octets: bytes) -> tuple[bytes, Parameters]:
    """The general case: pieces between semicolons, ``name = value`` with white space and comments anywhere."""
    pieces: list[tuple[bytes, bool, bytes]] = []
    name, text = bytearray(), bytearray()
    current, equals, gap, position = name, False, False, 0
    while match := _TOKEN.match(octets, position):
        position = match.end()
        quoted, run, mark = match.groups()
        if quoted is not None:
            current += unquote(quoted)
        elif run is not None:
            # Some clients do not quote file names with spaces in them.
            current += b" " + run if gap and equals and text else run
        elif mark == b"(":
            position = comment_end(octets, match.start())
        elif mark == b";":
            pieces.append((bytes(name), equals, bytes(text)))
            name, text = bytearray(), bytearray()
            current, equals = name, False
        elif mark == b"=" and pieces and not equals:
            current, equals = text, True
        elif mark == b"=":
            current += mark
        gap = match[0].isspace()
    pieces.append((bytes(name), equals, bytes(text)))
    parameters = tuple((name.lower(), text) for name, equals, text in pieces[1:] if equals and name)
    return pieces[0][0], parameters


def get(parameters: Parameters, name: bytes) -> bytes | None:
    """The first parameter of this name (lower case) as sent, or None."""
    for key, value in parameters:
        if key == name:
            return value
    return None


def decoded(parameters: Parameters, name: bytes) -> str | None:
    """The text of a parameter: RFC 2231 pieces joined and decoded, otherwise encoded words decoded.

    Encoded words in parameters are not allowed (RFC 2047 section 5), but many clients send file names so.
    """
    pieces: dict[int, tuple[bool, bytes]] = {}
    prefix = name + b"*"
    plain: bytes | None = None
    for key, value in parameters:
        if key == name:
            plain = plain if plain is not None else value
        elif key.startswith(prefix):
            rest = key[len(prefix) :]
            extended = rest.endswith(b"*") or not rest
            number = rest.rstrip(b"*")
            if not number:
                pieces.setdefault(0, (extended, value))
            elif number.isdigit() and len(number) <= 3:
                pieces.setdefault(int(number), (extended, value))
    if 0 in pieces:
        return _joined(pieces)
    return decode_words(plain) if plain is not None else None


def _joined(pieces: dict[int, tuple[bool, bytes]]) -> str:
    """RFC 2231 section 4.1: the first piece names the charset, each piece says whether it is encoded."""
    charset: bytes | None = None
    octets = bytearray()
    for number in range(_NUMBER_LIMIT):
        if number not in pieces:
            break
        extended, value = pieces[number]
        if number == 0 and extended and value.count(b"'") >= 2:
            charset, _, value = value.split(b"'", 2)
        octets += unquote_to_bytes(value) if extended else value
    return to_text(bytes(octets), charset)
