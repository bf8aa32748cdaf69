"""Two connections become one way through: what comes by the one goes out by the other, and nothing is kept.

Whoever is slow holds up only the other side: its transport stops reading until there is room again. When the one
ends, so does the other, after what is left has gone out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from .interfaces import IOwned
from .sending import send_now

LAST_WORDS = 30.0
"""Seconds a side has to take what is left when the other one has gone."""


@implementer(IPushProducer)
class Way:
    """One direction: from a source's transport into a sink's.

    Args:
        source: its octets come here.
        sink: they go there.
    """

    __slots__ = ("_sink", "_source", "octets")

    def __init__(self, source: Any, sink: Any) -> None:
        self._source = source
        self._sink = sink
        self.octets = 0

    def pass_on(self, data: bytes) -> None:
        """Some octets came."""
        self.octets += len(data)
        rest = send_now(self._sink, data)
        if rest:
            self._sink.write(rest)

    def pauseProducing(self) -> None:
        """The sink has enough."""
        self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """The sink takes more."""
        self._source.resumeProducing()

    def stopProducing(self) -> None:
        """The sink is gone; its protocol hears of it as well."""


class Splice:
    """Both directions, until one side ends.

    Args:
        client: the one transport.
        backend: the other one.
        clock: for the end.
        ended: called once, when both are gone.

    Attributes:
        up, down: from the client, and to it.
    """

    __slots__ = ("_alarm", "_clock", "_ended", "_left", "down", "up")

    def __init__(
        self, client: Any, backend: Any, clock: IReactorTime, ended: Callable[[Splice], None]
    ) -> None:
        self._clock = clock
        self._ended = ended
        self._alarm: IDelayedCall | None = None
        self._left = {id(client): client, id(backend): backend}
        self.up = Way(client, backend)
        self.down = Way(backend, client)
        client.registerProducer(self.down, True)
        backend.registerProducer(self.up, True)

    def gone(self, transport: Any) -> None:
        """A side's connection is lost."""
        self._left.pop(id(transport), None)
        for other in list(self._left.values()):
            other.unregisterProducer()
            # What was paused for the sake of the other would never be read to its end.
            other.resumeProducing()
            self._alarm = self._clock.callLater(LAST_WORDS, self._cut)
            other.loseConnection()
        if not self._left:
            if self._alarm is not None and self._alarm.active():
                self._alarm.cancel()
            self._alarm = None
            self._ended(self)

    def cut(self) -> None:
        """End both sides now."""
        for transport in list(self._left.values()):
            transport.abortConnection()

    def _cut(self) -> None:
        self._alarm = None
        self.cut()


@implementer(IOwned)
class SplicedConversation:
    """What is left of a conversation whose connection is spliced: its end.

    Args:
        closed: called when the connection is gone.
        whose: the account that logged in.
    """

    __slots__ = ("_closed", "_whose")

    def __init__(self, closed: Callable[[], None], whose: str) -> None:
        self._closed = closed
        self._whose = whose

    def closed(self) -> None:
        """The connection is gone."""
        self._closed()

    def owner(self) -> str:
        """The account that logged in."""
        return self._whose

    def internal_error(self, failure: Failure) -> None:
        """Nobody could be told."""
