"""All servers together: in which order they are asked, for how long, and when to give up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime

from . import metrics
from .answers import Reading, read_answer
from .interfaces import LookupFailed
from .options import DNSOptions
from .servers import Server, ServersSource, TrustedServers
from .transports import ITransports, NoAnswer, Suspicious
from .wire import FORMERR, NOERROR, NOTIMP, NXDOMAIN, SERVFAIL, MalformedReply, Question, Reply

BADVERS: Final = 16
PLAIN_TIME: Final = 600.0
"""Seconds for which a server that does not know EDNS is asked without."""


class OutOfTime(Exception):
    """There is no time left for this question; that is no server's fault."""


class Upstream:
    """Asks recursive resolvers, one after the other, until one answers.

    Args:
        reactor: its clock.
        servers: whom to ask.
        transports: how.
        options: for how long.
    """

    def __init__(
        self, reactor: IReactorTime, servers: ServersSource, transports: ITransports, options: DNSOptions
    ) -> None:
        self._reactor = reactor
        self._servers = servers
        self._transports = transports
        self._options = options
        self._trusted = TrustedServers(options.trusted)
        self._slots = DeferredSemaphore(options.queries_limit)
        self._down: dict[Server, float] = {}
        self._plain: dict[Server, float] = {}

    async def ask(self, question: Question) -> Reading:
        """What the first server says that says anything.

        Raises:
            LookupFailed: none did.
        """
        return await _Asking(self, question, self._reactor.seconds() + self._options.give_up).run()

    def order(self) -> Sequence[Server]:
        """Who is asked now: those that did not answer lately come after the others that are believed as they are.

        Never does one that is believed come behind one that is not: whoever has a slow zone looked up could make
        the one seem down, and so take away what DNSSEC proves of everybody else.
        """
        now = self._reactor.seconds()
        servers = self._servers.servers()
        self._down = {
            server: until for server, until in self._down.items() if until > now and server in servers
        }
        return [
            server
            for _, alike in groupby(servers, self.believes)
            for server in sorted(alike, key=lambda server: server in self._down)
        ]

    def believes(self, server: Server) -> bool:
        """Is the AD bit of this server worth something?"""
        return server in self._trusted

    @property
    def rounds(self) -> int:
        """How often all are asked."""
        return self._options.rounds

    async def query(self, server: Server, question: Question, turn: int, deadline: float) -> Reply:
        """Asks one server, by TCP where UDP does not do, without EDNS where it does not know that.

        Raises:
            NoAnswer: nothing of use came.
            OutOfTime: it was not asked.
        """
        edns = self._plain.get(server, 0.0) <= self._reactor.seconds()
        # Some networks swallow what they do not know: the last round has nothing but RFC 1035.
        last = turn == self.rounds - 1 > 0
        timeout = self._options.timeout * 2**turn
        try:
            reply = await self._both(server, question, timeout, edns and not last, deadline)
            if edns and not last and reply.code in (FORMERR, NOTIMP, BADVERS):
                self._plain[server] = self._reactor.seconds() + PLAIN_TIME
                self._plain = dict(list(self._plain.items())[-64:])
                reply = await self._both(server, question, timeout, False, deadline)
        except NoAnswer:
            self._down[server] = self._reactor.seconds() + self._options.down_time
            raise
        self._down.pop(server, None)
        return reply

    async def _both(
        self, server: Server, question: Question, timeout: float, edns: bool, deadline: float
    ) -> Reply:
        try:
            reply = await self._one("udp", server, question, timeout, edns, deadline)
            if not reply.truncated:
                return reply
            metrics.QUERIES["udp", "truncated"].inc()
        except Suspicious:
            metrics.QUERIES["udp", "suspicious"].inc()
        return await self._one("tcp", server, question, timeout, edns, deadline)

    async def _one(
        self, transport: str, server: Server, question: Question, timeout: float, edns: bool, deadline: float
    ) -> Reply:
        await self._slot(deadline)
        began = self._reactor.seconds()
        send = self._transports.udp if transport == "udp" else self._transports.tcp
        try:
            reply = await send(server, question, max(0.001, min(timeout, deadline - began)), edns)
        except NoAnswer:
            metrics.QUERIES[transport, "no_answer"].inc()
            raise
        finally:
            self._slots.release()
        outcome = "answered" if reply.code in (NOERROR, NXDOMAIN) else "failed"
        metrics.QUERIES[transport, outcome].inc()
        metrics.SECONDS.observe(self._reactor.seconds() - began)
        return reply

    async def _slot(self, deadline: float) -> None:
        """Waits until so many queries are on their way that one more may be."""
        left = deadline - self._reactor.seconds()
        if left <= 0:
            raise OutOfTime("no time is left")
        waiting: Deferred[DeferredSemaphore] = self._slots.acquire()
        if not waiting.called:
            waiting.addTimeout(left, self._reactor)
        try:
            await waiting
        except WaitedTooLong:
            raise OutOfTime("too many queries are on their way") from None


class _Asking:
    """One question on its way through the servers."""

    def __init__(self, upstream: Upstream, question: Question, deadline: float) -> None:
        self._upstream = upstream
        self._question = question
        self._deadline = deadline
        self._servfail = False
        self._distrust = False
        self._reasons: dict[Server, str] = {}

    async def run(self) -> Reading:
        try:
            reading = await self._rounds()
        except OutOfTime as error:
            raise LookupFailed(self._reason(str(error)), self._servfail) from None
        if reading is None:
            raise LookupFailed(self._reason(), self._servfail)
        return reading

    async def _rounds(self) -> Reading | None:
        for turn in range(self._upstream.rounds):
            silent = False
            for server in self._upstream.order():
                if self._distrust and not self._upstream.believes(server):
                    continue
                try:
                    reply = await self._upstream.query(server, self._question, turn, self._deadline)
                except NoAnswer as error:
                    self._reasons[server] = str(error)
                    silent = True
                    continue
                reading = self._read(server, reply)
                if reading is not None:
                    return reading
            # Who answered, though to no use, would say the same again.
            if not silent:
                break
        return None

    def _read(self, server: Server, reply: Reply) -> Reading | None:
        if reply.code in (NOERROR, NXDOMAIN):
            try:
                return read_answer(self._question, reply, self._upstream.believes(server))
            except MalformedReply as error:
                self._reasons[server] = str(error)
                return None
        self._reasons[server] = f"answered with code {reply.code}"
        if reply.code == SERVFAIL:
            self._servfail = True
            # It may have found a forgery; a server that does not look for any would hand that out (RFC 7672 2.1.1).
            self._distrust = self._distrust or self._upstream.believes(server)
        return None

    def _reason(self, *more: str) -> str:
        said = "; ".join([*(f"{server}: {reason}" for server, reason in self._reasons.items()), *more])
        return f"nobody can say {self._question} ({said})"
