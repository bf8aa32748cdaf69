"""Is an account's part of the catalogue true to itself? Looking, and putting right. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, LiteralString

from mailframe.database.postgres_session import Session
from mailframe.store.checking import Difference, Kind

_REAL: LiteralString = """
SELECT box.id, box.name, count(message.id) AS messages, coalesce(sum(size), 0) AS octets,
    count(message.id) FILTER (WHERE flags & 1 = 0) AS unseen,
    count(message.id) FILTER (WHERE flags & 8 <> 0) AS deleted,
    coalesce(max(message.id & 4294967295), 0) AS uid, coalesce(max(message.modseq), 0) AS highest
FROM mail_mailboxes AS box LEFT JOIN mail_messages AS message
    ON message.id BETWEEN box.id::bigint << 32 AND (box.id::bigint + 1 << 32) - 1
WHERE box.account = %s GROUP BY box.id
"""
_BESIDE: LiteralString = "SELECT box.name, box.id FROM mail_mailboxes AS box JOIN (" + _REAL  # noqa: S608
_BESIDE += ") AS real ON real.id = box.id WHERE "
_FIGURES: LiteralString = _BESIDE + (
    "(box.messages, box.octets, box.unseen, box.deleted)"
    " IS DISTINCT FROM (real.messages, real.octets, real.unseen, real.deleted)"
)
_NUMBERS: LiteralString = _BESIDE + "real.uid >= box.uidnext OR real.highest > box.modseq"
_MENDING: LiteralString = " FROM (" + _REAL + ") AS real WHERE real.id = box.id AND box.id = %s"
_COUNT_AGAIN: LiteralString = (
    "UPDATE mail_mailboxes AS box SET messages = real.messages, octets = real.octets, unseen = real.unseen,"  # noqa: S608
    " deleted = real.deleted" + _MENDING
)
_RAISE: LiteralString = (
    "UPDATE mail_mailboxes AS box SET uidnext = greatest(uidnext, real.uid + 1),"  # noqa: S608
    " modseq = greatest(modseq, real.highest)" + _MENDING
)
_OF_ACCOUNT: LiteralString = (
    "FROM mail_mailboxes AS box WHERE box.account = %s AND beside.id >= box.id::bigint << 32"
    " AND beside.id < box.id::bigint + 1 << 32"
)
_WITHOUT_MESSAGE: LiteralString = (
    "NOT EXISTS (SELECT FROM mail_messages AS message WHERE message.id = beside.id)"
)
_LEFTOVERS: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("mail_messages", "beside.mailbox <> beside.id >> 32"),
    ("mail_descriptions", _WITHOUT_MESSAGE),
    ("mail_sort_keys", _WITHOUT_MESSAGE),
    ("mail_uidls", _WITHOUT_MESSAGE),
)


def differences(session: Session, account: int, mend: bool = False) -> Iterator[Difference]:
    """Compare an account's tables with one another.

    Args:
        session: the catalogue's.
        account: the account's row id.
        mend: put it right; needs a writing transaction.
    """
    yield from _leftovers(session, account, mend)
    yield from _keywords(session, account, mend)
    for kind, query, change in ((Kind.FIGURES, _FIGURES, _COUNT_AGAIN), (Kind.NUMBERS, _NUMBERS, _RAISE)):
        for name, id_ in session.rows(query, (account,)):
            if mend:
                session.run(change, (account, id_))
            yield Difference(kind, name, mended=mend)


def _leftovers(session: Session, account: int, mend: bool) -> Iterator[Difference]:
    for table, wrong in _LEFTOVERS:
        where: LiteralString = " AS beside WHERE EXISTS (SELECT " + _OF_ACCOUNT + ") AND " + wrong
        if mend:
            count = session.run("DELETE FROM " + table + where, (account,))  # noqa: S608
        else:
            row = session.row("SELECT count(*) FROM " + table + where, (account,))  # noqa: S608
            count = 0 if row is None else int(row[0])
        if count:
            yield Difference(Kind.LEFTOVERS, count=count, mended=mend)


def _keywords(session: Session, account: int, mend: bool) -> Iterator[Difference]:
    known: dict[int, int] = {}
    for mailbox, number in session.rows(
        "SELECT mailbox, number FROM mail_keywords AS keyword JOIN mail_mailboxes AS box ON box.id = mailbox"
        " WHERE box.account = %s",
        (account,),
    ):
        known[mailbox] = known.get(mailbox, 0) | 1 << number
    for mailbox, name, keywords, count in session.rows(
        "SELECT box.id, box.name, keywords, count(*) FROM mail_mailboxes AS box JOIN mail_messages AS message"
        " ON message.mailbox = box.id WHERE box.account = %s AND keywords IS NOT NULL"
        " GROUP BY box.id, box.name, keywords",
        (account,),
    ):
        bits = int.from_bytes(keywords, "little")
        named = bits & known.get(mailbox, 0)
        if named == bits:
            continue
        if mend:
            # A client never saw a keyword that has no name, so nothing changes for it.
            packed = named.to_bytes((named.bit_length() + 7) // 8, "little") or None
            session.run(
                "UPDATE mail_messages SET keywords = %b WHERE mailbox = %s AND keywords = %b",
                (packed, mailbox, keywords),
            )
        yield Difference(Kind.KEYWORDS, name, count=int(count), mended=mend)
