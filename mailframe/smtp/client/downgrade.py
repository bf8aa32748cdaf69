"""Making a message fit for a server that takes less: 8 bit to 7 bit, binary to lines (RFC 6152 section 3, RFC 3030).

A server without 8BITMIME must not be sent octets above 127, one without BINARYMIME nothing but lines. Each leaf part
that has what the server does not take is encoded anew: text as quoted-printable, all else as base64. Everything
else stays as it is, octet for octet. What cannot be encoded is refused with 5.6.3: header sections that are not ASCII
(RFC 2047 needs to know their charset), and parts under ``multipart/signed`` or ``multipart/encrypted``, whose octets
were signed (RFC 1847 section 2.1). A DKIM signature over the body does not survive; a bounce would be worse.

The structure is found in one pass by `mailframe.message.scanner`; the second pass, while sending, encodes piece by
piece, so that a large message is never in memory.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mailframe.message.header import fields
from mailframe.message.scanner import scan
from mailframe.message.source import Source
from mailframe.message.status import MailframeError, Status
from mailframe.message.structure import Part

from .content import NOT_LINE_ENDS

NOT_CONVERTIBLE: Final = Status(
    (5, 6, 3), "The next server takes 7-bit mail only, and this cannot be converted"
)
_BASE64_OCTETS: Final = 57  # 76 characters a line (RFC 2045 section 6.8)
_PLAIN: Final = ("7bit", "8bit", "binary")
_NOT_CONVERTED: Final = frozenset(("signed", "encrypted"))

Target = Literal["7bit", "8bit"]
"""What the server takes: ASCII lines only, or lines of any octets."""


@dataclass(frozen=True, slots=True)
class Change:
    """Some octets of the message, and what becomes of them.

    Attributes:
        start, end: where they are.
        make: takes the octets in pieces; gives others.
    """

    start: int
    end: int
    make: Callable[[Iterable[bytes]], Iterator[bytes]]


def plan(chunks: Callable[[], Iterable[bytes]], target: Target) -> Sequence[Change]:
    """What has to be changed.

    Args:
        chunks: gives the message's octets anew each time it is called; called twice.
        target: what the server takes.

    Returns:
        Changes in message order that do not overlap.

    Raises:
        MailframeError: 5.6.3, it cannot be done.
    """
    root = scan(chunks())
    spans = _Spans(chunks())
    changes: list[Change] = []
    _visit(root, target, spans, changes, top=True, frozen=False)
    return changes


def changed(chunks: Iterable[bytes], changes: Sequence[Change]) -> Iterator[bytes]:
    """The message with the changes made.

    Args:
        chunks: its octets in order.
        changes: from `plan`.
    """
    source = Source(chunks)
    for change in changes:
        yield from source.up_to(change.start)
        yield from change.make(source.up_to(change.end))
    yield from source.up_to(None)


def _visit(
    part: Part, target: Target, spans: _Spans, changes: list[Change], *, top: bool, frozen: bool
) -> None:
    """A part and all below it, in message order, which is also the order in which ``spans`` is read."""
    header = spans.take(part.header_start, part.body_start)
    if target == "7bit" and not header.isascii():
        raise MailframeError(NOT_CONVERTIBLE, "a header section is not ASCII")
    frozen = frozen or (part.is_multipart and part.subtype in _NOT_CONVERTED)
    if not part.children:
        _visit_leaf(part, header, target, spans, changes, top=top, frozen=frozen)
        return
    if part.encoding == "binary" or (part.encoding == "8bit" and target == "7bit"):
        # RFC 2045 section 6.4: what holds others says what is the most inside; now that is less.
        _change_header(part, header, target, changes)
    place = part.body_start
    for child in part.children:
        _check_between(spans, place, child.header_start, target)
        _visit(child, target, spans, changes, top=part.is_message, frozen=frozen)
        place = child.end
    _check_between(spans, place, part.end, target)


def _visit_leaf(
    part: Part,
    header: bytes,
    target: Target,
    spans: _Spans,
    changes: list[Change],
    *,
    top: bool,
    frozen: bool,
) -> None:
    ascii_only, lines_only = spans.nature(part.body_start, part.end)
    if part.encoding != "binary" and lines_only and (ascii_only or target == "8bit"):
        return
    if frozen or part.media_type in ("multipart", "message") or part.encoding not in _PLAIN:
        # Signed, or of a type that must not be encoded (RFC 2046 section 5.2), or not what it says it is.
        raise MailframeError(
            NOT_CONVERTIBLE, f"a part of type {part.media_type}/{part.subtype} is not {target}"
        )
    text = part.media_type == "text" and part.encoding != "binary" and lines_only
    _change_header(part, header, "quoted-printable" if text else "base64", changes, message=top)
    changes.append(Change(part.body_start, part.end, _quoted_printable if text else _base64))


def _check_between(spans: _Spans, start: int, end: int, target: Target) -> None:
    """Boundaries, and what is before the first and behind the last, belong to no part that could be encoded."""
    ascii_only, lines_only = spans.nature(start, end)
    if not lines_only or (target == "7bit" and not ascii_only):
        raise MailframeError(NOT_CONVERTIBLE, f"what is between the parts is not {target}")


def _change_header(
    part: Part, header: bytes, encoding: str, changes: list[Change], *, message: bool = False
) -> None:
    made = _with_encoding(header, encoding, message)
    changes.append(Change(part.header_start, part.body_start, lambda pieces: _replaced(pieces, made)))


def _replaced(pieces: Iterable[bytes], made: bytes) -> Iterator[bytes]:
    for _ in pieces:
        pass
    yield made


def _with_encoding(header: bytes, encoding: str, message: bool) -> bytes:
    """A header section, with its empty line, that says another Content-Transfer-Encoding."""
    found = fields(header)
    names = {field.name.lower() for field in found}
    kept = b"".join([field.raw for field in found if field.name.lower() != b"content-transfer-encoding"])
    if kept and not kept.endswith(b"\r\n"):
        kept += b"\r\n"
    if message and b"mime-version" not in names:
        kept += b"MIME-Version: 1.0\r\n"
        if b"content-type" not in names:
            # RFC 1428: text of which nobody said what it is written in.
            kept += b"Content-Type: text/plain; charset=unknown-8bit\r\n"
    return kept + b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"


def _base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held, first = b"", True
    for piece in pieces:
        octets = held + piece
        whole = len(octets) - len(octets) % _BASE64_OCTETS
        held = octets[whole:]
        for start in range(0, whole, _BASE64_OCTETS):
            # A line's CRLF goes before the next one: the last belongs to the boundary.
            line = base64.b64encode(octets[start : start + _BASE64_OCTETS])
            yield line if first else b"\r\n" + line
            first = False
    if held:
        yield base64.b64encode(held) if first else b"\r\n" + base64.b64encode(held)


def _quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 2045 section 6.7, line by line; a line may be as long as the sender likes, so pieces of it are encoded."""
    held = b""
    for piece in pieces:
        octets = held + piece
        end = octets.rfind(b"\r\n")
        if end < 0:
            held = octets
            if len(held) > 65536:
                # A line without an end: cut it softly, not at what may be half of a CRLF.
                cut = len(held) - 1
                yield _encode_lines(held[:cut]) + b"=\r\n"
                held = held[cut:]
            continue
        yield _encode_lines(octets[: end + 2])
        held = octets[end + 2 :]
    if held:
        yield _encode_lines(held)


def _encode_lines(octets: bytes) -> bytes:
    lines = octets.split(b"\r\n")
    return b"\r\n".join([_encode_line(line) for line in lines])


def _encode_line(line: bytes) -> bytes:
    # Line ends inside a line are bare ones, and become =0D and =0A; so every LF that comes out is a soft line break.
    return binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n")


class _Spans:
    """Looks at one span of a stream after another, without keeping more than was asked for."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._source = Source(chunks)

    def take(self, start: int, end: int) -> bytes:
        """The octets of a span."""
        self._skip(start)
        return b"".join(self._source.up_to(end))

    def nature(self, start: int, end: int) -> tuple[bool, bool]:
        """Is a span ASCII, and is it lines: no CR or LF alone?"""
        self._skip(start)
        ascii_only, pairs, ends, last = True, 0, 0, b""
        for piece in self._source.up_to(end):
            ascii_only = ascii_only and piece.isascii()
            pairs += piece.count(b"\r\n") + (last == b"\r" and piece.startswith(b"\n"))
            ends += len(piece.translate(None, NOT_LINE_ENDS))
            last = piece[-1:]
        return ascii_only, ends == 2 * pairs

    def _skip(self, start: int) -> None:
        for _ in self._source.up_to(start):
            pass
