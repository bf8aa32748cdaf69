"""Repairs of a header section that a mail program left unfinished (RFC 6409 section 8). Octets in, octets out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.message.header import Field, leading

LINE_LIMIT = 998
"""Octets a line may have without its CRLF (RFC 5322 section 2.1.1)."""
REMOVED = frozenset({b"bcc", b"resent-bcc", b"return-path"})
"""Fields that do not leave: whom nobody may know of (RFC 5322 section 3.6.3), and what the last host adds."""
_DESTINATIONS = frozenset({b"to", b"cc"})
_NOBODY_NAMED = b"To: undisclosed-recipients:;\r\n"
_RESENT = b"resent-"
_WHITE = b" \t"


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added where it is missing: whole fields with their CRLF, or None to leave it so.

    Attributes:
        date: a Date field.
        message_id: a Message-ID field.
        originator: a From field.
        sender: a Sender field; takes the place of any other.
        resent_date: a Resent-Date field, for a message that was resent.
        resent_message_id: a Resent-Message-ID field, likewise.
    """

    date: bytes | None = None
    message_id: bytes | None = None
    originator: bytes | None = None
    sender: bytes | None = None
    resent_date: bytes | None = None
    resent_message_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Repaired:
    """A header section as it should have been.

    Attributes:
        header: its octets; with the empty line behind it where that was missing.
        end: how many octets of the message it replaces.
        kept: ``header`` ends with these octets as they were; the rest of it is new.
    """

    header: bytes
    end: int
    kept: int


def repair(head: bytes, additions: Additions) -> Repaired:
    """Complete a header section.

    Bcc, Resent-Bcc and Return-Path go. Date, Message-ID, From and To come where they are missing; so do Resent-Date
    and Resent-Message-ID where the message was resent (RFC 5322 section 3.6.6 demands the one and asks for the
    other). Lines that are too long are folded at white space. A line that is no field ends the header section, by an
    empty line before it: readers disagree about what such a line means. All else stays as it was; what was repaired
    needs no more repair.

    Args:
        head: the beginning of a message, with all of its header section.
        additions: what to add.
    """
    fields, end = leading(head)
    stays = [field for field in fields if _stays(field, additions)]
    resent = _first_resent(stays)
    kept = b"".join(_folded(field.raw) for field in stays[:resent])
    kept += _missing_resent(stays[resent:], additions)
    kept += b"".join(_folded(field.raw) for field in stays[resent:])
    # The last line of a message that has a header section only may lack its end.
    if kept and not kept.endswith(b"\r\n"):
        kept += b"\r\n"
    if head[end : end + 2] not in (b"\r\n", b""):
        kept += b"\r\n"
    new = _missing({field.name.lower() for field in stays}, additions)
    unchanged = kept == head[:end]
    return Repaired(new + kept, end, end if unchanged else 0)


def _stays(field: Field, additions: Additions) -> bool:
    name = field.name.lower()
    if name == b"sender" and additions.sender is not None:
        return field.raw == additions.sender
    return name not in REMOVED


def _missing(there: set[bytes], additions: Additions) -> bytes:
    """The fields to add, in the order in which mail programs write them."""
    wanted = (
        (b"date", additions.date),
        (b"from", additions.originator),
        (b"sender", additions.sender),
        (b"message-id", additions.message_id),
    )
    new = b"".join(field for name, field in wanted if field is not None and name not in there)
    return new if there & _DESTINATIONS else new + _NOBODY_NAMED


def _first_resent(fields: Sequence[Field]) -> int:
    """Where the fields begin that whoever resent the message last put there; behind all where nobody did."""
    places = (place for place, field in enumerate(fields) if field.name.lower().startswith(_RESENT))
    return next(places, len(fields))


def _missing_resent(fields: Sequence[Field], additions: Additions) -> bytes:
    """What the block of Resent fields lacks that stands here; blocks of earlier times are not ours."""
    there = set()
    for field in fields:
        name = field.name.lower()
        # A second one of a kind begins the block of somebody before.
        if not name.startswith(_RESENT) or name in there:
            break
        there.add(name)
    wanted = ((b"resent-date", additions.resent_date), (b"resent-message-id", additions.resent_message_id))
    return b"".join(field for name, field in wanted if there and field is not None and name not in there)


def _folded(raw: bytes) -> bytes:
    """A field with line ends put before white space where its lines are too long; unfolded it is the same."""
    if len(raw) <= LINE_LIMIT:
        return raw
    lines: list[bytes] = []
    for line in raw.split(b"\r\n"):
        while len(line) > LINE_LIMIT and (place := _fold(line)):
            lines.append(line[:place])
            line = line[place:]
        lines.append(line)
    return b"\r\n".join(lines)


def _fold(line: bytes) -> int:
    """Where to fold a line: the last white space that leaves it short enough, else the next; 0 for nowhere."""
    # Neither part may be white space alone: such a line ends the header section for some readers.
    begin = len(line) - len(line.lstrip(_WHITE)) + 1
    end = len(line.rstrip(_WHITE))
    last = max(
        line.rfind(b" ", begin, min(LINE_LIMIT + 1, end)), line.rfind(b"\t", begin, min(LINE_LIMIT + 1, end))
    )
    if last > 0:
        return last
    found = [place for white in (b" ", b"\t") if (place := line.find(white, LINE_LIMIT + 1, end)) > 0]
    return min(found, default=0)
