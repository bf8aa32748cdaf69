"""Is an account's mail as the catalogue has it? Looking, and putting right, slice by slice. Blocking.

Each step holds the account's lock for no longer than one mailbox's listing takes, or for `SLICE_SECONDS` where octets
are read. What other programs did is taken in first, as every session does, so what is found after that is a
difference that nothing else would mend.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from twisted.logger import Logger

from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.checking import Difference, Findings, Kind, Salvaged
from mailframe.store.values import Description

from .maildrop import Maildrop, uids_of

log = Logger()

SLICE_SECONDS = 0.2
WINDOW = 100
"""Messages whose rows are read at a time."""


@runtime_checkable
class ChecksItself(Protocol):
    """A catalogue that can compare what it keeps with itself."""

    def differences(self, mend: bool = False) -> Iterable[Difference]:
        """What is wrong.

        Args:
            mend: put it right; in a writing transaction.
        """


@runtime_checkable
class Compares(Protocol):
    """A layout that can tell without reading octets whether all are there."""

    def compare(self, mailbox: MailboxRow) -> Sequence[Difference]:
        """Messages without octets (with their UIDs), and octets without a message. In a writing transaction."""

    def mend(self, mailbox: MailboxRow) -> bool:
        """Give octets without a message one. Not in a transaction. Returns whether it did something."""


class MendableFile(Protocol):
    """The file that an account's catalogue is in. Blocking."""

    def exists(self) -> bool:
        """Is there one?"""

    def is_damaged(self) -> bool:
        """Cannot it be read as it should be? Reads all of it.

        Raises:
            OSError, apsw.Error: it cannot be told now.
        """

    def rebuild(self) -> Salvaged:
        """Put a new file of what can be read in its place; the damaged one stays beside it.

        Raises:
            OSError, apsw.Error: it could not be done; all is as it was.
        """


@runtime_checkable
class InFiles(Protocol):
    """An `mailframe.store.maildrop.layout.Opener` whose catalogues are files."""

    def file(self, account: str) -> MendableFile:
        """The file of an account."""


class Checking:
    """One look at an account; call `step` until it is done.

    Args:
        mend: put right what can be.
        octets: read all messages, too, and compare what is kept about them.
        expunge_missing: with ``mend``: messages without octets are expunged, instead of being left for a backup.

    Attributes:
        found: what was found so far.
    """

    def __init__(self, mend: bool = False, octets: bool = False, expunge_missing: bool = False) -> None:
        self.found = Findings()
        self._mend = mend
        self._octets = octets
        self._expunge_missing = expunge_missing
        self._waiting: list[str] | None = None
        self._reading: tuple[str, int] | None = None

    def step(self, drop: Maildrop) -> bool:
        """Do some of it; True when all is done."""
        if self._waiting is None:
            self._begin(drop)
        elif self._reading is not None:
            self._read(drop, *self._reading)
        elif self._waiting:
            self._one(drop, self._waiting.pop())
        return not self._waiting and self._reading is None

    def _begin(self, drop: Maildrop) -> None:
        drop.adopt_mailboxes()
        if isinstance(drop.catalogue, ChecksItself):
            with drop.writing(0) if self._mend else drop.catalogue.reading():
                self.found.add(list(drop.catalogue.differences(self._mend)))
        names = sorted(drop.catalogue.mailboxes.all(), key=lambda mailbox: mailbox.name, reverse=True)
        self._waiting = [mailbox.mailbox_id for mailbox in names]

    def _one(self, drop: Maildrop, mailbox_id: str) -> None:
        """A mailbox; one that was deleted meanwhile is none."""
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        if mailbox is None:
            return
        self.found.mailboxes += 1
        try:
            self._compared(drop, mailbox)
        except OSError as fault:
            # Such as a directory that cannot be listed: it must not hide what is wrong with other mailboxes.
            log.error(
                "{account} {mailbox} cannot be read: {fault}",
                account=drop.account, mailbox=mailbox.name, fault=fault,
            )  # fmt: skip
            self.found.add([Difference(Kind.UNREADABLE, mailbox.name)])
            return
        if self._octets:
            self._reading = mailbox_id, 1

    def _compared(self, drop: Maildrop, mailbox: MailboxRow) -> None:
        drop.layout.look(mailbox)
        mailbox = drop.current(mailbox.mailbox_id)
        if not self._octets:
            self.found.messages += mailbox.messages
        if isinstance(drop.layout, Compares):
            self._compare(drop, drop.layout, mailbox)

    def _compare(self, drop: Maildrop, layout: Compares, mailbox: MailboxRow) -> None:
        missing, extra = _differences(drop, layout, mailbox)
        left = extra
        if extra and self._mend and layout.mend(mailbox):
            # What cannot be read is no message yet.
            left = _differences(drop, layout, mailbox)[1] & extra
        for counts, mended in ((extra - left, True), (left, False)):
            self.found.add(
                Difference(kind, name, count=count, mended=mended) for (kind, name), count in counts.items()
            )
        self._missing(drop, mailbox, missing)

    def _missing(self, drop: Maildrop, mailbox: MailboxRow, uids: Sequence[int]) -> None:
        gone = self._mend and self._expunge_missing and bool(uids)
        if gone:
            with drop.writing():
                modseq = drop.catalogue.mailboxes.next_modseq(mailbox)
                there = uids_of(list(drop.catalogue.messages.rows(mailbox, uids)))
                drop.catalogue.messages.expunge(mailbox, there, modseq)
            drop.changed.add(mailbox.mailbox_id)
            if isinstance(drop.layout, Compares):
                # Nothing may be left of them that only they had.
                drop.layout.mend(mailbox)
        self.found.add(Difference(Kind.MISSING, mailbox.name, uid, mended=gone) for uid in uids)

    # Octets.

    def _read(self, drop: Maildrop, mailbox_id: str, uid: int) -> None:
        until = time.monotonic() + SLICE_SECONDS
        mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
        while mailbox is not None:
            uids = drop.catalogue.messages.uids_from(mailbox, uid, WINDOW)
            if not uids:
                break
            rows = list(drop.catalogue.messages.rows(mailbox, uids))
            known = drop.catalogue.descriptions.of(rows[0].id, rows[-1].id) if rows else {}
            for row in rows:
                self._message(drop, mailbox, row, known.get(row.id))
                uid = row.uid + 1
                if time.monotonic() >= until:
                    self._reading = mailbox_id, uid
                    return
            uid = uids[-1] + 1
        self._reading = None

    def _message(
        self, drop: Maildrop, mailbox: MailboxRow, row: MessageRow, known: Description | None
    ) -> None:
        try:
            octets = drop.layout.pieces(mailbox, row)
            counted = _Counted(octets or ())
            described = drop.surroundings.describe(counted)
            for _ in counted:
                pass  # whatever the description needed none of
        except OSError as fault:
            # One that cannot be read must not hide what is wrong with the others, and is not gone either.
            log.error(
                "{account} {mailbox} {uid} cannot be read: {fault}",
                account=drop.account,
                mailbox=mailbox.name,
                uid=row.uid,
                fault=fault,
            )
            self.found.add([Difference(Kind.UNREADABLE, mailbox.name, row.uid)])
            return
        now = drop.catalogue.messages.row(mailbox, row.uid)
        if now is None:
            return  # expunged meanwhile
        self.found.messages += 1
        self.found.octets += counted.octets
        if octets is None:
            if not isinstance(drop.layout, Compares):
                self._missing(drop, mailbox, [row.uid])
            return
        if counted.octets != now.size:
            self._different(drop, Kind.SIZE, mailbox, now, counted.octets, described)
        elif known is not None and known != described:
            self._different(drop, Kind.DESCRIPTION, mailbox, now, counted.octets, described)

    def _different(
        self,
        drop: Maildrop,
        kind: Kind,
        mailbox: MailboxRow,
        row: MessageRow,
        size: int,
        described: Description,
    ) -> None:
        if self._mend:
            with drop.writing(0):
                drop.catalogue.messages.set_form(row.id, row.form or 0, size)
                drop.catalogue.descriptions.add([(row.id, described)])
        self.found.add([Difference(kind, mailbox.name, row.uid, mended=self._mend)])


class _Counted:
    """Octets on their way, counted."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.octets = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.octets += len(piece)
            yield piece


def _differences(
    drop: Maildrop, layout: Compares, mailbox: MailboxRow
) -> tuple[list[int], Counter[tuple[Kind, str]]]:
    """UIDs of messages without octets, and how much else is wrong."""
    with drop.writing(0):
        different = layout.compare(drop.current(mailbox.mailbox_id))
    others: Counter[tuple[Kind, str]] = Counter()
    for one in different:
        if one.kind is not Kind.MISSING:
            others[one.kind, one.mailbox] += one.count
    return [one.uid for one in different if one.kind is Kind.MISSING], others
