"""Header fields in which mbox programs keep UIDs and flags, and which nobody is shown.

UW-IMAP began it and Dovecot writes the same:

``X-IMAPbase: 1700000000 0000000042 $Forwarded``
    In the first message: UIDVALIDITY, the last UID given out, and the keywords of the mailbox.
``X-IMAP:``
    The same in UW-IMAP's first message, which is no mail («DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA»).
``X-UID: 42``
    The message's UID.
``Status: RO``
    ``R``: ``\\Seen``; ``O``: not ``\\Recent`` any more.
``X-Status: AFTD``
    ``\\Answered``, ``\\Flagged``, ``\\Draft`` (``T``), ``\\Deleted``.
``X-Keywords: $Forwarded``
    The message's keywords.
``Content-Length: 1234``
    Octets of the body as they lie in the file; mutt puts ``Lines`` right behind it.

A sender could put such fields into a message; a writer drops them from what comes in, as Dovecot does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailframe.store.values import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

HEADER_LIMIT = 64 * 1024
"""Octets in which a header section and its hidden fields are looked for."""
UID_LIMIT = 1 << 31
"""Higher numbers in a file are not believed: a forged one could use up all UIDs of a mailbox."""

_HIDDEN = re.compile(
    rb"^(?:Content-Length[ \t]*:[^\n]*\n(?:Lines[ \t]*:[ \t]*\d+[ \t]*\r?\n)?"
    rb"|(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase)[ \t]*:[^\n]*(?:\n|\Z)(?:[ \t]+[^\s][^\n]*(?:\n|\Z))*)",
    re.MULTILINE | re.IGNORECASE,
)
_FIELD = re.compile(
    rb"^(Content-Length|Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase)[ \t]*:([^\n]*(?:\n[ \t]+[^\s][^\n]*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_PSEUDO = re.compile(rb"^Subject:[^\n]*FOLDER INTERNAL DATA", re.MULTILINE | re.IGNORECASE)
_BLANK = re.compile(rb"^\r?\n", re.MULTILINE)
_SYSTEM = {"A": ANSWERED, "F": FLAGGED, "T": DRAFT, "D": DELETED}
_KEYWORDS_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Base:
    """What the first message tells of the mailbox.

    Attributes:
        uidvalidity: of the mailbox.
        last_uid: the highest UID that was given out.
        keywords: all keywords of the mailbox.
    """

    uidvalidity: int
    last_uid: int
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Marks:
    """What the fields of one message tell.

    Attributes:
        uid: 0 where there is none.
        flags: system flags.
        old: it is not ``\\Recent`` any more.
        keywords: its keywords.
        base: in the first message only.
        pseudo: it is UW-IMAP's message that is no mail.
        content_length: octets of the body; None where nobody told.
    """

    uid: int = 0
    flags: frozenset[str] = frozenset()
    old: bool = False
    keywords: tuple[str, ...] = ()
    base: Base | None = None
    pseudo: bool = False
    content_length: int | None = None

    @property
    def state(self) -> str:
        """Flags and keywords as one text, to compare with."""
        letters = "".join(letter for letter, flag in _SYSTEM.items() if flag in self.flags)
        return f"{'R' if SEEN in self.flags else ''}/{letters}/{' '.join(sorted(self.keywords))}"


def header_length(octets: bytes) -> int:
    """How long the header section is, with the blank line at its end.

    Args:
        octets: what is behind the separator; at least `HEADER_LIMIT` of it, or all.

    Returns:
        The whole length where there is no blank line; of a section that is too long, a part that ends with a line.
    """
    looked_at = octets[:HEADER_LIMIT]
    match = _BLANK.search(looked_at)
    if match is not None:
        return match.end()
    if len(octets) <= HEADER_LIMIT:
        return len(octets)
    return looked_at.rfind(b"\n") + 1 or HEADER_LIMIT


def shown(header: bytes) -> bytes:
    """A header section without the fields that nobody is shown."""
    return _HIDDEN.sub(b"", header)


def parse(header: bytes) -> Marks:
    """What the hidden fields of a header section tell. The first of each kind counts; broken ones are passed over."""
    found: dict[bytes, bytes] = {}
    for match in _FIELD.finditer(header):
        found.setdefault(match[1].lower(), match[2].strip())
    if not found:
        return Marks()
    flags = {_SYSTEM[letter] for letter in _text(found.get(b"x-status")) if letter in _SYSTEM}
    status = _text(found.get(b"status"))
    if "R" in status:
        flags.add(SEEN)
    internal = _base(found.get(b"x-imap"))
    return Marks(
        _number(found.get(b"x-uid"), UID_LIMIT) or 0,
        frozenset(flags),
        "O" in status,
        tuple(dict.fromkeys(_text(found.get(b"x-keywords")).split()))[:_KEYWORDS_LIMIT],
        _base(found.get(b"x-imapbase")) or internal,
        internal is not None and _PSEUDO.search(header) is not None,
        _number(found.get(b"content-length"), 1 << 62),
    )


def compose(marks: Marks) -> bytes:
    """The fields as they are written, all in one place.

    `Base.last_uid` has ten digits at a fixed place (`last_uid_place`), so that it can be written anew there.
    """
    lines = []
    if marks.base is not None:
        base = marks.base
        words = " ".join([f"{base.uidvalidity:010d}", f"{base.last_uid:010d}", *base.keywords])
        lines.append(f"X-IMAPbase: {words}")
    if marks.uid:
        lines.append(f"X-UID: {marks.uid}")
    letters = ("R" if SEEN in marks.flags else "") + ("O" if marks.old else "")
    if letters:
        lines.append(f"Status: {letters}")
    letters = "".join(letter for letter, flag in _SYSTEM.items() if flag in marks.flags)
    if letters:
        lines.append(f"X-Status: {letters}")
    if marks.keywords:
        lines.append(f"X-Keywords: {' '.join(marks.keywords)}")
    if marks.content_length is not None:
        lines.append(f"Content-Length: {marks.content_length}")
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")


def last_uid_place(block: bytes) -> int | None:
    """Where the ten digits of the last UID begin in what `compose` wrote; None where there is no base."""
    prefix = b"X-IMAPbase: "
    return len(prefix) + 11 if block.startswith(prefix) else None


def last_uid_digits(uid: int) -> bytes:
    """These digits."""
    return b"%010d" % uid


def return_path(header: bytes) -> bytes:
    """The address in a ``Return-Path`` field at the top of a header section, for the separator; else ``b""``."""
    match = re.match(rb"Return-Path:[ \t]*<([^>\r\n]*)>[ \t]*\r?\n", header, re.IGNORECASE)
    return match[1] if match is not None else b""


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "surrogateescape")


def _number(value: bytes | None, limit: int) -> int | None:
    if value is None or not value.isdigit() or len(value) > 20:
        return None
    number = int(value)
    return number if number < limit else None


def _base(value: bytes | None) -> Base | None:
    words: Sequence[str] = _text(value).split()
    if len(words) < 2:
        return None
    uidvalidity, last_uid = (_number(word.encode("utf-8", "replace"), 1 << 32) for word in words[:2])
    if not uidvalidity or last_uid is None or last_uid >= UID_LIMIT:
        return None
    return Base(uidvalidity, last_uid, tuple(words[2 : 2 + _KEYWORDS_LIMIT]))
