"""Messages on their way into an account's file: small ones wait in memory, large ones go in pieces. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from twisted.logger import Logger

from mailframe.message.content import Content
from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.maildrop.layout import Arrival, Written
from mailframe.store.maildrop.maildrop import Maildrop, now
from mailframe.store.values import Describe, Description

from .account import AccountFile
from .contents import LARGE, PIECE

PIECES_AT_ONCE = 8
"""Pieces of a large message that are written in one transaction: others wait no longer than that takes (50 ms)."""

log = Logger()


@dataclass(slots=True, eq=False)
class Parcel:
    """One content, for as many messages of one account as come with it.

    Attributes:
        account: whose file it goes into.
        octets: of a small message; None: it is in pieces in the file already.
        number: of the content, once it is in the file; 0 before that.
        uses: messages that have it.
    """

    account: str
    octets: bytes | None
    number: int = 0
    uses: int = 0


@dataclass(slots=True, eq=False, weakref_slot=True)
class SQLiteWritten(Written):
    """A message that is kept.

    Attributes:
        parcel: its content.
        mailbox, row: where it is, once it has a place.
    """

    parcel: Parcel | None = None
    mailbox: MailboxRow | None = None
    row: MessageRow | None = None


def keep(drop: Maildrop, file: AccountFile, arrival: Arrival, journalled: int) -> SQLiteWritten:
    """Keep a message, or share what is kept of it already.

    Args:
        drop: the account, open.
        file: its file.
        arrival: the message.
        journalled: messages of at most so many octets go into the delivery journal.

    Raises:
        OSError, apsw.Error: a large one could not be written, or its octets not be read; nothing is left of it.
    """
    shared = _shared(drop.account, arrival.first)
    if shared is not None:
        return shared
    content = arrival.content
    if content.size > LARGE:
        parcel = Parcel(drop.account, None, _write_pieces(drop, file, content))
        return SQLiteWritten(content.size, content.size, 0, None, parcel=parcel)
    octets = content.octets()
    return SQLiteWritten(
        len(octets), len(octets), 0, described(arrival.describe, octets),
        octets if len(octets) <= journalled else None, parcel=Parcel(drop.account, octets),
    )  # fmt: skip


def _shared(account: str, first: Written | None) -> SQLiteWritten | None:
    """The same message again: in one account it is one content; in others at least one object in memory."""
    if not isinstance(first, SQLiteWritten) or first.parcel is None:
        return None
    parcel = first.parcel
    if parcel.account != account:
        if parcel.octets is None:
            return None
        parcel = Parcel(account, parcel.octets)
    return SQLiteWritten(
        first.size, first.disk_size, first.form, first.description, first.octets, shared=True, parcel=parcel
    )


def _write_pieces(drop: Maildrop, file: AccountFile, content: Content) -> int:
    with drop.writing(0):
        number = file.contents.reserve(1)
        file.contents.begin(number, now())
    try:
        pieces, missing = enumerate(_pieces(content)), True
        while missing:
            # One piece at a time is in memory: a group of them would be so, too, for each thread that writes one.
            with drop.writing(0):
                missing = _write_some(file, number, pieces)
    except BaseException:
        with drop.writing(0):
            file.contents.give_up(number)
        raise
    return number


def _write_some(file: AccountFile, number: int, pieces: Iterator[tuple[int, bytes]]) -> bool:
    """Write the next pieces; False when there are no more."""
    count = 0
    for place, piece in islice(pieces, PIECES_AT_ONCE):
        file.contents.add(number, piece, place)
        count += 1
    return count == PIECES_AT_ONCE


def _pieces(content: Content) -> Iterator[bytes]:
    """The octets in pieces of `PIECE`, but for the last."""
    held = bytearray()
    for chunk in content.chunks():
        held += chunk
        while len(held) >= PIECE:
            with memoryview(held) as view:
                piece = bytes(view[:PIECE])
            del held[:PIECE]
            yield piece
    if held:
        yield bytes(held)


def described(describe: Describe | None, octets: bytes) -> Description | None:
    """A description; None where nobody describes, or where it fails, which must not stop a delivery."""
    if describe is None:
        return None
    try:
        return describe([octets])
    except Exception:
        log.failure("a message of {size} octets could not be described", size=len(octets))
        return None
