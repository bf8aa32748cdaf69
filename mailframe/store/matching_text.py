"""The text of one message as SEARCH compares it: decoded, without case, read only as far as it is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from math import inf
from typing import Protocol

from mailframe.message import header
from mailframe.message.dates import parse_date
from mailframe.message.scanner import scan
from mailframe.message.structure import Part, unpack
from mailframe.message.text import Lookout, fold_case, message_texts
from mailframe.message.words import decode_words


class Source(Protocol):
    """Where the octets of one message come from; every method may block, so all is done in a store's thread."""

    def header(self) -> bytes:
        """Octets from the start of the message, at least its whole header section."""

    def structure(self) -> Part:
        """Its structure with offsets."""

    def read(self, offset: int, length: int) -> bytes:
        """A piece of it, CRLF line ends counted; fewer octets where it ends."""


class OctetsSource:
    """A message in memory.

    Args:
        octets: all of it, with CRLF line ends.
        parts: `Description.parts` where it is known; else the octets are scanned when that is needed.
    """

    def __init__(self, octets: bytes, parts: bytes = b"") -> None:
        self._octets = octets
        self._parts = parts

    def header(self) -> bytes:
        """All octets: they are here."""
        return self._octets

    def structure(self) -> Part:
        """What was described, or what is found now."""
        return structure_of(self._parts) or scan([self._octets])

    def read(self, offset: int, length: int) -> bytes:
        """A slice."""
        return self._octets[offset : offset + length]


def structure_of(parts: bytes) -> Part | None:
    """The structure that a description has, or None where it has none or one of another version."""
    try:
        return unpack(parts)
    except ValueError:
        return None


class Said(Protocol):
    """What a message says, for the keys HEADER, TEXT, BODY and SENT.

    Needles are in the form of `mailframe.message.text.fold_case`.
    """

    def field_contains(self, name: str, needle: str) -> bool:
        """Has a field of this name (lower case) the needle in its decoded body?"""

    def header_contains(self, needle: str) -> bool:
        """Is the needle in a field of the message's own header section, its name included?"""

    def body_contains(self, needle: str) -> bool:
        """Is the needle in the text parts, the names of attachments, or the header of a message inside?"""

    def sent_within(self, since: int | None, before: int | None) -> bool:
        """Has it a date, not before the one day and before the other?"""


class Texts:
    """What a message says; each thing is read and decoded once. See `Said`.

    Args:
        source: the message.
        needles: all that will be looked for in its body.
    """

    def __init__(self, source: Source, needles: Iterable[str] = ()) -> None:
        self._source = source
        self._lookout = Lookout(needles)
        self._left: Iterator[str] | None = None

    def field_contains(self, name: str, needle: str) -> bool:
        """Has a field of this name (lower case) the needle in its decoded body?"""
        return any(needle in body for each, body in self.fields if each == name)

    def header_contains(self, needle: str) -> bool:
        """Is the needle in a field of the message's own header section, its name included?"""
        return any(needle in f"{name}: {body}" for name, body in self.fields)

    def body_contains(self, needle: str) -> bool:
        """Is the needle in the text parts, the names of attachments, or the header of a message inside?"""
        self.look()
        return needle in self._lookout.found

    def look(self, until: float = inf) -> bool:
        """Look through the body, at least a piece of it, until a moment of `time.monotonic`; True: that was all."""
        if self._left is None:
            self._left = message_texts(self._structure, self._source.read)
        while self._lookout.missing:
            piece = next(self._left, None)
            if piece is None:
                return True
            self._lookout.feed(piece)
            if time.monotonic() >= until:
                return not self._lookout.missing
        return True

    def sent_within(self, since: int | None, before: int | None) -> bool:
        """Is there a date, not before the one day and before the other?"""
        sent = self.sent
        return sent is not None and (since is None or sent >= since) and (before is None or sent < before)

    def body(self) -> Iterator[str]:
        """All that `body_contains` looks through, folded, in pieces."""
        return map(fold_case, message_texts(self._structure, self._source.read))

    @cached_property
    def sent(self) -> int | None:
        """The day of the Date field as an ordinal, or None where there is no date."""
        body = next((field.body for field in self._fields if field.name.lower() == b"date"), None)
        date = parse_date(body) if body is not None else None
        return None if date is None else date.day

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """The fields of the header section in order: names in lower case, and bodies decoded and folded."""
        return [
            (field.name.decode("ascii").lower(), fold_case(decode_words(field.body)))
            for field in self._fields
            if field.name
        ]

    @cached_property
    def _fields(self) -> list[header.Field]:
        return header.fields(self._source.header())

    @cached_property
    def _structure(self) -> Part:
        return self._source.structure()
