"""The messages of an account's mailboxes: rows by UID, what changed since a modseq, what vanished."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, LiteralString

from mailframe.database.postgres_session import Session
from mailframe.store.catalogue.rows import UID_MASK, Facts, FileRow, MailboxRow, MessageRow, Packed, row_id
from mailframe.store.uid_runs import UIDRuns, runs

VANISHED_LIMIT: Final = 100_000
"""As for catalogues in files: expunged UIDs remembered of one mailbox."""
_SPARSE: Final = 8
"""A range of rows is read whole when at most one in so many was asked for."""
_PAGE: Final = 5000
"""Rows asked for at a time where many are wanted."""

_COLUMNS: LiteralString = (
    "id, mailbox, modseq, flags, keywords, internal_date, size, save_date, email_id, thread_id, file::text, info,"
    " disk_size, form"
)
_SELECT: LiteralString = "SELECT " + _COLUMNS + " FROM mail_messages "  # noqa: S608
_SELECT_FACTS: LiteralString = "SELECT id, modseq, flags, keywords, internal_date, size FROM mail_messages "
_INSERT: LiteralString = "INSERT INTO mail_messages VALUES (" + ", ".join(["%s"] * 14) + ")"  # noqa: S608


class Messages:
    """See `mailframe.store.catalogue.interfaces.Messages`; ``file`` is a number, and ``info`` never changes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Looking.

    def uids(self, mailbox: MailboxRow) -> list[int]:
        """All UIDs, ascending; read from the narrow index, not from the rows."""
        if not mailbox.messages:
            return []
        # One value for all: a hundred thousand rows of one number each take three times as long.
        row = self._session.row(
            "SELECT string_agg(int8send(id), ''::bytea ORDER BY id) FROM mail_messages"
            " WHERE id BETWEEN %s AND %s",
            _all(mailbox),
        )
        ids = _numbers(b"" if row is None else row[0] or b"")
        return [id_ & UID_MASK for id_ in ids]

    def uids_from(self, mailbox: MailboxRow, uid: int, limit: int | None = None) -> list[int]:
        """UIDs from ``uid`` on, ascending; no more than the limit."""
        return self._uids("TRUE", row_id(mailbox, uid), row_id(mailbox, UID_MASK), limit)

    def first_unseen(self, mailbox: MailboxRow) -> int | None:
        """The first UID without ``\\Seen``."""
        if not mailbox.unseen:
            return None
        return next(iter(self._uids("flags & 1 = 0", *_all(mailbox), 1)), None)

    def recent(self, mailbox: MailboxRow) -> list[int]:
        """UIDs no session was told of as ``\\Recent`` yet."""
        if mailbox.first_recent >= mailbox.uidnext:
            return []
        return self.uids_from(mailbox, mailbox.first_recent)

    def row(self, mailbox: MailboxRow, uid: int) -> MessageRow | None:
        """One message."""
        row = self._session.row(_SELECT + "WHERE id = %s", (row_id(mailbox, uid),))
        return None if row is None else MessageRow(*row)

    def rows(self, mailbox: MailboxRow, uids: Sequence[int] | None = None) -> Iterator[MessageRow]:
        """Messages, UIDs ascending; those of ``uids`` that exist, or all."""
        if uids is None:
            found = self._range(_SELECT, mailbox, 0, UID_MASK)
        else:
            found = self._those(_SELECT, mailbox, uids)
        return map(MessageRow._make, found)

    def facts(self, mailbox: MailboxRow, uids: Sequence[int]) -> Iterable[Facts]:
        """See `mailframe.store.catalogue.interfaces.Messages.facts`."""
        return self._those(_SELECT_FACTS, mailbox, uids)

    def deleted(self, mailbox: MailboxRow, uids: Sequence[int] | None) -> list[int]:
        """UIDs that have ``\\Deleted``, among ``uids`` where given, ascending."""
        if not mailbox.deleted:
            return []
        found = self._uids("flags & 8 <> 0", *_all(mailbox))
        among = None if uids is None else set(uids)
        return [uid for uid in found if among is None or uid in among]

    def unseen(self, mailbox: MailboxRow) -> list[int]:
        """UIDs without ``\\Seen``, ascending."""
        return self._uids("flags & 1 = 0", *_all(mailbox))

    def highest_modseq(self, mailbox: MailboxRow, unseen: bool = False) -> int:
        """The highest of its messages, or of those without ``\\Seen``; 0 where there are none."""
        where: LiteralString = " AND flags & 1 = 0" if unseen else ""
        row = self._session.row(
            "SELECT max(modseq) FROM mail_messages WHERE mailbox = %s" + where,  # noqa: S608
            (mailbox.id,),
        )
        return (row[0] if row else 0) or 0

    def changed_since(self, mailbox: MailboxRow, modseq: int) -> list[MessageRow]:
        """Messages that came or changed after a modseq, UIDs ascending."""
        rows = self._session.rows(
            _SELECT + "WHERE mailbox = %s AND modseq > %s ORDER BY id", (mailbox.id, modseq)
        )
        return [MessageRow._make(row) for row in rows]

    def vanished_since(self, mailbox: MailboxRow, modseq: int) -> UIDRuns:
        """UIDs expunged after a modseq, ascending; all that are not there where that is not known any more."""
        if modseq < mailbox.vanished_from:
            return UIDRuns(runs(self.uids(mailbox))).missing(mailbox.uidnext)
        rows = self._session.rows(
            "SELECT uid FROM mail_vanished WHERE mailbox = %s AND modseq > %s ORDER BY uid",
            (mailbox.id, modseq),
        )
        return UIDRuns(runs(uid for (uid,) in rows))

    def is_expunged(self, mailbox: MailboxRow, uid: int, modseq: int) -> bool:
        """Was a message without a row, which came with this UID and modseq, expunged since?"""
        if modseq <= mailbox.vanished_from:
            return True
        found = self._session.row(
            "SELECT 1 FROM mail_vanished WHERE mailbox = %s AND modseq > %s AND uid = %s",
            (mailbox.id, modseq, uid),
        )
        return found is not None

    def files(self, mailbox: MailboxRow, in_new: bool = False) -> Iterator[FileRow]:
        """File names of all messages, or of those whose ``info`` is None; UIDs ascending."""
        for row in map(MessageRow._make, self._range(_SELECT, mailbox, 0, UID_MASK)):
            if not in_new or row.info is None:
                yield FileRow(row.id, row.flags, row.keywords, row.file, row.info)

    # Changing.

    def add(self, rows: Iterable[MessageRow]) -> None:
        """Put rows in."""
        rows = list(rows)
        if len(rows) == 1:
            self._session.run(_INSERT, rows[0])
        elif rows:
            # Ten thousand in 0.1 s; by INSERTs it takes seven times as long.
            self._session.copy("mail_messages", MessageRow._fields, rows)

    def set_flags(self, modseq: int, changes: Iterable[tuple[int, Packed, str | None]]) -> None:
        """Change flags: row id, the packed flags, the info, which stays as it is."""
        # Mostly all of them get the same flags: a statement for each kind.
        by_flags: dict[Packed, list[int]] = {}
        for id_, packed, _ in changes:
            by_flags.setdefault(packed, []).append(id_)
        for (flags, keywords), ids in by_flags.items():
            self._session.run(
                "UPDATE mail_messages SET modseq = %s, flags = %s, keywords = %s WHERE id = ANY(%s::bigint[])",
                (modseq, flags, keywords, ids),
            )

    def set_infos(self, infos: Iterable[tuple[int, str | None]]) -> None:
        """Note other infos; nothing a client sees."""
        for id_, info in infos:
            self._session.run("UPDATE mail_messages SET info = %s WHERE id = %s", (info, id_))

    def set_threads(self, threads: Iterable[tuple[int, str]]) -> None:
        """Note THREADIDs, by row ids; nothing that clients are told of."""
        pairs = list(threads)
        self._session.run(
            "UPDATE mail_messages AS message SET thread_id = found.thread_id"
            " FROM unnest(%s::bigint[], %s::text[]) AS found (id, thread_id) WHERE message.id = found.id",
            ([id_ for id_, _ in pairs], [thread_id for _, thread_id in pairs]),
        )

    def set_form(self, id_: int, form: int, size: int) -> None:
        """Note how the octets lie, and the message's size as it really is."""
        self._session.run("UPDATE mail_messages SET form = %s, size = %s WHERE id = %s", (form, size, id_))

    def expunge(self, mailbox: MailboxRow, uids: Sequence[int], modseq: int) -> None:
        """Take messages out, and remember that they were there."""
        self._session.run(
            "DELETE FROM mail_messages WHERE id = ANY(%s::bigint[])",
            ([row_id(mailbox, uid) for uid in uids],),
        )
        self._session.run(
            "INSERT INTO mail_vanished SELECT %s, %s, unnest(%s::bigint[]) ON CONFLICT DO NOTHING",
            (mailbox.id, modseq, list(uids)),
        )
        if len(uids) > VANISHED_LIMIT // 100 or modseq % 100 == 0:
            # Counting them takes milliseconds when there are many, so it is not done each time.
            self._forget_vanished(mailbox)

    # Inside.

    def _those(
        self, select: LiteralString, mailbox: MailboxRow, uids: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        """Columns, the id first, of those messages that exist, UIDs ascending."""
        wanted = {uid for uid in uids if 0 < uid <= UID_MASK}
        if not wanted:
            return iter(())
        first, last = min(wanted), max(wanted)
        if last - first < _SPARSE * len(wanted):
            return (row for row in self._range(select, mailbox, first, last) if row[0] & UID_MASK in wanted)
        return self._listed(select, mailbox, sorted(wanted))

    def _range(
        self, select: LiteralString, mailbox: MailboxRow, first: int, last: int
    ) -> Iterator[tuple[Any, ...]]:
        """Page by page: what is asked for may be all, and is not held at a time."""
        begin, end = row_id(mailbox, first), row_id(mailbox, last)
        while True:
            rows = self._session.rows(
                select + "WHERE id BETWEEN %s AND %s ORDER BY id LIMIT %s", (begin, end, _PAGE)
            )
            yield from rows
            if len(rows) < _PAGE:
                return
            begin = rows[-1][0] + 1

    def _listed(
        self, select: LiteralString, mailbox: MailboxRow, uids: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(uids), _PAGE):
            ids = [row_id(mailbox, uid) for uid in uids[start : start + _PAGE]]
            yield from self._session.rows(select + "WHERE id = ANY(%s::bigint[]) ORDER BY id", (ids,))

    def _uids(self, where: LiteralString, first: int, last: int, limit: int | None = None) -> list[int]:
        rows = self._session.rows(
            "SELECT id FROM mail_messages WHERE id BETWEEN %s AND %s AND " + where + " ORDER BY id LIMIT %s",  # noqa: S608
            (first, last, limit),
        )
        return [id_ & UID_MASK for (id_,) in rows]

    def _forget_vanished(self, mailbox: MailboxRow) -> None:
        # The row that is one too many, counted from the newest; none is found while there are few.
        row = self._session.row(
            "SELECT modseq FROM mail_vanished WHERE mailbox = %s ORDER BY modseq DESC LIMIT 1 OFFSET %s",
            (mailbox.id, VANISHED_LIMIT),
        )
        if row is not None:
            newest = row[0]
            self._session.run(
                "DELETE FROM mail_vanished WHERE mailbox = %s AND modseq <= %s", (mailbox.id, newest)
            )
            self._session.run(
                "UPDATE mail_mailboxes SET vanished_from = %s WHERE id = %s", (newest, mailbox.id)
            )


def _all(mailbox: MailboxRow) -> tuple[int, int]:
    return row_id(mailbox, 0), row_id(mailbox, UID_MASK)


def _numbers(octets: bytes) -> array[int]:
    """Numbers of eight octets each, the highest octet first."""
    numbers = array("q", octets)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
