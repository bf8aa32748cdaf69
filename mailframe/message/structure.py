"""The MIME structure of a message, with the offset of every part (RFC 2045, RFC 2046).

A `Part` says what a part is and where it lies; offsets count octets with CRLF line ends from the start of the
message, so that ``BODY[1.2]<0.4096>`` is one read of a file. `mailframe.message.scanner` makes the tree,
`pack` keeps it in a catalogue, `section_span` answers where a section of IMAP's FETCH lies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .parameters import Parameters, decoded, get

PACK_VERSION = 1
"""The first octet of what `pack` gives."""


class Part(NamedTuple):
    """One part of a message, or the message itself (the root).

    Attributes:
        media_type, subtype: in lower case; ``text`` and ``plain`` where nothing valid is said.
        parameters: of Content-Type, names in lower case, values as sent without quoting.
        content_id, description, md5, location: bodies of these fields, unfolded, or None.
        encoding: Content-Transfer-Encoding in lower case, ``7bit`` where none is given.
        disposition: type in lower case and parameters of Content-Disposition, or None.
        language: tags of Content-Language.
        header_start: where its header section starts.
        body_start: where its body starts, behind the empty line.
        end: where its body ends. The CRLF before a boundary belongs to the boundary.
        lines: line ends in the body.
        children: parts of a multipart, or the one message inside a message/rfc822 or message/global.
    """

    media_type: str
    subtype: str
    parameters: Parameters
    content_id: bytes | None
    description: bytes | None
    encoding: str
    md5: bytes | None
    disposition: tuple[bytes, Parameters] | None
    language: tuple[bytes, ...]
    location: bytes | None
    header_start: int
    body_start: int
    end: int
    lines: int
    children: tuple[Part, ...] = ()

    @property
    def octets(self) -> int:
        """Octets of the body."""
        return self.end - self.body_start

    @property
    def is_multipart(self) -> bool:
        """True for a multipart; it may have no children when its boundary never came."""
        return self.media_type == "multipart"

    @property
    def is_message(self) -> bool:
        """True when ``children`` is the one message inside."""
        return self.media_type == "message" and bool(self.children)

    @property
    def charset(self) -> bytes | None:
        """The charset parameter as sent, or None."""
        return get(self.parameters, b"charset")

    @property
    def filename(self) -> str | None:
        """The name a client would give a file made of it, decoded; None where there is none."""
        if self.disposition is not None:
            name = decoded(self.disposition[1], b"filename")
            if name is not None:
                return name
        return decoded(self.parameters, b"name")

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in message order."""
        yield self
        for child in self.children:
            yield from child.walk()


def part_at(root: Part, numbers: Sequence[int]) -> Part | None:
    """The part IMAP names with these numbers (RFC 9051 section 6.4.5.1), or None.

    A message that is no multipart has one part, 1, which is its body. Numbers behind a message/rfc822 count
    the parts of the message inside. No numbers at all name the root.
    """
    part, top = root, True
    for number in numbers:
        if not top and part.is_message:
            part, top = part.children[0], True
        if part.is_multipart:
            if not 1 <= number <= len(part.children):
                return None
            part, top = part.children[number - 1], False
        elif top and number == 1:
            top = False
        else:
            return None
    return part


def section_span(root: Part, numbers: Sequence[int], text: str = "") -> tuple[int, int] | None:
    """Where a section of FETCH BODY[...] lies.

    Args:
        root: the message.
        numbers: the part's numbers, none for the message itself.
        text: ``""`` for the whole, ``HEADER`` (also what HEADER.FIELDS chooses from) or ``TEXT`` of a
            message, ``MIME`` for the header of a part.

    Returns:
        Offset and length in octets; None where there is no such section, and IMAP answers NIL.
    """
    part = part_at(root, numbers)
    if part is None:
        return None
    if not numbers:
        start = part.header_start if text in ("", "HEADER") else part.body_start
        return _span(start, part.body_start if text == "HEADER" else part.end) if text != "MIME" else None
    if text == "":
        return _span(part.body_start, part.end)
    if text == "MIME":
        return _span(part.header_start, part.body_start)
    if not part.is_message:
        return None
    return section_span(part.children[0], (), text)


def _span(start: int, end: int) -> tuple[int, int]:
    return start, end - start


def pack(root: Part) -> bytes:
    """The tree as octets for a catalogue: a version octet, then JSON with octets as Latin-1.

    JSON because the C reader of the standard library is faster than anything written in Python, and a person
    can read it in a database. About 100 octets a part.
    """
    text = _ENCODER.encode(root)
    return bytes((PACK_VERSION,)) + text.encode("latin-1")


def unpack(octets: bytes) -> Part:
    """The tree `pack` was given.

    Raises:
        ValueError: packed by another version, or damaged; the caller describes the message again.
    """
    if octets[:1] != bytes((PACK_VERSION,)):
        raise ValueError(f"not a structure packed by version {PACK_VERSION}")
    try:
        return _part(json.loads(octets[1:].decode("latin-1")))
    except (TypeError, IndexError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"a damaged structure: {error}") from error


def _latin1(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(f"cannot pack {type(value).__name__}")


_ENCODER = json.JSONEncoder(default=_latin1, ensure_ascii=False, separators=(",", ":"), check_circular=False)


def _octets(value: str | None) -> bytes | None:
    return None if value is None else value.encode("latin-1")


def _parameters(values: list[list[str]]) -> Parameters:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in values)


def _part(values: list[Any]) -> Part:
    (kind, subtype, parameters, content_id, description, encoding, md5, disposition, language, location) = (
        values[:10]
    )
    header_start, body_start, end, lines, children = values[10:]
    return Part(
        kind,
        subtype,
        _parameters(parameters) if parameters else (),
        _octets(content_id),
        _octets(description),
        encoding,
        _octets(md5),
        None if disposition is None else (disposition[0].encode("latin-1"), _parameters(disposition[1])),
        tuple(tag.encode("latin-1") for tag in language),
        _octets(location),
        header_start,
        body_start,
        end,
        lines,
        tuple([_part(child) for child in children]),
    )
