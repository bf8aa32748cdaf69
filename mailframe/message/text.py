"""The text of a message, decoded for searching: header fields and the text parts (RFC 9051 section 6.4.4).

All is decoded piece by piece, so that a message of any size needs little memory, and nothing fails: what
cannot be decoded becomes U+FFFD or is left out. Of HTML there is the text without its tags. Of attachments that are
not text there is the name.
"""

from __future__ import annotations

import codecs
import contextlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from . import header
from .markup import MarkupText
from .structure import Part
from .transfer_decoding import Identity, decoder
from .words import LENIENT, codec, decode_words

PIECE = 64 * 1024
"""Octets of a body read and decoded at a time."""

PENDING_LIMIT = 64 * 1024
"""Octets that a charset may keep back until it can tell what they are. UTF-7 does so until a run of its letters ends,
and reads all of them again with each piece."""

Read = Callable[[int, int], bytes]
"""Octets of a message by offset and length, with CRLF line ends; fewer where the message ends."""

# Windows writes the low octet first.
_WITHOUT_ORDER = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}


def fold_case(text: str) -> str:
    """Text in the form searches compare: without case, and compatible characters alike (RFC 5051).

    Both what is looked for and what is looked through must be folded.
    """
    if text.isascii():
        return text.lower()
    # Twice: what is decomposed may have a case again (the letter C of the complex numbers).
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFKD", decomposed.casefold())


class Lookout:
    """Looks for texts in a longer one that comes in pieces, without regard to case; all of them in one go.

    Args:
        needles: what to look for, in the form of `fold_case`.

    Attributes:
        found: those that are in what came so far.
        missing: the others.
    """

    def __init__(self, needles: Iterable[str]) -> None:
        self.missing = set(needles)
        self.found: set[str] = set()
        self._overlap = max(0, max(map(len, self.missing), default=0) - 1)
        self._tail = ""
        self._note("")

    def feed(self, piece: str) -> None:
        """The next piece, as the functions here give it."""
        text = self._tail + fold_case(piece)
        self._note(text)
        self._tail = text[max(0, len(text) - self._overlap) :]

    def _note(self, text: str) -> None:
        found = {needle for needle in self.missing if needle in text}
        self.found |= found
        self.missing -= found


def header_texts(octets: bytes) -> Iterator[str]:
    """The fields of a header section, decoded: one ``Name: body`` and line end a piece."""
    for field in header.fields(octets):
        if field.name:
            yield f"{field.name.decode('ascii')}: {decode_words(field.body)}\n"


def message_texts(root: Part, read: Read) -> Iterator[str]:
    """What BODY looks through: all but the message's own header section.

    Args:
        root: the message's structure.
        read: reads its octets; called with at most `PIECE` octets a time for bodies, and with the length of
            a header section.

    Returns:
        Pieces of text, in message order; a line end stands between parts.
    """
    for part in root.walk():
        if part.is_message:
            inner = part.children[0]
            yield from header_texts(read(inner.header_start, inner.body_start - inner.header_start))
        if (filename := part.filename) is not None:
            yield f"{filename}\n"
        if not part.children and part.media_type in ("text", "message"):
            yield from shown_text(part, read)
            yield "\n"


def shown_text(part: Part, read: Read) -> Iterator[str]:
    """The body of a text part as its reader sees it, in pieces: of HTML the text alone (`MarkupText`)."""
    pieces = part_text(part, read)
    if part.subtype != "html":
        yield from pieces
        return
    markup = MarkupText()
    for piece in pieces:
        yield markup.feed(piece)
    yield markup.close()


def part_text(part: Part, read: Read) -> Iterator[str]:
    """The body of a text part, its encoding and charset undone, in pieces."""
    name = codec(part.charset) if part.charset else None
    decoder = _decoder(name)
    for octets in decoded_body(part, read):
        try:
            text = decoder.decode(octets)
        except UnicodeError:
            # Some codecs raise whatever they are told to do with errors: UTF-16 when no byte order comes first.
            decoder = _decoder(_WITHOUT_ORDER.get(name or ""))
            text = decoder.decode(octets)
        if text:
            yield text
        if isinstance(decoder, codecs.BufferedIncrementalDecoder) and len(decoder.buffer) > PENDING_LIMIT:
            yield decoder.decode(b"", True)
            decoder.reset()
    with contextlib.suppress(UnicodeError):
        yield decoder.decode(b"", True)


def _decoder(name: str | None) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(name or "utf-8")("replace" if name else LENIENT)


def decoded_body(part: Part, read: Read) -> Iterator[bytes]:
    """The body of a part without its transfer encoding (RFC 2045 section 6), in pieces."""
    decoding = decoder(part.encoding) or Identity()
    for piece in _pieces(part, read):
        yield decoding.feed(piece)
    yield decoding.finish()


def _pieces(part: Part, read: Read) -> Iterator[bytes]:
    offset = part.body_start
    while offset < part.end:
        piece = read(offset, min(PIECE, part.end - offset))
        if not piece:
            return
        yield piece
        offset += len(piece)
