"""Accounts are removed: out of sight at once, their rows in bounded steps. Blocking.

Whatever is left after a moment, or when the process is killed, a background round of any node goes on with.
"""

from __future__ import annotations

import time
from typing import Final

from mailframe.database.postgres_session import Session

STEP_MESSAGES: Final = 5000
"""Messages of one transaction."""
SECONDS: Final = 0.5
"""How long `remove` goes on by itself: other sessions wait for its thread."""


def remove(session: Session, account: int) -> None:
    """Remove an account, and as much of what it has as can be in `SECONDS`.

    Args:
        session: with no transaction open.
        account: its row id.
    """
    session.begin()
    try:
        # Whoever writes to it has locked the row: this waits for that, and nobody begins after it.
        session.run("UPDATE mail_accounts SET removed = true WHERE id = %s", (account,))
        session.commit(durable=True)
    finally:
        session.roll_back()
    until = time.monotonic() + SECONDS
    while go_on(session) and time.monotonic() < until:
        pass


def go_on(session: Session) -> bool:
    """Do one step for any account that was removed; True when there may be more to do."""
    session.begin()
    try:
        row = session.row("SELECT id FROM mail_accounts WHERE removed LIMIT 1 FOR UPDATE SKIP LOCKED")
        if row is None:
            return False
        if not _some_messages(session, row[0]) and not _some_texts(session, row[0]):
            _rest(session, row[0])
        session.commit()
        return True
    finally:
        session.roll_back()


def _some_messages(session: Session, account: int) -> int:
    return session.run(
        "WITH gone AS (DELETE FROM mail_messages WHERE id IN ("
        " SELECT message.id FROM mail_mailboxes AS box JOIN mail_messages AS message ON message.mailbox = box.id"
        " WHERE box.account = %s LIMIT %s) RETURNING file)"
        " INSERT INTO mail_released (content) SELECT DISTINCT file FROM gone",
        (account, STEP_MESSAGES),
    )


def _some_texts(session: Session, account: int) -> int:
    return session.run(
        "DELETE FROM mail_texts WHERE id IN ("
        " SELECT text.id FROM mail_text_mailboxes AS box JOIN mail_texts AS text"
        " ON text.id >= box.mailbox::bigint << 32 AND text.id < (box.mailbox::bigint + 1) << 32"
        " WHERE box.account = %s LIMIT %s)",
        (account, STEP_MESSAGES),
    )


def _rest(session: Session, account: int) -> None:
    session.run(
        "DELETE FROM mail_vanished USING mail_mailboxes AS box WHERE mailbox = box.id AND box.account = %s",
        (account,),
    )
    session.run("DELETE FROM mail_text_mailboxes WHERE account = %s", (account,))
    session.run("DELETE FROM mail_threads WHERE account = %s", (account,))
    session.run("DELETE FROM mail_mailboxes WHERE account = %s", (account,))
    session.run("DELETE FROM mail_accounts WHERE id = %s", (account,))
