"""The mailboxes of an account, their figures and numbers, and the subscription list."""

from __future__ import annotations

import time

import apsw

from mailframe.message.status import MailframeError, Status
from mailframe.store.catalogue.rows import LAST_UID, UID_MASK, MailboxRow, row_id
from mailframe.store.names import EXPUNGED

from .keywords import SQLiteKeywords

UIDS_USED_UP = Status((5, 2, 0), "This mailbox has used up its UIDs; move its messages to another", "LIMIT")


_COLUMNS = ", ".join(MailboxRow._fields)


class Mailboxes:
    """The tables ``mailboxes``, ``keywords`` and ``subscriptions``. What writes needs a transaction."""

    def __init__(self, connection: apsw.Connection, keywords_limit: int) -> None:
        self._connection = connection
        self._keywords_limit = keywords_limit
        self._execute = connection.execute
        self._keywords: dict[int, SQLiteKeywords] = {}
        self.made = False
        """A mailbox was added, and is not on stable storage yet."""

    def all(self) -> list[MailboxRow]:
        """All mailboxes, in no order."""
        return [MailboxRow(*row) for row in self._execute(f"SELECT {_COLUMNS} FROM mailboxes")]  # noqa: S608

    def named(self, name: str) -> MailboxRow | None:
        """The mailbox of this (canonical) name."""
        return self._one("name", name)

    def with_id(self, mailbox_id: str) -> MailboxRow | None:
        """The mailbox of this MAILBOXID; it may have another name by now."""
        return self._one("mailbox_id", mailbox_id)

    def add(self, name: str, folder: str, mailbox_id: str, special_use: str | None = None) -> MailboxRow:
        """A new mailbox.

        Its UIDVALIDITY is the time, and higher than any this account ever had: a name is never used again with
        the UIDVALIDITY it had before.
        """
        uidvalidity = self._execute(
            "UPDATE meta SET value = max(value + 1, ?) WHERE key = 'uidvalidity' RETURNING value",
            (int(time.time()),),
        ).get
        self._execute(
            "INSERT INTO mailboxes (name, folder, mailbox_id, special_use, uidvalidity) VALUES (?, ?, ?, ?, ?)",
            (name, folder, mailbox_id, special_use, uidvalidity),
        )
        self.made = True
        row = self.with_id(mailbox_id)
        assert row is not None
        return row

    def identify(
        self, mailbox: MailboxRow, mailbox_id: str, uidvalidity: int, special_use: str | None
    ) -> MailboxRow:
        """An empty mailbox becomes another; with another UIDVALIDITY its numbers begin anew."""
        self._execute("UPDATE meta SET value = max(value, ?) WHERE key = 'uidvalidity'", (uidvalidity,))
        if uidvalidity != mailbox.uidvalidity:
            self._execute("DELETE FROM vanished_runs WHERE mailbox = ?", (mailbox.id,))
            self._execute(
                "UPDATE mailboxes SET uidnext = 1, modseq = 1, first_recent = 1, vanished_from = 0 WHERE id = ?",
                (mailbox.id,),
            )
        self._execute(
            "UPDATE mailboxes SET mailbox_id = ?, uidvalidity = ?, special_use = ? WHERE id = ?",
            (mailbox_id, uidvalidity, special_use, mailbox.id),
        )
        self.made = True
        row = self.with_id(mailbox_id)
        assert row is not None
        return row

    def advance(self, mailbox: MailboxRow, uidnext: int, modseq: int, vanished_from: int = 0) -> None:
        """Raise its numbers to these, where they are lower; none is ever lowered.

        Raises:
            MailframeError: there are no such UIDs.
        """
        if uidnext > LAST_UID:
            raise MailframeError(UIDS_USED_UP)
        self._execute(
            "UPDATE mailboxes SET uidnext = max(uidnext, ?), modseq = max(modseq, ?),"
            " vanished_from = max(vanished_from, ?) WHERE id = ?",
            (uidnext, modseq, vanished_from, mailbox.id),
        )

    def remove(self, mailbox: MailboxRow) -> None:
        """Forget a mailbox and all its messages."""
        self._execute("DELETE FROM messages WHERE mailbox = ?", (mailbox.id,))
        rows = (row_id(mailbox, 0), row_id(mailbox, UID_MASK))
        self._execute("DELETE FROM descriptions WHERE id BETWEEN ? AND ?", rows)
        self._execute("DELETE FROM sort_keys WHERE id BETWEEN ? AND ?", rows)
        self._execute("DELETE FROM uid_runs WHERE first >> 32 = ?", (mailbox.id,))
        self._execute("DELETE FROM uidls WHERE id >> 32 = ?", (mailbox.id,))
        self._execute("DELETE FROM vanished_runs WHERE mailbox = ?", (mailbox.id,))
        self._execute("DELETE FROM keywords WHERE mailbox = ?", (mailbox.id,))
        self._execute("DELETE FROM mailboxes WHERE id = ?", (mailbox.id,))
        self._keywords.pop(mailbox.id, None)

    def rename(self, mailbox: MailboxRow, name: str) -> None:
        """Give another name; the folder stays as it is."""
        self._execute("UPDATE mailboxes SET name = ? WHERE id = ?", (name, mailbox.id))

    def set_folder(self, mailbox: MailboxRow, folder: str) -> None:
        """Note where it lies now."""
        self._execute("UPDATE mailboxes SET folder = ? WHERE id = ?", (folder, mailbox.id))

    def set_times(self, mailbox: MailboxRow, new_time: int, cur_time: int, settled: int) -> None:
        """Note what the directories were like at the last look; ``settled`` as in the schema."""
        self._execute(
            "UPDATE mailboxes SET new_time = ?, cur_time = ?, settled = ? WHERE id = ?",
            (new_time, cur_time, settled, mailbox.id),
        )

    def claim_recent(self, mailbox: MailboxRow) -> None:
        """From now on no message that is here now is ``\\Recent`` for another session."""
        self._execute("UPDATE mailboxes SET first_recent = uidnext WHERE id = ?", (mailbox.id,))

    def take_uids(self, mailbox: MailboxRow, count: int) -> tuple[int, int]:
        """The first of ``count`` new UIDs, and the new modseq.

        Raises:
            MailframeError: the mailbox has used up all UIDs there are.
        """
        uidnext, modseq = self._execute(
            "UPDATE mailboxes SET uidnext = uidnext + ?, modseq = modseq + 1 WHERE id = ?"
            " RETURNING uidnext, modseq",
            (count, mailbox.id),
        ).get
        if uidnext > LAST_UID:
            raise MailframeError(UIDS_USED_UP)
        return uidnext - count, modseq

    def next_modseq(self, mailbox: MailboxRow) -> int:
        """A new modseq: one for each change, however many messages it touches."""
        return int(
            self._execute(
                "UPDATE mailboxes SET modseq = modseq + 1 WHERE id = ? RETURNING modseq", (mailbox.id,)
            ).get
        )

    def jump(self, distance: int) -> None:
        """Move all numbers on, and forget what the directories were like."""
        self._execute(
            "UPDATE mailboxes SET uidnext = min(uidnext + ?1, ?2), modseq = modseq + ?1,"
            " new_time = 0, cur_time = 0",
            (distance, LAST_UID),
        )

    def totals(self) -> tuple[int, int]:
        """How many messages the account has, and their octets; what was expunged and is kept does not count."""
        messages, octets = self._execute(
            "SELECT coalesce(sum(messages), 0), coalesce(sum(octets), 0) FROM mailboxes"
            " WHERE name NOT BETWEEN ? AND ?",
            (EXPUNGED + "/", EXPUNGED + "0"),
        ).get
        return int(messages), int(octets)

    def count(self) -> int:
        """How many mailboxes there are, but for those of expunged mail."""
        kept = (EXPUNGED + "/", EXPUNGED + "0")
        return int(self._execute("SELECT count(*) FROM mailboxes WHERE name NOT BETWEEN ? AND ?", kept).get)

    def keywords(self, mailbox: MailboxRow) -> SQLiteKeywords:
        """The keywords of a mailbox, kept in memory until another process changes them."""
        known = self._keywords.get(mailbox.id)
        if known is None or known.version != mailbox.keywords_version:
            known = SQLiteKeywords(
                self._connection, mailbox.id, mailbox.keywords_version, self._keywords_limit
            )
            self._keywords[mailbox.id] = known
        return known

    def forget_keywords(self) -> None:
        """What was rolled back must not be remembered."""
        self._keywords.clear()

    def subscribed(self) -> set[str]:
        """Names on the subscription list."""
        return {name for (name,) in self._execute("SELECT name FROM subscriptions")}

    def subscribe(self, name: str, subscribed: bool) -> None:
        """Put a name on the list or take it off."""
        if subscribed:
            self._execute("INSERT OR IGNORE INTO subscriptions VALUES (?)", (name,))
        else:
            self._execute("DELETE FROM subscriptions WHERE name = ?", (name,))

    def _one(self, column: str, value: str) -> MailboxRow | None:
        row = self._execute(f"SELECT {_COLUMNS} FROM mailboxes WHERE {column} = ?", (value,)).get  # noqa: S608
        return None if row is None else MailboxRow(*row)
