"""The messages of an account's mailboxes: rows by UID, what changed since a modseq, what vanished."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apsw

from mailframe.store.catalogue.rows import UID_MASK, Facts, FileRow, MailboxRow, MessageRow, Packed, row_id
from mailframe.store.uid_runs import UIDRuns, merged, runs

from .uid_runs import RunsOfUIDs

VANISHED_LIMIT = 100_000
"""Runs of expunged UIDs remembered of one mailbox. Whoever asks for changes before the oldest of them is told every
UID that is not there any more, which is right too, and longer."""
_SPARSE = 8
"""A range of rows is read whole when at most one in so many was asked for."""

_COLUMNS = ", ".join(MessageRow._fields)
_FACTS = "id, modseq, flags, keywords, internal_date, size"
_ADD = f"INSERT INTO messages ({_COLUMNS}) VALUES ({', '.join('?' * len(MessageRow._fields))})"  # noqa: S608

_FILES = "SELECT id, flags, keywords, file, info FROM messages WHERE id BETWEEN ? AND ? ORDER BY id"
_FILES_IN_NEW = _FILES.replace("ORDER BY", "AND info IS NULL ORDER BY")


_GOING = (
    "SELECT -count(*), -ifnull(sum(size), 0), -ifnull(sum(flags & 1 = 0), 0), -ifnull(sum(flags & 8 <> 0), 0)"
    " FROM messages WHERE id BETWEEN ? AND ?"
)
_COUNT = (
    "UPDATE mailboxes SET messages = messages + ?, octets = octets + ?, unseen = unseen + ?, deleted = deleted + ?"
    " WHERE id = ?"
)


class Messages:
    """The tables ``messages``, ``uid_runs`` and ``vanished_runs``. What writes needs a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._runs = RunsOfUIDs(connection)

    # Looking.

    def uids(self, mailbox: MailboxRow) -> UIDRuns:
        """All UIDs, ascending; no rows of messages are read."""
        return self._runs.of(mailbox)

    def uids_from(self, mailbox: MailboxRow, uid: int, limit: int | None = None) -> list[int]:
        """UIDs from ``uid`` on, ascending; no more than the limit."""
        return self._runs.of(mailbox, uid)[:limit]

    def first_unseen(self, mailbox: MailboxRow) -> int | None:
        """The first UID without ``\\Seen``."""
        if not mailbox.unseen:
            return None
        found = self._execute(
            "SELECT min(id) FROM messages WHERE flags & 1 = 0 AND id BETWEEN ? AND ?",
            (row_id(mailbox, 0), row_id(mailbox, UID_MASK)),
        ).get
        return None if found is None else found & UID_MASK

    def recent(self, mailbox: MailboxRow) -> UIDRuns:
        """UIDs no session was told of as ``\\Recent`` yet."""
        if mailbox.first_recent >= mailbox.uidnext:
            return UIDRuns()
        return self._runs.of(mailbox, mailbox.first_recent)

    def row(self, mailbox: MailboxRow, uid: int) -> MessageRow | None:
        """One message."""
        row = self._execute(f"SELECT {_COLUMNS} FROM messages WHERE id = ?", (row_id(mailbox, uid),)).get  # noqa: S608
        return None if row is None else MessageRow(*row)

    def rows(self, mailbox: MailboxRow, uids: Sequence[int] | None = None) -> Iterator[MessageRow]:
        """Messages, UIDs ascending; those of ``uids`` that exist, or all."""
        if uids is None:
            found: Iterable[tuple[Any, ...]] = self._range(_COLUMNS, mailbox, 0, UID_MASK)
        else:
            found = self._those(_COLUMNS, mailbox, uids)
        return map(MessageRow._make, found)

    def facts(self, mailbox: MailboxRow, uids: Sequence[int]) -> Iterable[Facts]:
        """See `mailframe.store.catalogue.interfaces.Messages.facts`."""
        return self._those(_FACTS, mailbox, uids)

    def deleted(self, mailbox: MailboxRow, uids: Sequence[int] | None) -> list[int]:
        """UIDs that have ``\\Deleted``, among ``uids`` where given, ascending."""
        if not mailbox.deleted:
            return []
        rows = self._execute(
            "SELECT id & 0xFFFFFFFF FROM messages WHERE flags & 8 AND id BETWEEN ? AND ? ORDER BY id",
            (row_id(mailbox, 0), row_id(mailbox, UID_MASK)),
        )
        among = None if uids is None else set(uids)
        return [uid for (uid,) in rows if among is None or uid in among]

    def unseen(self, mailbox: MailboxRow) -> list[int]:
        """UIDs without ``\\Seen``, ascending."""
        rows = self._execute(
            "SELECT id & 0xFFFFFFFF FROM messages WHERE flags & 1 = 0 AND id BETWEEN ? AND ? ORDER BY id",
            (row_id(mailbox, 0), row_id(mailbox, UID_MASK)),
        )
        return [uid for (uid,) in rows]

    def highest_modseq(self, mailbox: MailboxRow, unseen: bool = False) -> int:
        """The highest of its messages, or of those without ``\\Seen``; 0 where there are none."""
        if unseen:
            bounds = row_id(mailbox, 0), row_id(mailbox, UID_MASK)
            found = self._execute(
                "SELECT max(modseq) FROM messages WHERE flags & 1 = 0 AND id BETWEEN ? AND ?", bounds
            ).get
        else:
            found = self._execute("SELECT max(modseq) FROM messages WHERE mailbox = ?", (mailbox.id,)).get
        return found or 0

    def changed_since(self, mailbox: MailboxRow, modseq: int) -> list[MessageRow]:
        """Messages that came or changed after a modseq, UIDs ascending."""
        rows = self._execute(
            f"SELECT {_COLUMNS} FROM messages INDEXED BY messages_modseq WHERE mailbox = ? AND modseq > ?",  # noqa: S608
            (mailbox.id, modseq),
        )
        return sorted(MessageRow(*row) for row in rows)

    def vanished_since(self, mailbox: MailboxRow, modseq: int) -> UIDRuns:
        """UIDs expunged after a modseq, ascending; all that are not there where that is not known any more."""
        if modseq < mailbox.vanished_from:
            return self.uids(mailbox).missing(mailbox.uidnext)
        rows = self._execute(
            "SELECT first, last FROM vanished_runs WHERE mailbox = ? AND modseq > ?", (mailbox.id, modseq)
        )
        return UIDRuns(merged(sorted(rows)))

    def is_expunged(self, mailbox: MailboxRow, uid: int, modseq: int) -> bool:
        """Was a message of this UID, which came with this modseq, expunged since?

        Only for a message without a row. One that came before the list begins, and that has no row, went before.
        """
        if modseq <= mailbox.vanished_from:
            return True
        found = self._execute(
            "SELECT 1 FROM vanished_runs WHERE mailbox = ? AND ? BETWEEN first AND last", (mailbox.id, uid)
        ).get
        return found is not None

    def files(self, mailbox: MailboxRow, in_new: bool = False) -> Iterator[FileRow]:
        """File names of all messages, or of those that lie in new/; UIDs ascending."""
        rows = self._execute(
            _FILES_IN_NEW if in_new else _FILES,
            (row_id(mailbox, 0), row_id(mailbox, UID_MASK)),
        )
        return (FileRow(*row) for row in rows)

    # Changing.

    def add(self, rows: Iterable[MessageRow]) -> None:
        """Put rows in."""
        rows = list(rows)
        self._connection.executemany(_ADD, rows)
        self._runs.add(row.id for row in rows)
        by_mailbox = defaultdict[int, list[MessageRow]](list)
        for row in rows:
            by_mailbox[row.mailbox].append(row)
        for mailbox, came in by_mailbox.items():
            unseen = sum(not row.flags & 1 for row in came)
            deleted = sum(row.flags & 8 for row in came) // 8
            self._count(mailbox, len(came), sum(row.size for row in came), unseen, deleted)

    def set_flags(self, modseq: int, changes: Iterable[tuple[int, Packed, str | None]]) -> None:
        """Change flags and the file's info: row id, the packed flags, the info.

        A statement a run of neighbours that become alike: 0.06 s for 10,000, and 0.07 with a statement each.
        """
        for (flags, keywords, info), first, last in _alike(changes):
            self._execute(
                "UPDATE messages SET modseq = ?, flags = ?, keywords = ?, info = ? WHERE id BETWEEN ? AND ?",
                (modseq, flags, keywords, info, first, last),
            )

    def set_infos(self, infos: Iterable[tuple[int, str | None]]) -> None:
        """Note that files have another name; nothing a client sees."""
        self._connection.executemany(
            "UPDATE messages SET info = ? WHERE id = ?", [(info, id_) for id_, info in infos]
        )

    def set_threads(self, threads: Iterable[tuple[int, str]]) -> None:
        """Note THREADIDs, by row ids; nothing that clients are told of."""
        self._connection.executemany(
            "UPDATE messages SET thread_id = ? WHERE id = ?", [(thread_id, id_) for id_, thread_id in threads]
        )

    def set_form(self, id_: int, form: int, size: int) -> None:
        """Note how the octets lie in the file, and the message's size as it really is."""
        self._execute("UPDATE messages SET form = ?, size = ? WHERE id = ?", (form, size, id_))

    def expunge(self, mailbox: MailboxRow, uids: Sequence[int], modseq: int) -> None:
        """Take messages out, and remember that they were there."""
        gone = list(runs(uids))
        ids = [(row_id(mailbox, first), row_id(mailbox, last)) for first, last in gone]
        for run in ids:
            self._count(mailbox.id, *self._execute(_GOING, run).get)
            self._execute("DELETE FROM messages WHERE id BETWEEN ? AND ?", run)
            self._execute("DELETE FROM descriptions WHERE id BETWEEN ? AND ?", run)
            self._execute("DELETE FROM sort_keys WHERE id BETWEEN ? AND ?", run)
        self._runs.remove(ids)
        self._connection.executemany(
            "INSERT INTO vanished_runs VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
            [(mailbox.id, modseq, first, last) for first, last in gone],
        )
        # One statement, not one a message: few mailboxes have any.
        self._execute(
            "DELETE FROM uidls WHERE id BETWEEN ? AND ? AND id NOT IN (SELECT id FROM messages WHERE id = uidls.id)",
            (row_id(mailbox, min(uids, default=0)), row_id(mailbox, max(uids, default=0))),
        )
        if len(uids) > VANISHED_LIMIT // 100 or modseq % 100 == 0:
            # Counting them takes milliseconds when there are many, so it is not done each time.
            self._forget_vanished(mailbox)

    def _count(self, mailbox: int, messages: int, octets: int, unseen: int, deleted: int) -> None:
        """Messages came to a mailbox or, with negative numbers, went from it."""
        self._execute(_COUNT, (messages, octets, unseen, deleted, mailbox))

    def _range(self, columns: str, mailbox: MailboxRow, first: int, last: int) -> Iterable[tuple[Any, ...]]:
        return self._execute(
            f"SELECT {columns} FROM messages WHERE id BETWEEN ? AND ? ORDER BY id",  # noqa: S608
            (row_id(mailbox, first), row_id(mailbox, last)),
        )

    def _those(self, columns: str, mailbox: MailboxRow, uids: Sequence[int]) -> Iterable[tuple[Any, ...]]:
        """Columns, the id first, of those messages that exist, UIDs ascending."""
        wanted = {uid for uid in uids if 0 < uid <= UID_MASK}
        if not wanted:
            return ()
        first, last = min(wanted), max(wanted)
        if last - first < _SPARSE * len(wanted):
            rows = self._range(columns, mailbox, first, last)
            # All that there are: nothing to leave out.
            whole = last - first + 1 == len(wanted)
            return rows if whole else (row for row in rows if row[0] & UID_MASK in wanted)
        ids = json.dumps([row_id(mailbox, uid) for uid in wanted])
        return self._execute(
            f"SELECT {columns} FROM messages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",  # noqa: S608
            (ids,),
        )

    def _forget_vanished(self, mailbox: MailboxRow) -> None:
        # The row that is one too many, counted from the newest; none is found while there are few.
        newest = self._execute(
            "SELECT modseq FROM vanished_runs WHERE mailbox = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
            (mailbox.id, VANISHED_LIMIT),
        ).get
        if newest is not None:
            self._execute("DELETE FROM vanished_runs WHERE mailbox = ? AND modseq <= ?", (mailbox.id, newest))
            self._execute("UPDATE mailboxes SET vanished_from = ? WHERE id = ?", (newest, mailbox.id))


_Columns = tuple[int, bytes | None, str | None]


def _alike(changes: Iterable[tuple[int, Packed, str | None]]) -> Iterator[tuple[_Columns, int, int]]:
    """Runs of neighbours that get the same columns: these, and the first and the last row id."""
    columns: _Columns = (0, None, None)
    first = last = 0
    for id_, (flags, keywords), info in changes:
        new = (flags, keywords, info)
        if first and id_ == last + 1 and new == columns:
            last = id_
            continue
        if first:
            yield columns, first, last
        columns, first, last = new, id_, id_
    if first:
        yield columns, first, last
