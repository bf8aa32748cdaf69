"""Do messages and octets belong together? Looking, and putting right. Blocking.

Rows and references change in one transaction, so a difference means a damaged disk, somebody's own changes to the
tables, or a mistake of ours. Everything is read in bounded steps, beside whatever else goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mailframe.database.postgres_session import Session

from .contents import Contents

STEP: Final = 1000
"""Rows looked at by one statement."""

DAMAGED: Final = b"damaged "
"""In front of the hash that damaged contents should have."""

_MISSING: Final = """
WITH looked AS (
    SELECT message.id, message.file, message.disk_size FROM mail_messages AS message
    WHERE message.id > %s ORDER BY message.id LIMIT %s
)
SELECT max(id), array_agg(id) FILTER (WHERE NOT EXISTS (
    SELECT FROM mail_contents AS content WHERE content.id = looked.file AND content.size = looked.disk_size
)) FROM looked
"""
_FIGURES: Final = """
SELECT box.id FROM mail_mailboxes AS box LEFT JOIN LATERAL (
    SELECT count(*) AS messages, coalesce(sum(size), 0) AS octets, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
        count(*) FILTER (WHERE flags & 8 <> 0) AS deleted
    FROM mail_messages WHERE mailbox = box.id
) AS real ON true
WHERE box.account = %s AND (box.messages, box.octets, box.unseen, box.deleted)
    IS DISTINCT FROM (real.messages, real.octets, real.unseen, real.deleted)
"""
_COUNT_AGAIN: Final = """
UPDATE mail_mailboxes AS box SET messages = real.messages, octets = real.octets, unseen = real.unseen,
    deleted = real.deleted
FROM (
    SELECT count(*) AS messages, coalesce(sum(size), 0) AS octets, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
        count(*) FILTER (WHERE flags & 8 <> 0) AS deleted
    FROM mail_messages WHERE mailbox = %s
) AS real WHERE box.id = %s
"""


@dataclass(slots=True)
class Differences:
    """What is not as it should be.

    Attributes:
        missing: row ids of messages whose octets are not there, or not as many as there should be.
        damaged: numbers of contents whose octets are not those that were written.
        miscounted: row ids of mailboxes whose figures are not those of their messages.
    """

    missing: list[int] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    miscounted: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Is there any?"""
        return bool(self.missing or self.damaged or self.miscounted)


def differences(
    session: Session, octets: bool = False, done: Callable[[int], None] | None = None
) -> Differences:
    """Look at all accounts.

    Args:
        session: with no transaction open.
        octets: read all contents too, and compare their hashes.
        done: told now and then how many rows were looked at since the last time.
    """
    tell = done or (lambda count: None)
    found = Differences()
    for missing in _missing(session, tell):
        found.missing.extend(missing)
    for account in _accounts(session):
        found.miscounted.extend(id_ for (id_,) in session.rows(_FIGURES, (account,)))
        tell(1)
    if octets:
        for number, digest in _numbered(session):
            if not _is_whole(session, number, digest):
                found.damaged.append(number)
            tell(1)
    return found


def put_right(session: Session, found: Differences) -> None:
    """Count figures of mailboxes again. What is missing or damaged nobody has: it stays as it is, for a backup.

    Damaged contents get hashes that no octets have: the next message with the octets that they had is kept anew,
    instead of being given what is there. Contents without messages need nobody: background rounds remove them.
    """
    if found.damaged:
        session.run(
            "UPDATE mail_contents SET hash = %b || hash WHERE id = ANY(%s::bigint[]) AND length(hash) = %s",
            (DAMAGED, found.damaged, hashlib.sha256().digest_size),
        )
    for mailbox in found.miscounted:
        row = session.row("SELECT account FROM mail_mailboxes WHERE id = %s", (mailbox,))
        if row is None:
            continue
        session.begin("SELECT 1 FROM mail_accounts WHERE id = %s FOR UPDATE", row)
        try:
            session.run(_COUNT_AGAIN, (mailbox, mailbox))
            session.commit(durable=True)
        finally:
            session.roll_back()


def _missing(session: Session, tell: Callable[[int], None]) -> Iterator[list[int]]:
    after = 0
    while True:
        row = session.row(_MISSING, (after, STEP))
        if row is None or row[0] is None:
            return
        after = row[0]
        tell(STEP)
        if row[1]:
            yield [id_ for id_ in row[1] if _still(session, id_)]


def _still(session: Session, id_: int) -> bool:
    """Is the message there after all this time? Else it was expunged meanwhile."""
    return session.row("SELECT 1 FROM mail_messages WHERE id = %s", (id_,)) is not None


def _accounts(session: Session) -> Iterator[int]:
    after = 0
    while rows := session.rows(
        "SELECT id FROM mail_accounts WHERE id > %s AND NOT removed ORDER BY id LIMIT %s", (after, STEP)
    ):
        yield from (id_ for (id_,) in rows)
        after = rows[-1][0]


def _numbered(session: Session) -> Iterator[tuple[int, bytes]]:
    after = 0
    while rows := session.rows(
        "SELECT id, hash FROM mail_contents WHERE id > %s AND hash IS NOT NULL ORDER BY id LIMIT %s",
        (after, STEP),
    ):
        yield from ((number, digest) for number, digest in rows)
        after = rows[-1][0]


def _is_whole(session: Session, number: int, digest: bytes) -> bool:
    pieces = Contents(session).pieces(number)
    if pieces is None:
        return True  # removed meanwhile
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.digest() == digest
