"""One account's part of the catalogue: its transactions, and numbers that never come back.

Whoever writes locks the account's row first, so that transactions of one account come one after another, and those of
different accounts never wait for each other. Whoever only reads sees one moment and waits for nobody.

Commits are not flushed one by one (`mailframe.database.postgres_session`): the server flushes its log within a
second, and `flush` does when an answer depends on it. So a server that stops without a warning, or is replaced by a
copy of it that lags behind, may lose commits of the last second, and with them UIDs and MODSEQs that a client was
told. An account notes under which start of the server it was last written; found under another, all its numbers jump
past whatever may have been given (`JUMP`), in a commit that is on stable storage before the first of them is given.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mailframe.database.postgres_session import DatabaseFault, Session
from mailframe.store.checking import Difference
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.text.interfaces import TextIndex
from mailframe.store.text.postgresql.index import PostgresTexts

from .beside import Access, Annotations, Threads, Uidls
from .checking import differences
from .descriptions import Descriptions, SortKeys
from .mailboxes import Mailboxes
from .messages import Messages

ROOM: Final = "mailframe.store.catalogue.postgresql"
JUMP: Final = 1 << 14
"""How far UIDNEXT and MODSEQ jump when the server was started anew."""
UNFLUSHED: Final = 1 << 10
"""Numbers that one thread gives out between two flushes: sixteen threads of all nodes together stay below `JUMP`
in the second after which the server flushes by itself."""


class Catalogue:
    """One open catalogue; for one thread at a time.

    Args:
        session: the thread's.
        account: its name; made where it is missing.
        keywords_limit: keywords a mailbox may have.

    Attributes:
        mailboxes, messages, descriptions, sort_keys, uidls, threads, access, annotations: its tables.
    """

    path = ""
    dirty = False

    def __init__(self, session: Session, account: str, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._session = session
        self._texts: PostgresTexts | None = None
        self._numbers = 0
        self._jumped = False
        self._writing = False
        self.id = id_ = find(session, account) or _made(session, account)
        self.mailboxes = Mailboxes(session, id_, keywords_limit)
        self.messages = Messages(session)
        self.descriptions = Descriptions(session)
        self.sort_keys = SortKeys(session)
        self.uidls = Uidls(session)
        self.threads = Threads(session, id_)
        self.access = Access(session, id_)
        self.annotations = Annotations(session, id_)

    @property
    def in_place(self) -> bool:
        """Is it still the account's? Somebody may have removed the account."""
        found = self._session.row("SELECT 1 FROM mail_accounts WHERE id = %s AND NOT removed", (self.id,))
        return found is not None

    @property
    def in_transaction(self) -> bool:
        """Is a transaction that writes open?"""
        return self._writing

    @property
    def texts(self) -> TextIndex | None:
        """See `mailframe.store.catalogue.interfaces.Catalogue.texts`: in the same database."""
        if self._texts is None:
            self._texts = PostgresTexts(self._session, self.id)
        return self._texts

    def forget_texts(self) -> None:
        """See `mailframe.store.catalogue.interfaces.Catalogue.forget_texts`."""
        self._texts = None

    def setting(self, key: str) -> int:
        """A number that rules of the store keep for the account; 0 where it was never set."""
        row = self._session.row(
            "SELECT value FROM mail_settings WHERE account = %s AND key = %s", (self.id, key)
        )
        return 0 if row is None else int(row[0])

    def settings(self, prefix: str) -> dict[str, int]:
        """All settings that begin so, without that beginning."""
        found = self._session.rows(
            "SELECT key, value FROM mail_settings WHERE account = %s AND key >= %s AND key < %s",
            (self.id, prefix, prefix + "\x7f"),
        )
        return {key[len(prefix) :]: int(value) for key, value in found}

    def set_setting(self, key: str, value: int) -> None:
        """Set it, or forget it where ``value`` is 0. Needs a writing transaction."""
        if not value:
            self._session.run("DELETE FROM mail_settings WHERE account = %s AND key = %s", (self.id, key))
            return
        self._session.run(
            "INSERT INTO mail_settings VALUES (%s, %s, %s)"
            " ON CONFLICT (account, key) DO UPDATE SET value = excluded.value",
            (self.id, key, value),
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        self._session.begin_reading()
        try:
            yield
        finally:
            self._session.roll_back()

    @contextmanager
    def writing(self, numbers: int = 1) -> Iterator[None]:
        """A transaction; see `begin` and `commit`.

        Args:
            numbers: UIDs it may hand out.
        """
        self.begin()
        try:
            yield
            self.commit(numbers)
        except BaseException:
            self.roll_back()
            raise

    def begin(self) -> None:
        """Begin to write; others who write to the account wait.

        Raises:
            DatabaseFault: it cannot be done now, or the account was removed just now.
        """
        session = self._session
        try:
            row = session.begin(
                "SELECT started FROM mail_accounts WHERE id = %s AND NOT removed FOR UPDATE", (self.id,)
            )
            if row is None:
                raise DatabaseFault(errno.ESTALE, "the account was removed")
            self._jumped = row[0] != session.started
            if self._jumped:
                self.mailboxes.jump(JUMP)
                session.run("UPDATE mail_accounts SET started = %s WHERE id = %s", (session.started, self.id))
        except BaseException:
            session.roll_back()
            raise
        self._writing = True

    def commit(self, numbers: int = 1) -> None:
        """Commit; survives this process at once, and the server's machine after `flush`."""
        self._numbers += numbers
        # A new mailbox at once: one that is not there later is one that was deleted.
        durable = self._jumped or self.mailboxes.made or self._numbers > UNFLUSHED
        self._session.commit(durable)
        self._writing = self._jumped = False
        if durable:
            self._flushed()

    def roll_back(self) -> None:
        """Undo what was done since `begin`; harmless when there is nothing."""
        if self._writing:
            self._writing = self._jumped = self.mailboxes.made = False
            self._session.roll_back()

    def flush(self) -> None:
        """Put everything committed on stable storage.

        Raises:
            DatabaseFault: it could not be done, or the server may have lost it.
        """
        self._session.flush()
        self._flushed()

    def flushed(self) -> None:
        """See `mailframe.store.catalogue.interfaces.Catalogue.flushed`: the server does it, in any case."""

    def differences(self, mend: bool = False) -> Iterator[Difference]:
        """See `mailframe.store.maildrop.checking.ChecksItself`."""
        return differences(self._session, self.id, mend)

    def close(self, clean: bool = False) -> None:
        """See `mailframe.store.catalogue.interfaces.Catalogue.close`: the connection is the thread's."""
        self.roll_back()

    def _flushed(self) -> None:
        self._numbers = 0
        self.mailboxes.made = False


def find(session: Session, account: str) -> int | None:
    """The row id of an account; None where there is none."""
    row = session.row("SELECT id FROM mail_accounts WHERE name = %s AND NOT removed", (account,))
    return None if row is None else int(row[0])


def _made(session: Session, account: str) -> int:
    # Several may be at it; all of them find the one that was made.
    session.run(
        "INSERT INTO mail_accounts (name, started) VALUES (%s, %s) ON CONFLICT (name) WHERE NOT removed DO NOTHING",
        (account, session.started),
    )
    found = find(session, account)
    if found is None:
        raise DatabaseFault(errno.ESTALE, "the account was removed while it was made")
    return found
