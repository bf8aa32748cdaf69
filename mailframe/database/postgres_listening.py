"""Hearing PostgreSQL's notifications: one connection, read by the reactor.

Notifications are hints, never the truth: some are lost whenever the connection is. So whoever listens is also called
each time the connection has been made again, and looks for itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import psycopg
from psycopg import sql
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .lanes import CallFromThread, Lane, each
from .postgres import Connection, connect

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between attempts to connect; each pause is twice as long as the one before."""


class ListeningReactor(CallFromThread, Protocol):
    """What is needed of the reactor."""

    def callLater(self, delay: float, callable: Callable[..., Any], *arguments: Any) -> IDelayedCall:
        """Call a function later."""

    def addReader(self, reader: IReadDescriptor) -> None:
        """Tell when something can be read."""

    def removeReader(self, reader: IReadDescriptor) -> None:
        """Tell no more."""


class Listening:
    """Calls a function whenever somebody notifies a channel; all methods are for the reactor's thread.

    Args:
        address: of the database, as for `mailframe.database.postgres.PostgresDatabase`.
        channel: what is listened to.
        reactor: reads the connection.
        heard: called without arguments, once for all that came together, and when a connection was made.
        told: called with what came together, where somebody wants to know that; then ``heard`` is only called when a
            connection was made.
    """

    log = Logger()

    def __init__(
        self,
        address: str,
        channel: str,
        reactor: ListeningReactor,
        heard: Callable[[], None],
        told: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self._address = address
        self._channel = channel
        self._reactor = reactor
        self._heard = heard
        self._told = told or (lambda payloads: heard())
        self._lane: Lane[Callable[[], Connection], Connection] | None = None
        self._ear: _Ear | None = None
        self._pause = FIRST_PAUSE
        self._again: IDelayedCall | None = None

    @property
    def connected(self) -> bool:
        """Is there a connection to hear by?"""
        return self._ear is not None

    def start(self) -> None:
        """Connect, and again whenever the connection is lost; safe to call twice."""
        if self._lane is None:
            self._lane = Lane(self._reactor, each, "postgres listen", linger=0.0)
            self._connect()

    async def stop(self) -> None:
        """Close the connection; safe to call twice."""
        lane, self._lane = self._lane, None
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._deafen()
        if lane is not None:
            await lane.stop()

    def _connect(self) -> None:
        self._again = None
        if self._lane is not None:
            connecting: Deferred[Connection] = self._lane.submit(self._listen_blocking)
            connecting.addCallbacks(self._connected, self._failed)
            connecting.addErrback(
                lambda failure: self.log.failure("cannot hear of changes in the database", failure)
            )

    def _listen_blocking(self) -> Connection:
        connection = connect(self._address)
        try:
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _connected(self, connection: Connection) -> None:
        if self._lane is None:
            connection.close()
            return
        self._pause = FIRST_PAUSE
        self._ear = _Ear(connection, self._told, self._lost)
        self._reactor.addReader(self._ear)
        self._heard()

    def _failed(self, failure: Failure) -> None:
        self.log.warn("cannot listen to the database: {error}", error=type(failure.value).__name__)
        self._later()

    def _lost(self) -> None:
        self._deafen()
        self._later()

    def _later(self) -> None:
        if self._lane is not None and self._again is None:
            self._again = self._reactor.callLater(self._pause, self._connect)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _deafen(self) -> None:
        ear, self._ear = self._ear, None
        if ear is not None:
            self._reactor.removeReader(ear)
            ear.close()


@implementer(IReadDescriptor)
class _Ear:
    """The connection, as a reactor reads it."""

    def __init__(
        self, connection: Connection, told: Callable[[Sequence[bytes]], None], lost: Callable[[], None]
    ) -> None:
        self._connection = connection
        # A copy: libpq closes its own as soon as it finds the connection lost, before the reactor could forget it.
        self._descriptor = os.dup(connection.fileno())
        self._told = told
        self._lost = lost

    def fileno(self) -> int:
        """The socket's number."""
        return self._descriptor

    def logPrefix(self) -> str:
        """For the reactor's own log."""
        return "postgres"

    def doRead(self) -> None:
        """Take in what came; does not block."""
        wire, payloads = self._connection.pgconn, []
        try:
            wire.consume_input()
            while (notification := wire.notifies()) is not None:
                payloads.append(notification.extra)
        except psycopg.OperationalError:
            self._lost()
            return
        if payloads:
            self._told(payloads)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found the socket dead."""
        self._lost()

    def close(self) -> None:
        """Close the connection; the reactor must have forgotten it."""
        self._connection.close()
        os.close(self._descriptor)
