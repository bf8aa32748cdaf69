"""The mailboxes of an account, their figures and numbers, and the subscription list."""

from __future__ import annotations

import time
from typing import Final, LiteralString

from mailframe.database.postgres_session import Row, Session
from mailframe.message.status import MailframeError, Status
from mailframe.store.catalogue.rows import LAST_UID, MailboxRow
from mailframe.store.names import EXPUNGED
from mailframe.store.refusals import NONEXISTENT, refuse

from .keywords import PostgresKeywords

UIDS_USED_UP: Final = Status(
    (5, 2, 0), "This mailbox has used up its UIDs; move its messages to another", "LIMIT"
)

_SELECT: LiteralString = (
    "SELECT id, name, folder, mailbox_id, special_use, uidvalidity, uidnext, modseq, first_recent,"
    " keywords_version, vanished_from, new_time, cur_time, settled, messages, unseen, deleted, octets"
    " FROM mail_mailboxes WHERE account = %s"
)


class Mailboxes:
    """See `mailframe.store.catalogue.interfaces.Mailboxes`.

    Args:
        session: the catalogue's.
        account: the account's row id.
        keywords_limit: keywords a mailbox may have.

    Attributes:
        made: a mailbox was added, and its commit must last.
    """

    def __init__(self, session: Session, account: int, keywords_limit: int) -> None:
        self._session = session
        self._account = account
        self._keywords_limit = keywords_limit
        self._keywords: dict[int, PostgresKeywords] = {}
        self.made = False

    def all(self) -> list[MailboxRow]:
        """All mailboxes, in no order."""
        return [MailboxRow(*row) for row in self._session.rows(_SELECT, (self._account,))]

    def named(self, name: str) -> MailboxRow | None:
        """The mailbox of this (canonical) name."""
        if "\0" in name:
            # IMAP clients can ask for it; PostgreSQL's text cannot have it, so there is none.
            return None
        row = self._session.row(_SELECT + " AND name = %s", (self._account, name))
        return None if row is None else MailboxRow(*row)

    def with_id(self, mailbox_id: str) -> MailboxRow | None:
        """The mailbox of this MAILBOXID; it may have another name by now."""
        row = self._session.row(_SELECT + " AND mailbox_id = %s", (self._account, mailbox_id))
        return None if row is None else MailboxRow(*row)

    def add(self, name: str, folder: str, mailbox_id: str, special_use: str | None = None) -> MailboxRow:
        """A new mailbox.

        Its UIDVALIDITY is the time, and higher than any this account ever had: a name is never used again with
        the UIDVALIDITY it had before.
        """
        (uidvalidity,) = self._one(
            "UPDATE mail_accounts SET uidvalidity = greatest(uidvalidity + 1, %s) WHERE id = %s"
            " RETURNING uidvalidity",
            int(time.time()),
            self._account,
        )
        self._session.run(
            "INSERT INTO mail_mailboxes (account, name, folder, mailbox_id, special_use, uidvalidity)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (self._account, name, folder, mailbox_id, special_use, uidvalidity),
        )
        return self._made(mailbox_id)

    def identify(
        self, mailbox: MailboxRow, mailbox_id: str, uidvalidity: int, special_use: str | None
    ) -> MailboxRow:
        """An empty mailbox becomes another; with another UIDVALIDITY its numbers begin anew."""
        run = self._session.run
        run(
            "UPDATE mail_accounts SET uidvalidity = greatest(uidvalidity, %s) WHERE id = %s",
            (uidvalidity, self._account),
        )
        if uidvalidity != mailbox.uidvalidity:
            run("DELETE FROM mail_vanished WHERE mailbox = %s", (mailbox.id,))
            run(
                "UPDATE mail_mailboxes SET uidnext = 1, modseq = 1, first_recent = 1, vanished_from = 0"
                " WHERE id = %s",
                (mailbox.id,),
            )
        run(
            "UPDATE mail_mailboxes SET mailbox_id = %s, uidvalidity = %s, special_use = %s WHERE id = %s",
            (mailbox_id, uidvalidity, special_use, mailbox.id),
        )
        if mailbox_id != mailbox.mailbox_id:
            both = (mailbox_id, self._account, mailbox.mailbox_id)
            run("UPDATE mail_access SET mailbox_id = %s WHERE account = %s AND mailbox_id = %s", both)
            run("UPDATE mail_annotations SET mailbox_id = %s WHERE account = %s AND mailbox_id = %s", both)
        return self._made(mailbox_id)

    def advance(self, mailbox: MailboxRow, uidnext: int, modseq: int, vanished_from: int = 0) -> None:
        """Raise its numbers to these, where they are lower; none is ever lowered.

        Raises:
            MailframeError: there are no such UIDs.
        """
        if uidnext > LAST_UID:
            raise MailframeError(UIDS_USED_UP)
        self._session.run(
            "UPDATE mail_mailboxes SET uidnext = greatest(uidnext, %s), modseq = greatest(modseq, %s),"
            " vanished_from = greatest(vanished_from, %s) WHERE id = %s",
            (uidnext, modseq, vanished_from, mailbox.id),
        )

    def remove(self, mailbox: MailboxRow) -> None:
        """Forget a mailbox and all its messages."""
        # The mailbox first: whoever keeps its octets looks once more at what it had.
        run = self._session.run
        run("DELETE FROM mail_mailboxes WHERE id = %s", (mailbox.id,))
        run("DELETE FROM mail_messages WHERE mailbox = %s", (mailbox.id,))
        run("DELETE FROM mail_vanished WHERE mailbox = %s", (mailbox.id,))
        place = (self._account, mailbox.mailbox_id)
        run("DELETE FROM mail_access WHERE account = %s AND mailbox_id = %s", place)
        run("DELETE FROM mail_annotations WHERE account = %s AND mailbox_id = %s", place)
        self._keywords.pop(mailbox.id, None)

    def rename(self, mailbox: MailboxRow, name: str) -> None:
        """Give another name; the folder stays as it is."""
        self._session.run("UPDATE mail_mailboxes SET name = %s WHERE id = %s", (name, mailbox.id))

    def set_folder(self, mailbox: MailboxRow, folder: str) -> None:
        """Note where it lies now."""
        self._session.run("UPDATE mail_mailboxes SET folder = %s WHERE id = %s", (folder, mailbox.id))

    def set_times(self, mailbox: MailboxRow, new_time: int, cur_time: int, settled: int) -> None:
        """Note what the layout's last look at the mailbox found; the numbers are the layout's own."""
        self._session.run(
            "UPDATE mail_mailboxes SET new_time = %s, cur_time = %s, settled = %s WHERE id = %s",
            (new_time, cur_time, settled, mailbox.id),
        )

    def claim_recent(self, mailbox: MailboxRow) -> None:
        """From now on no message that is here now is ``\\Recent`` for another session."""
        self._session.run("UPDATE mail_mailboxes SET first_recent = uidnext WHERE id = %s", (mailbox.id,))

    def take_uids(self, mailbox: MailboxRow, count: int) -> tuple[int, int]:
        """The first of ``count`` new UIDs, and the new modseq.

        Raises:
            MailframeError: the mailbox has used up all UIDs there are.
        """
        uidnext, modseq = self._one(
            "UPDATE mail_mailboxes SET uidnext = uidnext + %s, modseq = modseq + 1 WHERE id = %s"
            " RETURNING uidnext, modseq",
            count,
            mailbox.id,
        )
        if uidnext > LAST_UID:
            raise MailframeError(UIDS_USED_UP)
        return uidnext - count, modseq

    def next_modseq(self, mailbox: MailboxRow) -> int:
        """A new modseq: one for each change, however many messages it touches."""
        (modseq,) = self._one(
            "UPDATE mail_mailboxes SET modseq = modseq + 1 WHERE id = %s RETURNING modseq", mailbox.id
        )
        return int(modseq)

    def jump(self, distance: int) -> None:
        """Move all numbers on; that of the keywords, too, by which threads tell whether they know them."""
        self._session.run(
            "UPDATE mail_mailboxes SET uidnext = least(uidnext + %s, %s), modseq = modseq + %s,"
            " keywords_version = keywords_version + %s WHERE account = %s",
            (distance, LAST_UID, distance, distance, self._account),
        )

    def totals(self) -> tuple[int, int]:
        """How many messages the account has, and their octets; what was expunged and is kept does not count."""
        messages, octets = self._one(
            "SELECT coalesce(sum(messages), 0)::bigint, coalesce(sum(octets), 0)::bigint FROM mail_mailboxes"
            " WHERE account = %s AND name NOT BETWEEN %s AND %s",
            self._account,
            EXPUNGED + "/",
            EXPUNGED + "0",
        )
        return messages, octets

    def count(self) -> int:
        """How many mailboxes there are, but for those of expunged mail."""
        (count,) = self._one(
            "SELECT count(*) FROM mail_mailboxes WHERE account = %s AND name NOT BETWEEN %s AND %s",
            self._account,
            EXPUNGED + "/",
            EXPUNGED + "0",
        )
        return int(count)

    def keywords(self, mailbox: MailboxRow) -> PostgresKeywords:
        """The keywords of a mailbox, kept in memory until another process changes them."""
        known = self._keywords.get(mailbox.id)
        if known is None or known.version != mailbox.keywords_version:
            known = PostgresKeywords(
                self._session, mailbox.id, mailbox.keywords_version, self._keywords_limit
            )
            self._keywords[mailbox.id] = known
        return known

    def forget_keywords(self) -> None:
        """What was rolled back must not be remembered."""
        self._keywords.clear()

    def subscribed(self) -> set[str]:
        """Names on the subscription list."""
        rows = self._session.rows("SELECT name FROM mail_subscriptions WHERE account = %s", (self._account,))
        return {name for (name,) in rows}

    def subscribe(self, name: str, subscribed: bool) -> None:
        """Put a name on the list or take it off."""
        if subscribed:
            self._session.run(
                "INSERT INTO mail_subscriptions VALUES (%s, %s) ON CONFLICT DO NOTHING", (self._account, name)
            )
        elif "\0" not in name:
            self._session.run(
                "DELETE FROM mail_subscriptions WHERE account = %s AND name = %s", (self._account, name)
            )

    def _one(self, query: LiteralString, *values: object) -> Row:
        """The row of a statement that must have one.

        Raises:
            MailframeError: ``NONEXISTENT``: the mailbox is gone.
        """
        row = self._session.row(query, values)
        if row is None:
            raise refuse(NONEXISTENT)
        return row

    def _made(self, mailbox_id: str) -> MailboxRow:
        self.made = True
        row = self.with_id(mailbox_id)
        assert row is not None
        return row
