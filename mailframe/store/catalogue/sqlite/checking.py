"""Is a catalogue in SQLite true to itself? Looking, and putting right. Blocking."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from mailframe.store.checking import Difference, Kind
from mailframe.store.uid_runs import runs

_REAL = """
SELECT mailboxes.id AS id, count(messages.id) AS messages, coalesce(sum(size), 0) AS octets,
    count(messages.id) FILTER (WHERE flags & 1 = 0) AS unseen, count(messages.id) FILTER (WHERE flags & 8) AS deleted,
    coalesce(max(messages.id & 0xFFFFFFFF), 0) AS uid, coalesce(max(messages.modseq), 0) AS highest
FROM mailboxes LEFT JOIN messages ON messages.mailbox = mailboxes.id GROUP BY mailboxes.id
"""
_BESIDE = f"SELECT box.name, box.id FROM mailboxes AS box JOIN ({_REAL}) AS real ON box.id = real.id"  # noqa: S608
_FIGURES = f"""{_BESIDE} WHERE (box.messages, box.octets, box.unseen, box.deleted)
    IS NOT (real.messages, real.octets, real.unseen, real.deleted)"""
_COUNT_AGAIN = f"""UPDATE mailboxes SET (messages, octets, unseen, deleted) =
    (SELECT messages, octets, unseen, deleted FROM ({_REAL}) AS real WHERE real.id = mailboxes.id)"""  # noqa: S608
_NUMBERS = f"{_BESIDE} WHERE real.uid >= box.uidnext OR real.highest > box.modseq"
_RAISE = f"""UPDATE mailboxes SET (uidnext, modseq) =
    (SELECT max(uidnext, uid + 1), max(modseq, highest) FROM ({_REAL}) AS real WHERE real.id = mailboxes.id)"""  # noqa: S608
_LEFTOVERS = (
    ("messages", "mailbox NOT IN (SELECT id FROM mailboxes) OR id >> 32 <> mailbox"),
    ("descriptions", "NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = descriptions.id)"),
    ("sort_keys", "NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = sort_keys.id)"),
    ("uidls", "NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = uidls.id)"),
    ("vanished_runs", "mailbox NOT IN (SELECT id FROM mailboxes)"),
    ("keywords", "mailbox NOT IN (SELECT id FROM mailboxes)"),
)
_KEYWORDS = "SELECT DISTINCT mailbox, keywords FROM messages WHERE keywords IS NOT NULL"


def differences(connection: apsw.Connection, mend: bool = False) -> Iterator[Difference]:
    """Compare the tables with one another, one by one; all is of one moment where a transaction is open.

    Args:
        mend: put it right; needs a writing transaction.
    """
    yield from _leftovers(connection, mend)
    yield from _keywords(connection, mend)
    yield from _uids(connection, mend)
    for kind, query, change in ((Kind.FIGURES, _FIGURES, _COUNT_AGAIN), (Kind.NUMBERS, _NUMBERS, _RAISE)):
        for name, id_ in list(connection.execute(query)):
            if mend:
                connection.execute(f"{change} WHERE id = ?", (id_,))
            yield Difference(kind, name, mended=mend)


def is_damaged(path: str) -> bool:
    """Cannot the file be read as it should be? Reads all of it.

    Raises:
        apsw.Error: it cannot be told now.
    """
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.NotADBError:
        return True
    try:
        connection.set_busy_timeout(10_000)
        return [row[0] for row in connection.execute("PRAGMA integrity_check(1)")] != ["ok"]
    except (apsw.CorruptError, apsw.NotADBError):
        return True
    finally:
        connection.close()


def _leftovers(connection: apsw.Connection, mend: bool) -> Iterator[Difference]:
    for table, where in _LEFTOVERS:
        count = connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").get  # noqa: S608
        if count:
            if mend:
                connection.execute(f"DELETE FROM {table} WHERE {where}")  # noqa: S608
            yield Difference(Kind.LEFTOVERS, count=int(count), mended=mend)


def _keywords(connection: apsw.Connection, mend: bool) -> Iterator[Difference]:
    names = dict(connection.execute("SELECT id, name FROM mailboxes"))
    known: dict[int, int] = dict.fromkeys(names, 0)
    for mailbox, number in connection.execute("SELECT mailbox, number FROM keywords"):
        known[mailbox] = known.get(mailbox, 0) | 1 << number
    for mailbox, keywords in list(connection.execute(_KEYWORDS)):
        bits = int.from_bytes(keywords, "little")
        named = bits & known.get(mailbox, 0)
        if named == bits:
            continue
        there = (mailbox, keywords)
        count = connection.execute(
            "SELECT count(*) FROM messages WHERE mailbox = ? AND keywords = ?", there
        ).get
        if mend:
            # A client never saw a keyword that has no name, so nothing changes for it.
            packed = named.to_bytes((named.bit_length() + 7) // 8, "little") or None
            connection.execute(
                "UPDATE messages SET keywords = ? WHERE mailbox = ? AND keywords = ?", (packed, *there)
            )
        yield Difference(Kind.KEYWORDS, names.get(mailbox, ""), count=int(count), mended=mend)


def _uids(connection: apsw.Connection, mend: bool) -> Iterator[Difference]:
    """All ids are held while they are compared: 8 octets each, or less as runs."""
    real = list(runs(id_ for (id_,) in connection.execute("SELECT id FROM messages")))
    told = list(connection.execute("SELECT first, last FROM uid_runs ORDER BY first"))
    if real == told:
        return
    if mend:
        connection.execute("DELETE FROM uid_runs")
        connection.executemany("INSERT INTO uid_runs VALUES (?, ?)", real)
    yield Difference(Kind.UIDS, count=len(set(real).symmetric_difference(told)), mended=mend)
