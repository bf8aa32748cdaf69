"""Which start of a PostgreSQL server it is: after another one, commits that were not flushed may be lost. Blocking.

When a server was started it says itself, but not whether it has begun anew since: when one of its backends dies (for
want of memory, say) it ends all others, forgets what it had not written, and recovers from its log, under the start
time it had. An unlogged table tells: recovery empties it, and a standby that takes over finds it empty. So a random
word is in it, put there by whoever finds none.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, LiteralString

import psycopg

_TABLE: Final = """
CREATE UNLOGGED TABLE IF NOT EXISTS mailframe_start (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    word text NOT NULL
)
"""
_LOCK: Final = 0x6D61696D  # any number that nobody else takes
START: Final[LiteralString] = (
    # Not as text of a time, which differs with a client's time zone.
    "(SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint || ' ' || word FROM mailframe_start)"
)
"""The name of the start, in a statement; NULL just after one. The table is there once `start_of` was called."""


def start_of(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    """The name of the start that the server has now; another one than before: it may have lost commits.

    Args:
        connection: with no transaction open; none is open afterwards.
    """
    found = _read(connection)
    if found is None:
        # Several may find it empty: one word stays, and all of them read that. In a transaction of its own, so that
        # it is seen whatever the database's usual isolation is.
        with connection.transaction():
            connection.execute(
                "INSERT INTO mailframe_start (word) VALUES (%s) ON CONFLICT DO NOTHING",
                (secrets.token_hex(8),),
            )
        found = _read(connection)
    assert found is not None
    return found


def _read(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    with connection.transaction():
        there = connection.execute("SELECT to_regclass('mailframe_start') IS NOT NULL").fetchone()
        if there is None or not there[0]:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(_TABLE)
        row = connection.execute("SELECT " + START).fetchone()
    return None if row is None or row[0] is None else str(row[0])
