"""Text in header fields: encoded words (RFC 2047) and raw 8-bit, decoded with tolerance.

Decoding never fails: an unknown charset or a broken encoding gives the best text there is. The result is for
searching and showing, never for sending on.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import encodings
import re
from encodings.aliases import aliases
from functools import lru_cache
from pkgutil import iter_modules

TEXT_LIMIT = 1024 * 1024
"""Octets of a field that are decoded; the rest is left out."""

# Names that are not Python's, and charsets that are a part of what senders mean by them (WHATWG encodings).
_ALIASES = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-874": "cp874",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "utf8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
}
# Text encodings of Python that are no charsets of mail, and fail where others replace.
_NOT_CHARSETS = frozenset(("unicode-escape", "raw-unicode-escape", "undefined", "idna", "punycode"))

LENIENT = "mailframe.lenient"
"""The name of an error handler for `bytes.decode`: octets that are not UTF-8 are read as Windows-1252."""


def _lenient(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(LENIENT, _lenient)

# The longest encoded word is 75 octets by RFC 2047, but some clients write whole lines as one.
_WORD = re.compile(rb"=\?([!-<>-~]{1,60})\?([bBqQ])\?([^?\r\n]*+)\?=")
_GAP = re.compile(rb"\s++")


# Python remembers every name that it was ever asked for and does not know, and looks for a module of that name:
# senders invent more of them than there is memory.
_CODECS = frozenset((*aliases, *(module.name for module in iter_modules(encodings.__path__))))


@lru_cache(maxsize=256)
def _codec(name: str) -> str | None:
    name = encodings.normalize_encoding(_ALIASES.get(name, name))
    if _CODECS.isdisjoint((name, name.replace(".", "_"))):
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # Python's bytes-to-bytes transforms (zlib, rot13 ...) are not charsets.
    charset = getattr(found, "_is_text_encoding", True) and found.incrementaldecoder is not None
    return found.name if charset and found.name not in _NOT_CHARSETS else None


def codec(charset: bytes) -> str | None:
    """The Python codec for a charset's name as it stands in mail, or None when it is not known."""
    name = charset[:60].decode("ascii", "replace").strip().lower()
    # RFC 2231 section 5: a language may follow the charset of an encoded word.
    return _codec(name.partition("*")[0])


def to_text(octets: bytes, charset: bytes | None = None) -> str:
    """Decode octets, whatever they are.

    Args:
        octets: the text.
        charset: what the sender says it is. Where that is None or not known, the text is read as UTF-8 if it
            is that, else as Windows-1252; where it is wrong, what cannot be decoded becomes U+FFFD.
    """
    name = codec(charset) if charset else None
    if name is not None:
        with contextlib.suppress(UnicodeError):
            return octets.decode(name, "replace")
    return octets.decode("utf-8", LENIENT)


def decode_words(body: bytes) -> str:
    """Decode the body of a field: encoded words, and what is raw as UTF-8 (RFC 6532).

    White space between two encoded words is dropped, and neighbours in one charset are decoded together,
    because clients cut characters in two.

    Args:
        body: an unfolded body; what is over `TEXT_LIMIT` octets is left out.
    """
    body = body[:TEXT_LIMIT]
    if b"=?" not in body:
        return to_text(body)
    pieces: list[tuple[bytes, bytearray]] = []
    position, after_word = 0, False
    for match in _WORD.finditer(body):
        between = body[position : match.start()]
        if between and not (after_word and _GAP.fullmatch(between)):
            pieces.append((b"", bytearray(between)))
        charset = match[1].lower().partition(b"*")[0]
        if not pieces or pieces[-1][0] != charset:
            pieces.append((charset, bytearray()))
        pieces[-1][1].extend(_decode_word(match[2], match[3]))
        position, after_word = match.end(), True
    pieces.append((b"", bytearray(body[position:])))
    return "".join(to_text(bytes(octets), charset) for charset, octets in pieces)


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"bB":
        return decode_base64(text)
    return binascii.a2b_qp(text.replace(b"_", b"=20"))


def decode_base64(octets: bytes) -> bytes:
    """Decode base64 whatever stands between its letters, and without regard to missing padding."""
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        pass
    letters = octets.translate(None, _NOT_BASE64).partition(b"=")[0]
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


_NOT_BASE64 = bytes(
    octet
    for octet in range(256)
    if octet not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
