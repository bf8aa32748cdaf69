"""The resolver: remembers answers, asks once for all who want to know, and gives up in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from . import metrics
from .answers import Reading
from .cache import Cache
from .interfaces import IResolver, LookupFailed
from .options import DNSOptions
from .questions import normal_name
from .servers import FixedServers, ServersSource, SystemServers, parse_server
from .special import known_answer
from .transports import ITransports, Transports
from .upstream import Upstream
from .values import Answer, Found, RecordType
from .wire import Question

FURTHER_LIMIT: Final = 4
"""How often the target of an alias is asked for, where a server leaves that to us."""


@implementer(IResolver)
class StubResolver:
    """Asks recursive resolvers; they do the walking and the proving.

    Args:
        reactor: of Twisted: time, UDP, TCP.
        options: whom to ask, and the bounds.
        servers: whom to ask instead.
        transports: how to ask instead.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: DNSOptions | None = None,
        servers: ServersSource | None = None,
        transports: ITransports | None = None,
    ) -> None:
        self._options = options or DNSOptions()
        self._seconds = reactor.seconds
        self._upstream = Upstream(
            reactor,
            servers or servers_of(self._options, reactor),
            transports or Transports(reactor),
            self._options,
        )
        self._cache = Cache(self._seconds, self._options.cache_size, self._options.stale_time)
        self._flights: dict[Question, _Flight] = {}
        self._waiting = 0
        self._stopped = False

    async def lookup(self, name: str, kind: RecordType) -> Answer:
        """See `IResolver.lookup`. Who cancels it ends his own waiting only."""
        question = Question(normal_name(name), kind)
        try:
            answer = self._cache.get(question)
            if answer is not None:
                metrics.HIT.inc()
                return answer
            answer = known_answer(question)
            if answer is not None:
                metrics.KNOWN.inc()
                return answer
            return await self._shared(question)
        except LookupFailed as error:
            return self._stale(question, error)

    async def check(self) -> str | None:
        """Is there a server that answers? A real question, not from memory (`mailframe.monitor.health.Check`)."""
        try:
            await self._upstream.ask(Question("", RecordType.NS))
        except LookupFailed as error:
            return error.reason
        return None

    def forget(self) -> None:
        """Forgets all answers."""
        self._cache.clear()
        self._measure()

    def stop(self) -> None:
        """Ends all questions that are being asked; they and all that follow fail."""
        self._stopped = True
        for flight in list(self._flights.values()):
            flight.running.cancel()

    def _shared(self, question: Question) -> Deferred[Answer]:
        """Joins those who ask the same, or asks.

        Raises:
            LookupFailed: too many ask already.
        """
        if self._stopped:
            raise LookupFailed("the resolver has been stopped")
        if self._waiting >= self._options.waiting_limit:
            raise LookupFailed("too many questions wait for their answers")
        flight = self._flights.get(question)
        (metrics.ASKED if flight is None else metrics.SHARED).inc()
        if flight is not None:
            return self._join(flight)
        flight = self._flights[question] = _Flight()
        waiter = self._join(flight)
        metrics.OPEN.inc()
        running = Deferred.fromCoroutine(self._find(question))
        flight.running = running.addBoth(self._land, question, flight)
        return waiter

    def _join(self, flight: _Flight) -> Deferred[Answer]:
        self._waiting += 1
        return flight.wait().addBoth(self._left)

    def _left(self, result: Any) -> Any:
        self._waiting -= 1
        return result

    async def _find(self, question: Question) -> Answer:
        reading = await self._upstream.ask(question)
        for _ in range(FURTHER_LIMIT):
            if not reading.unfinished:
                break
            further = await self._upstream.ask(_target(reading))
            reading = _joined(reading, further)
        if reading.unfinished:
            # Not the same as an alias of a name without such records: nobody has said that.
            raise LookupFailed(f"{question}: too many aliases")
        answer = replace(reading.answer, expires=self._seconds() + self._lifetime(reading))
        metrics.FOUND[answer.found.value].inc()
        if answer.secure:
            metrics.SECURE.inc()
        return answer

    def _lifetime(self, reading: Reading) -> float:
        longest = self._options.longest
        if reading.answer.found is not Found.RECORDS:
            longest = min(longest, self._options.longest_nothing)
        return max(self._options.shortest, min(reading.lifetime, longest))

    def _land(self, result: Answer | Failure, question: Question, flight: _Flight) -> None:
        self._flights.pop(question, None)
        metrics.OPEN.dec()
        if isinstance(result, Answer):
            self._cache.put(question, result)
            flight.land(result)
        else:
            error = self._failed(result)
            if not self._stopped:
                self._cache.put_failure(question, error, self._seconds() + self._options.failure_time)
            flight.land(error)
        self._measure()

    def _failed(self, failure: Failure) -> LookupFailed:
        error = failure.value
        if isinstance(error, LookupFailed):
            return error
        if self._stopped:
            return LookupFailed("the resolver has been stopped")
        self._log.failure("a question could not be asked", failure)
        return LookupFailed("a fault of our own")

    def _stale(self, question: Question, error: LookupFailed) -> Answer:
        """An answer of yesterday, where nobody can give one of today."""
        answer = None if error.servfail else self._cache.stale(question)
        if answer is None:
            metrics.FAILED.inc()
            raise error
        metrics.STALE.inc()
        return replace(answer, expires=self._seconds() + self._options.failure_time)

    def _measure(self) -> None:
        metrics.OCTETS.set(self._cache.octets)
        metrics.ENTRIES.set(len(self._cache))


class _Flight:
    """A question that is being asked, and all who wait for its answer."""

    def __init__(self) -> None:
        self.running: Deferred[Any] = Deferred()
        self._waiters: dict[Deferred[Answer], None] = {}

    def wait(self) -> Deferred[Answer]:
        waiter: Deferred[Answer] = Deferred(lambda gone: self._waiters.pop(gone, None))
        self._waiters[waiter] = None
        return waiter

    def land(self, result: Answer | LookupFailed) -> None:
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            if isinstance(result, Answer):
                waiter.callback(result)
            else:
                # Each has its own: an exception that several raise would gather all of their tracebacks.
                waiter.errback(LookupFailed(result.reason, result.servfail))


def servers_of(options: DNSOptions, reactor: Any) -> ServersSource:
    """Those that the options name, or the system's."""
    if options.servers:
        return FixedServers([parse_server(text) for text in options.servers])
    return SystemServers(reactor.seconds)


def _target(reading: Reading) -> Question:
    """What the alias leads to.

    Raises:
        LookupFailed: that can be no name; a zone may have any octets there.
    """
    answer = reading.answer
    try:
        return Question(normal_name(answer.canonical), answer.type)
    except ValueError:
        raise LookupFailed(f"{answer.name}: an alias leads to no name") from None


def _joined(first: Reading, then: Reading) -> Reading:
    """An alias, and what its target came to."""
    answer = replace(then.answer, name=first.answer.name, secure=first.answer.secure and then.answer.secure)
    return Reading(answer, min(first.lifetime, then.lifetime), then.unfinished)
