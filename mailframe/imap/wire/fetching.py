"""What FETCH asks for: attributes, macros, sections, partials (RFC 3501 sections 6.4.5 and 9)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .parser import Parser, bad
from .responses import astring

ATTRIBUTES_LIMIT = 100
"""Attributes one FETCH may name."""
DEPTH_LIMIT = 64
"""Numbers a part specifier may have."""
FIELDS_LIMIT = 200
"""Field names one HEADER.FIELDS may have."""


class Fact(enum.Enum):
    """An attribute that the catalogue knows; the value is its name on the wire."""

    FLAGS = b"FLAGS"
    MODSEQ = b"MODSEQ"
    UID = b"UID"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    EMAILID = b"EMAILID"
    THREADID = b"THREADID"
    SAVEDATE = b"SAVEDATE"
    PREVIEW = b"PREVIEW"


class Text(enum.Enum):
    """Which text of a part a section means."""

    ALL = ""
    HEADER = "HEADER"
    FIELDS = "HEADER.FIELDS"
    FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """A section specification.

    Attributes:
        part: the part's numbers, outermost first; () is the whole message.
        text: which text of it.
        fields: field names as they were written, for FIELDS and FIELDS_NOT.
    """

    part: tuple[int, ...] = ()
    text: Text = Text.ALL
    fields: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class BodyOctets:
    """An attribute that needs octets of the message.

    Attributes:
        section: which octets.
        label: the attribute as the response names it, ``BODY[1]<0>``.
        partial: offset and length of what is wanted of it, or None for all.
        peek: True where fetching does not set ``\\Seen``.
    """

    section: Section
    label: bytes
    partial: tuple[int, int] | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinaryOctets:
    """An attribute that needs a part without its transfer encoding (RFC 3516 section 4).

    Attributes:
        part: the part's numbers, outermost first; () is the whole message.
        label: the attribute as the response names it, ``BINARY[1]<0>``.
        partial: offset and length of what is wanted of it, or None for all.
        peek: True where fetching does not set ``\\Seen``.
        size: only how much it is.
    """

    part: tuple[int, ...]
    label: bytes
    partial: tuple[int, int] | None = None
    peek: bool = False
    size: bool = False


Attribute = Fact | BodyOctets | BinaryOctets

_MACROS = {
    "FAST": (Fact.FLAGS, Fact.INTERNALDATE, Fact.SIZE),
    "ALL": (Fact.FLAGS, Fact.INTERNALDATE, Fact.SIZE, Fact.ENVELOPE),
    "FULL": (Fact.FLAGS, Fact.INTERNALDATE, Fact.SIZE, Fact.ENVELOPE, Fact.BODY),
}
_FACTS = {fact.value.decode("ascii"): fact for fact in Fact}
_WHOLE: dict[str, BodyOctets] = {
    "RFC822": BodyOctets(Section(), b"RFC822"),
    "RFC822.HEADER": BodyOctets(Section(text=Text.HEADER), b"RFC822.HEADER", peek=True),
    "RFC822.TEXT": BodyOctets(Section(text=Text.TEXT), b"RFC822.TEXT"),
}


def fetch_attributes(parser: Parser) -> tuple[Attribute, ...]:
    """Take what follows the sequence set of FETCH: a macro, one attribute, or a list; without repetitions."""
    if not parser.accept(b"("):
        word = parser.word()
        return _MACROS[word] if word in _MACROS else (_attribute(parser, word),)
    found = {_attribute(parser, parser.word()): None}
    while parser.accept(b" "):
        found[_attribute(parser, parser.word())] = None
        if len(found) > ATTRIBUTES_LIMIT:
            raise bad("Too many attributes to fetch")
    parser.expect(b")")
    return tuple(found)


def section(parser: Parser) -> Section:
    """Take a section with its brackets: ``[1.2.HEADER.FIELDS (Subject)]``."""
    parser.expect(b"[")
    if parser.accept(b"]"):
        return Section()
    part = _part(parser)
    text = Text.ALL
    fields: tuple[bytes, ...] = ()
    if parser.peek() != b"]":
        text = _text(parser.word())
        if text is Text.MIME and not part:
            raise bad("MIME needs a part number before it")
        if text in (Text.FIELDS, Text.FIELDS_NOT):
            fields = _fields(parser)
    parser.expect(b"]")
    return Section(part, text, fields)


def render_section(wanted: Section) -> bytes:
    """A section as a response names it, with its brackets."""
    pieces = [str(number) for number in wanted.part]
    if wanted.text is not Text.ALL:
        pieces.append(wanted.text.value)
    words = ".".join(pieces).encode("ascii")
    if wanted.fields:
        words += b" (" + b" ".join(map(astring, wanted.fields)) + b")"
    return b"[" + words + b"]"


def _attribute(parser: Parser, word: str) -> Attribute:
    if word in ("BODY", "BODY.PEEK") and parser.peek() == b"[":
        return _body(parser, peek=word == "BODY.PEEK")
    if word in ("BINARY", "BINARY.PEEK", "BINARY.SIZE"):
        return _binary(parser, word)
    if word == "PREVIEW" and parser.accept(b" (LAZY)"):
        # What this server has not got yet it makes at once (RFC 8970 section 3.1).
        return Fact.PREVIEW
    found = _FACTS.get(word) or _WHOLE.get(word)
    if found is None:
        raise bad("There is no such attribute to fetch")
    return found


def _body(parser: Parser, *, peek: bool) -> BodyOctets:
    wanted = section(parser)
    label = b"BODY" + render_section(wanted)
    if not parser.accept(b"<"):
        return BodyOctets(wanted, label, None, peek)
    offset, length = _partial(parser)
    return BodyOctets(wanted, label + b"<%d>" % offset, (offset, length), peek)


def _binary(parser: Parser, word: str) -> BinaryOctets:
    parser.expect(b"[")
    part = () if parser.peek() == b"]" else _part(parser)
    parser.expect(b"]")
    numbers = ".".join(map(str, part)).encode("ascii")
    if word == "BINARY.SIZE":
        return BinaryOctets(part, b"BINARY.SIZE[%b]" % numbers, peek=True, size=True)
    label, peek = b"BINARY[%b]" % numbers, word == "BINARY.PEEK"
    if not parser.accept(b"<"):
        return BinaryOctets(part, label, None, peek)
    offset, length = _partial(parser)
    return BinaryOctets(part, label + b"<%d>" % offset, (offset, length), peek)


def _partial(parser: Parser) -> tuple[int, int]:
    """What stands behind ``<``."""
    offset = parser.number64()
    parser.expect(b".")
    length = parser.number64()
    if not length:
        raise bad("A number must not be zero")
    parser.expect(b">")
    return offset, length


def _part(parser: Parser) -> tuple[int, ...]:
    """The numbers before the text, and the dot between them and it."""
    numbers: list[int] = []
    while parser.peek().isdigit():
        numbers.append(parser.nz_number())
        if len(numbers) > DEPTH_LIMIT:
            raise bad("A part specifier is too deep")
        if not parser.accept(b"."):
            if parser.peek() != b"]":
                raise bad("Expected ']' after a part number")
            break
    else:
        if parser.peek() == b"]":
            raise bad("A part specifier ends in a dot")
    return tuple(numbers)


def _text(word: str) -> Text:
    try:
        return Text(word)
    except ValueError:
        raise bad("There is no such section") from None


def _fields(parser: Parser) -> tuple[bytes, ...]:
    parser.space()
    parser.expect(b"(")
    names = [_field(parser)]
    while parser.accept(b" "):
        names.append(_field(parser))
        if len(names) > FIELDS_LIMIT:
            raise bad("Too many field names")
    parser.expect(b")")
    return tuple(names)


def _field(parser: Parser) -> bytes:
    name = parser.astring()
    if not name or not name.isascii() or b"\r" in name or b"\n" in name:
        raise bad("There is no field of such a name")
    return name
