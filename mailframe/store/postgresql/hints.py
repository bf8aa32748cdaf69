"""Hints across nodes: what changed is told to all who have the database, by its NOTIFY.

Hints are never the truth: what cannot be told is forgotten, and whoever listens is told to look for itself each time
the connection that listens has been made anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final, cast

from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.database.lanes import DirectLane, Lane, each
from mailframe.database.postgres_listening import Listening, ListeningReactor
from mailframe.database.postgres_session import Session
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IHints
from mailframe.store.reactor import Reactor

from . import metrics

CHANNEL: Final = "mailframe_mail"
WAITING_LIMIT: Final = 10_000
"""Changes that may wait to be told; of further ones the others learn when they look."""

log = Logger()


@implementer(IHints)
class PostgresHints:
    """Passes hints on to other nodes, and theirs to those who listen here. Methods are for the reactor's thread.

    Args:
        address: of the database.
        inner: hints within this node.
        reactor: for the threads, and the connection that listens.
        threaded: False: told at once in the caller's thread, and nobody else is heard.
    """

    def __init__(self, address: str, inner: IHints, reactor: Reactor, threaded: bool = True) -> None:
        self._inner = inner
        self._heard = LocalHints()
        self._own = secrets.token_hex(8)
        self._session = Session(address, ())
        self._waiting: dict[tuple[str, str], None] = {}
        self._busy = self._failing = False
        self._lane: Lane[Callable[[], None], None] | DirectLane[Callable[[], None], None]
        self._listening: Listening | None = None
        if threaded:
            self._lane = Lane(reactor, each, "postgres notify", linger=0.0, finish=self._session.close)
            self._listening = Listening(
                address, CHANNEL, cast(ListeningReactor, reactor), self._heard.received_all, self._told
            )
        else:
            self._lane = DirectLane(each, finish=self._session.close)

    def start(self) -> None:
        """Listen from now on."""
        if self._listening is not None:
            self._listening.start()

    async def stop(self) -> None:
        """Tell what waits, and listen no more; safe to call twice."""
        if self._listening is not None:
            await self._listening.stop()
        await self._lane.stop()

    def publish(self, account: str, mailbox_id: str) -> None:
        """See `IHints.publish`."""
        self._inner.publish(account, mailbox_id)
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting[account, mailbox_id] = None
            self._tell()

    def listen(self, account: str, mailbox_id: str, changed: Callable[[], None]) -> Callable[[], None]:
        """See `IHints.listen`."""
        return _all([hints.listen(account, mailbox_id, changed) for hints in (self._inner, self._heard)])

    def listen_account(self, account: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """See `IHints.listen_account`."""
        return _all([hints.listen_account(account, changed) for hints in (self._inner, self._heard)])

    # Telling: one statement for all that came while the one before was under way.

    def _tell(self) -> None:
        if self._busy or not self._waiting:
            return
        texts = [f"{self._own} {mailbox_id} {account}" for account, mailbox_id in self._waiting]
        self._waiting.clear()
        self._busy = True
        self._lane.submit(lambda: self._notify_blocking(texts)).addCallbacks(self._done, self._failed)

    def _notify_blocking(self, texts: Sequence[str]) -> None:
        self._session.rows(
            "SELECT pg_notify(%s, text) FROM unnest(%s::text[]) AS text", (CHANNEL, list(texts))
        )

    def _done(self, result: None) -> None:
        self._busy = self._failing = False
        self._tell()

    def _failed(self, failure: Failure) -> None:
        self._busy = False
        if not self._failing:
            self._failing = True
            log.warn("other nodes are not told of changes: {fault}", fault=failure.value)
        # What came meanwhile goes with the next change: the database is away, and those who listen notice that.

    # Hearing.

    def _told(self, payloads: Sequence[bytes]) -> None:
        news: dict[tuple[str, str], None] = {}
        for payload in payloads:
            own, _, rest = payload.decode("utf-8", "replace").partition(" ")
            mailbox_id, _, account = rest.partition(" ")
            if own != self._own:
                news[account, mailbox_id] = None
        metrics.HEARD_HINTS.inc(len(news))
        for account, mailbox_id in news:
            self._heard.received(account, mailbox_id)


def _all(endings: Sequence[Callable[[], None]]) -> Callable[[], None]:
    def stop() -> None:
        for ending in endings:
            ending()

    return stop
