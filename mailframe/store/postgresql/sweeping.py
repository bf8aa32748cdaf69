"""Octets that no message has any more are removed in the background, some at a time, by one node at a time. Blocking.

A content is removed when no message has it and nobody wrote it, or found it written, within `GRACE_SECONDS`
(`mailframe.store.postgresql.contents` says why). Both are asked in the statement that removes it: whoever finds the
content at that moment waits for it, and then either has it or writes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mailframe.database.postgres_session import Session

from . import metrics
from .contents import GRACE_SECONDS
from .removing import go_on

STEP: Final = 500
"""Contents of one transaction."""
STEPS: Final = 40
"""Transactions of one round, at most."""
LOOKED_AT: Final = 5000
"""Contents that one round looks at, in turn, for those that were left by somebody who was killed."""
ORPHAN_SECONDS: Final = 24 * 3600
"""So old such a content must be: a large one may be coming for a while."""

_LOCK: Final = 0x6D616974  # any number that nobody else takes
_SWEEP: Final = """
WITH due AS (
    DELETE FROM mail_released WHERE id IN (
        SELECT id FROM mail_released WHERE released < now() - make_interval(secs => %s)
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING content
), gone AS (
    DELETE FROM mail_contents AS content USING (SELECT DISTINCT due.content AS id FROM due) AS released
    WHERE content.id = released.id AND content.touched < now() - make_interval(secs => %s)
        AND NOT EXISTS (SELECT FROM mail_messages WHERE file = content.id)
    RETURNING content.id
)
SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM gone)
"""
_ORPHANS: Final = """
WITH looked AS (SELECT id, touched FROM mail_contents WHERE id > %s ORDER BY id LIMIT %s), found AS (
    INSERT INTO mail_released (content, released) SELECT id, touched FROM looked
    WHERE touched < now() - make_interval(secs => %s)
        AND NOT EXISTS (SELECT FROM mail_messages WHERE file = looked.id)
        AND NOT EXISTS (SELECT FROM mail_released WHERE content = looked.id)
    RETURNING content
)
SELECT (SELECT max(id) FROM looked), (SELECT count(*) FROM found)
"""


@dataclass(slots=True)
class Swept:
    """What a round did.

    Attributes:
        contents: removed.
        orphans: found.
        more: there is more to do at once.
        busy: another process is at it.
        looked_at_all: the look for orphans has come to the end.
    """

    contents: int = 0
    orphans: int = 0
    more: bool = False
    busy: bool = False
    looked_at_all: bool = False


class Sweeper:
    """The rounds of one process.

    Args:
        session: its own.
        grace: see `GRACE_SECONDS`.
        orphaned: see `ORPHAN_SECONDS`.
    """

    def __init__(
        self, session: Session, grace: float = GRACE_SECONDS, orphaned: float = ORPHAN_SECONDS
    ) -> None:
        self._session = session
        self._grace = grace
        self._orphaned = orphaned
        self._after = 0

    def round(self) -> Swept:
        """One round; nothing where another process is at it."""
        row = self._session.row("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
        if row is None or not row[0]:
            return Swept(busy=True)
        try:
            return self._round()
        finally:
            self._session.row("SELECT pg_advisory_unlock(%s)", (_LOCK,))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _round(self) -> Swept:
        done = Swept(orphans=self._look())
        done.looked_at_all = not self._after
        for _ in range(STEPS):
            removing, sweeping = go_on(self._session), self._sweep(done)
            done.more = removing or sweeping
            if not done.more:
                break
        metrics.SWEPT_CONTENTS.inc(done.contents)
        metrics.ORPHANS.inc(done.orphans)
        return done

    def _sweep(self, done: Swept) -> bool:
        row = self._session.row(_SWEEP, (self._grace, STEP, self._grace))
        assert row is not None
        done.contents += row[1]
        return bool(row[0] == STEP)

    def _look(self) -> int:
        """Look at some contents, from where the last look ended."""
        row = self._session.row(_ORPHANS, (self._after, LOOKED_AT, self._orphaned))
        assert row is not None
        self._after = row[0] or 0
        return int(row[1])
