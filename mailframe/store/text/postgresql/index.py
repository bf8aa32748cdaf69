"""The texts of one account in PostgreSQL; see `mailframe.store.text.interfaces.TextIndex`.

A search is done by the server, which sends UIDs only: texts are looked through, `PAGE` messages at a time. An
administrator may make indexes of trigrams (``docs/full-text.rst`` says how), in which the mailbox comes first, so
that the mail of other accounts costs nothing. They are used for needles of three characters and more where both are
there, and give the same answers: what an index finds the server compares with the text itself.

Measured with PostgreSQL 15, 40,000 messages of 2 KB of text in one mailbox, all in memory: to write a text takes 0.06
ms, with the indexes 1.5 ms; a search takes 0.19 s, with the indexes 0.01 to 0.03 s, and as long as without where most
messages have it; the indexes are twice as large as the texts. That is too much for all to pay, so they are not made
unasked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, LiteralString

from mailframe.database.postgres_session import Session
from mailframe.store.catalogue.rows import UID_MASK, MailboxRow, row_id
from mailframe.store.text.interfaces import (
    Found,
    InBody,
    InField,
    InHeader,
    MessageText,
    SentOn,
    TextSize,
    Wanted,
)

ROOM: Final = "mailframe.store.text.postgresql"
PAGE: Final = 1000
"""Messages whose texts one call of `find` looks through (5 ms, or 40 where they are not in memory)."""
STEP: Final = 1000
"""Texts dropped in one transaction."""
SLICE_SECONDS: Final = 0.03
"""How long one call of `tidy` goes on."""

_SEPARATOR: Final = "\x02"
_UNFIT: Final = re.compile("[\0\x02\ud800-\udfff]")
"""What PostgreSQL cannot keep as text, and our separator: a text is kept up to there, as one that is not whole."""
_LOCK: Final = 0x6D7478
_STALE_SHARE: Final = 0.25
_STALE_COUNT: Final = 500
_TRIGRAM: Final = 3


class PostgresTexts:
    """See `TextIndex`.

    Args:
        session: the thread's.
        account: the account's row id.
    """

    def __init__(self, session: Session, account: int) -> None:
        self._session = session
        self._account = account
        self._indexed: bool | None = None
        # Mailboxes whose texts are being dropped: what was begun is ended, however few are left by then.
        self._dropping: set[int] = set()

    def covered(self, mailbox: MailboxRow) -> int:
        """See `TextIndex.covered`."""
        row = self._session.row(
            "SELECT covered FROM mail_text_mailboxes WHERE mailbox = %s AND mailbox_id = %s AND uidvalidity = %s",
            (mailbox.id, mailbox.mailbox_id, mailbox.uidvalidity),
        )
        # More than there ever were: the database is an older one that was put back.
        return 1 if row is None or row[0] > mailbox.uidnext else int(row[0])

    def add(self, mailbox: MailboxRow, texts: Sequence[MessageText], first: int, covered: int) -> None:
        """See `TextIndex.add`."""
        rows = [_row(mailbox, text) for text in texts]
        self._begin(mailbox.id)
        try:
            if self.covered(mailbox) != first:
                return
            if first == 1:
                # Whatever there is is of what the mailbox was before.
                self._session.run("DELETE FROM mail_texts WHERE id BETWEEN %s AND %s", _all(mailbox))
            self._session.run(
                "INSERT INTO mail_text_mailboxes VALUES (%s, %s, %s, %s, %s) ON CONFLICT (mailbox) DO UPDATE"
                " SET mailbox_id = excluded.mailbox_id, uidvalidity = excluded.uidvalidity,"
                " covered = excluded.covered",
                (mailbox.id, self._account, mailbox.mailbox_id, mailbox.uidvalidity, covered),
            )
            if rows:
                self._session.copy("mail_texts", ("id", "mailbox", "head", "body", "sent", "whole"), rows)
            self._session.commit()
        finally:
            self._session.roll_back()

    def find(self, mailbox: MailboxRow, wanted: Wanted, first: int = 1) -> Found:
        """See `TextIndex.find`."""
        covered = self.covered(mailbox)
        if first >= covered:
            return Found((), (), None)
        begin, end = row_id(mailbox, first), row_id(mailbox, covered)
        following = None if self._helps(wanted) else self._after_page(begin, end)
        if following is not None:
            end = following
        condition, values = _condition(wanted)
        place = (mailbox.id, begin, end)
        rows = self._session.rows(
            "SELECT id, true FROM mail_texts WHERE mailbox = %s AND id >= %s AND id < %s AND ("  # noqa: S608
            + condition
            + ")"
            " UNION ALL SELECT id, false FROM mail_texts WHERE id >= %s AND id < %s AND NOT whole ORDER BY 1",
            (*place, *values, begin, end),
        )
        uids = [id_ & UID_MASK for id_, found in rows if found]
        known = set(uids)
        unsure = [id_ & UID_MASK for id_, found in rows if not found and id_ & UID_MASK not in known]
        return Found(uids, unsure, None if following is None else following & UID_MASK)

    def tidy(self, mailboxes: Sequence[MailboxRow], alive: Callable[[MailboxRow], Sequence[int]]) -> bool:
        """See `TextIndex.tidy`."""
        until = time.monotonic() + SLICE_SECONDS
        if self._drop_mailboxes(mailboxes, until):
            return True
        return any(self._drop_messages(mailbox, alive, until) for mailbox in mailboxes)

    def size(self) -> TextSize:
        """See `TextIndex.size`: without the indexes, which all accounts have together."""
        row = self._session.row(
            "SELECT count(*), coalesce(sum(pg_column_size(text.head) + pg_column_size(text.body)), 0)::bigint"
            " FROM mail_text_mailboxes AS box JOIN mail_texts AS text"
            " ON text.id >= box.mailbox::bigint << 32 AND text.id < (box.mailbox::bigint + 1) << 32"
            " WHERE box.account = %s",
            (self._account,),
        )
        return TextSize(0, 0) if row is None else TextSize(row[0], row[1])

    def close(self) -> None:
        """See `TextIndex.close`: the connection is the thread's."""

    # Looking.

    def _helps(self, wanted: Wanted) -> bool:
        """Is there an index that finds this?"""
        if isinstance(wanted, SentOn) or len(wanted.needle) < _TRIGRAM:
            return False
        if self._indexed is None:
            row = self._session.row("SELECT count(to_regclass(name)) FROM unnest(%s::text[]) AS name",
                                    (["mail_texts_body", "mail_texts_head"],))  # fmt: skip
            self._indexed = row is not None and row[0] == 2
        return self._indexed

    def _after_page(self, begin: int, end: int) -> int | None:
        """The row id that a page ends before; None where there is no more than a page."""
        row = self._session.row(
            "SELECT id FROM mail_texts WHERE id >= %s AND id < %s ORDER BY id OFFSET %s LIMIT 1",
            (begin, end, PAGE),
        )
        return None if row is None else int(row[0])

    # Dropping.

    def _begin(self, mailbox: int) -> None:
        """A transaction; another one about the same texts waits."""
        self._session.begin("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, mailbox))

    def _drop_mailboxes(self, mailboxes: Sequence[MailboxRow], until: float) -> bool:
        known = {(each.id, each.mailbox_id, each.uidvalidity) for each in mailboxes}
        rows = self._session.rows(
            "SELECT mailbox, mailbox_id, uidvalidity FROM mail_text_mailboxes WHERE account = %s",
            (self._account,),
        )
        for row in rows:
            if row not in known:
                # First nothing is covered any more; somebody may begin anew at once.
                self._session.run(
                    "UPDATE mail_text_mailboxes SET mailbox_id = '', covered = 1"
                    " WHERE mailbox = %s AND mailbox_id = %s AND uidvalidity = %s",
                    row,
                )
                while self._drop_void(row[0]):
                    if time.monotonic() >= until:
                        return True
        return False

    def _drop_void(self, mailbox: int) -> bool:
        """Drop some texts of a mailbox that is gone; True when there may be more."""
        self._begin(mailbox)
        try:
            void = self._session.row(
                "SELECT 1 FROM mail_text_mailboxes WHERE mailbox = %s AND mailbox_id = ''", (mailbox,)
            )
            if void is None:
                return False
            count = self._session.run(
                "DELETE FROM mail_texts WHERE id IN"
                " (SELECT id FROM mail_texts WHERE id >= %s AND id < %s LIMIT %s)",
                (mailbox << 32, mailbox + 1 << 32, STEP),
            )
            if not count:
                self._session.run("DELETE FROM mail_text_mailboxes WHERE mailbox = %s", (mailbox,))
            self._session.commit()
            return bool(count)
        finally:
            self._session.roll_back()

    def _drop_messages(
        self, mailbox: MailboxRow, alive: Callable[[MailboxRow], Sequence[int]], until: float
    ) -> bool:
        """Drop texts of messages that are gone, where they are many; True when there are more."""
        # In this order: what somebody adds from now on is not known to be gone.
        covered = self.covered(mailbox)
        place = (row_id(mailbox, 0), row_id(mailbox, covered))
        count = self._session.row("SELECT count(*) FROM mail_texts WHERE id >= %s AND id < %s", place)
        kept = 0 if count is None else int(count[0])
        stale = kept - mailbox.messages
        few = stale <= _STALE_COUNT or stale <= kept * _STALE_SHARE
        if few and mailbox.id not in self._dropping:
            return False
        living = set(alive(mailbox))
        rows = self._session.rows("SELECT id FROM mail_texts WHERE id >= %s AND id < %s", place)
        gone = [id_ for (id_,) in rows if id_ & UID_MASK not in living]
        self._dropping.add(mailbox.id)
        for start in range(0, len(gone), STEP):
            if start and time.monotonic() >= until:
                return True
            self._session.run(
                "DELETE FROM mail_texts WHERE id = ANY(%s::bigint[])", (gone[start : start + STEP],)
            )
        self._dropping.discard(mailbox.id)
        return False


def _all(mailbox: MailboxRow) -> tuple[int, int]:
    return row_id(mailbox, 0), row_id(mailbox, UID_MASK)


def _row(mailbox: MailboxRow, text: MessageText) -> tuple[Any, ...]:
    whole = text.whole
    fields = []
    for name, body in text.fields:
        field, fits = _fit(f"{name}: {body}")
        fields.append(field)
        whole &= fits
    body, fits = _fit(text.body)
    return row_id(mailbox, text.uid), mailbox.id, _SEPARATOR.join(fields), body, text.sent, whole and fits


def _fit(text: str) -> tuple[str, bool]:
    """As much of a text as can be kept, and whether that is all."""
    unfit = _UNFIT.search(text)
    return (text, True) if unfit is None else (text[: unfit.start()], False)


def _condition(wanted: Wanted) -> tuple[LiteralString, tuple[Any, ...]]:
    """What a row must be like, in SQL, and the values for it."""
    if isinstance(wanted, SentOn):
        return (
            "sent IS NOT NULL AND (%s::integer IS NULL OR sent >= %s) AND (%s::integer IS NULL OR sent < %s)",
            (wanted.since, wanted.since, wanted.before, wanted.before),
        )
    if _UNFIT.search(wanted.needle):
        return "false", ()
    like = "%" + re.sub(r"([\\%_])", r"\\\1", wanted.needle) + "%"
    match wanted:
        case InBody():
            return "body LIKE %s", (like,)
        case InHeader():
            return "head LIKE %s", (like,)
        case InField(name, needle):
            if ":" in name or _UNFIT.search(name):
                return "false", ()
            return (
                # The first finds it by the index, the second makes sure that it is that field.
                "head LIKE %s AND EXISTS (SELECT FROM unnest(string_to_array(head, E'\\x02')) AS field"
                " WHERE starts_with(field, %s) AND position(%s IN substr(field, %s)) > 0)",
                (like, name + ": ", needle, len(name) + 3),
            )
