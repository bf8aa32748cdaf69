"""Where policies are kept: a file that all workers share, or memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import apsw
from zope.interface import implementer

from mailframe.database.file import Database

from .interfaces import IPolicyCache, Kept
from .policy import parse_policy

ROOM = "mailframe.delivery.protection.mta_sts"
REFRESH_SECONDS = 86400.0
"""A policy is read anew each day, so that an attacker who stops one reading gains nothing (RFC 8461 section 3.3)."""
REFRESH_LEAST_SECONDS = 3600.0
"""Policies of a shorter life end, and are read again when mail goes there: nobody is read all the time."""
CLAIM_SECONDS = 3600.0
ROWS_LIMIT = 100_000
"""Policies kept in the file; those that end first go first."""


@implementer(IPolicyCache)
class SQLitePolicyCache:
    """Keeps policies in a file.

    Args:
        database: opened with the room `ROOM`; its owner starts and stops it.
        limit: policies at most.
    """

    def __init__(self, database: Database, limit: int = ROWS_LIMIT) -> None:
        self._database = database
        self._limit = limit

    async def get(self, domain: str) -> Kept | None:
        """What is kept of a domain."""
        return await self._database.read(lambda connection: _get_txn(connection, domain))

    async def put(self, kept: Kept, now: float) -> None:
        """Keep a policy."""
        await self._database.run(lambda connection: self._put_txn(connection, kept, now))

    async def due(self, now: float, limit: int) -> Sequence[Kept]:
        """Policies to read anew."""
        return await self._database.run(lambda connection: _due_txn(connection, now, limit))

    def _put_txn(self, connection: apsw.Connection, kept: Kept, now: float) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO policy (domain, id, text, expires, refresh_at) VALUES (?, ?, ?, ?, ?)",
            (kept.domain, kept.id, kept.policy.text, kept.expires, _refresh_at(kept, now)),
        )
        connection.execute(
            "DELETE FROM policy WHERE domain IN (SELECT domain FROM policy ORDER BY expires DESC LIMIT -1 OFFSET ?)"
            if _count(connection) > self._limit
            else "SELECT ?",
            (self._limit,),
        )


def _count(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM policy").fetchone()[0])  # type: ignore[index]


def _refresh_at(kept: Kept, now: float) -> float:
    return now + max(REFRESH_LEAST_SECONDS, min(REFRESH_SECONDS, (kept.expires - now) / 2))


def _get_txn(connection: apsw.Connection, domain: str) -> Kept | None:
    row = connection.execute(
        "SELECT domain, id, text, expires FROM policy WHERE domain = ?", (domain,)
    ).fetchone()
    return None if row is None else _kept(row)


def _due_txn(connection: apsw.Connection, now: float, limit: int) -> list[Kept]:
    connection.execute("DELETE FROM policy WHERE expires <= ?", (now,))
    rows = connection.execute(
        "UPDATE policy SET refresh_at = ? WHERE domain IN"
        " (SELECT domain FROM policy WHERE refresh_at <= ? ORDER BY refresh_at LIMIT ?)"
        " RETURNING domain, id, text, expires",
        (now + CLAIM_SECONDS, now, limit),
    ).fetchall()
    return [kept for kept in map(_kept, rows) if kept is not None]


def _kept(row: tuple[object, ...]) -> Kept | None:
    domain, name, text, expires = row
    try:
        policy = parse_policy(str(text).encode())
    except ValueError:
        # Another version of this program may have liked it better: it is read anew.
        return None
    return Kept(str(domain), str(name), policy, float(expires))  # type: ignore[arg-type]


@implementer(IPolicyCache)
class MemoryPolicyCache:
    """Keeps policies as long as the process lives; for commands and tests.

    Args:
        limit: policies at most; those used longest ago go first.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[Kept, float]] = OrderedDict()

    async def get(self, domain: str) -> Kept | None:
        """What is kept of a domain."""
        if domain not in self._kept:
            return None
        self._kept.move_to_end(domain)
        return self._kept[domain][0]

    async def put(self, kept: Kept, now: float) -> None:
        """Keep a policy."""
        self._kept[kept.domain] = (kept, _refresh_at(kept, now))
        self._kept.move_to_end(kept.domain)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    async def due(self, now: float, limit: int) -> Sequence[Kept]:
        """Policies to read anew."""
        for domain in [domain for domain, (kept, _) in self._kept.items() if kept.expires <= now]:
            del self._kept[domain]
        waiting = sorted((at, domain) for domain, (_, at) in self._kept.items() if at <= now)
        found = [self._kept[domain][0] for _, domain in waiting[:limit]]
        for kept in found:
            self._kept[kept.domain] = (kept, now + CLAIM_SECONDS)
        return found
