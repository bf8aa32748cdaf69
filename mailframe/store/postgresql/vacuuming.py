"""The whole database is tidied up at once, as ``mailframe mailbox vacuum`` does. Blocking.

Background rounds do most of it anyway, some at a time; this does not stop before all was looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, LiteralString

from mailframe.database.postgres_session import Session
from mailframe.store.vacuuming import LISTED_LIMIT, Place, Vacuumed

from .checking import differences, put_right
from .sweeping import Sweeper

_TABLES: Final[tuple[LiteralString, ...]] = (
    *("mail_contents", "mail_pieces", "mail_released", "mail_messages", "mail_descriptions"),
    *("mail_mailboxes", "mail_vanished", "mail_texts"),
)
"""Where rows come and go."""
_PLACES: LiteralString = (
    "SELECT account.name, box.name, message.id & 4294967295 FROM mail_messages AS message"
    " JOIN mail_mailboxes AS box ON box.id = message.mailbox"
    " JOIN mail_accounts AS account ON account.id = box.account"
    " WHERE NOT account.removed AND "
)


def vacuum(session: Session, octets: bool, tell: Callable[[int], None]) -> Vacuumed:
    """See `mailframe.store.vacuuming.Vacuums`.

    Args:
        session: with no transaction open.
    """
    done = Vacuumed()
    _sweep(Sweeper(session), done, tell)
    found = differences(session, octets, tell)
    put_right(session, found)
    done.figures = len(found.miscounted)
    done.missing = _places(session, "message.id", found.missing)
    done.damaged = _places(session, "message.file", found.damaged)
    row = session.row("SELECT count(DISTINCT content) FROM mail_released")
    done.waiting = 0 if row is None else int(row[0])
    _make_room(session)
    return done


def _sweep(sweeper: Sweeper, done: Vacuumed, tell: Callable[[int], None]) -> None:
    """Rounds until all contents were looked at, and nothing that was found is left to do."""
    looked = False
    while True:
        swept = sweeper.round()
        done.removed += swept.contents
        done.orphans += swept.orphans
        done.busy = swept.busy
        tell(swept.contents)
        if swept.busy or (looked and not swept.more):
            return
        looked = looked or swept.looked_at_all


def _places(session: Session, column: LiteralString, numbers: list[int]) -> list[Place]:
    values: tuple[Any, ...] = (numbers, LISTED_LIMIT)
    if not numbers:
        return []
    query: LiteralString = _PLACES + column + " = ANY(%s::bigint[]) ORDER BY 1, 2, 3 LIMIT %s"
    return [(account, mailbox, int(uid)) for account, mailbox, uid in session.rows(query, values)]


def _make_room(session: Session) -> None:
    """Without locks that others would wait for; the room is for new rows, and is not given back to the disk."""
    session.run("SET statement_timeout TO 0")
    try:
        for table in _TABLES:
            session.run("VACUUM (ANALYZE) " + table)
    finally:
        session.close()
