"""Transports that answer by script and clock."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock, deferLater

from mailframe.dns.servers import Server
from mailframe.dns.transports import NoAnswer
from mailframe.dns.wire import Question, Reply

Script = Callable[[Server, Question], Reply]


def silence(server: Server, question: Question) -> Reply:
    """Nobody says anything."""
    raise NoAnswer("quiet")


class FakeTransports:
    """Answers as the script says, after ``late`` seconds; a script that raises `NoAnswer` costs the whole timeout.

    Attributes:
        script: makes replies.
        late: seconds until they come.
        patient: silence lasts until the timeout; otherwise it is known at once.
        queries: transport, server, question, timeout and EDNS of all.
    """

    def __init__(self, clock: Clock) -> None:
        self.script: Script = silence
        self.late = 0.0
        self.patient = False
        self.queries: list[tuple[str, Server, Question, float, bool]] = []
        self._clock = clock

    async def udp(self, server: Server, question: Question, timeout: float, edns: bool) -> Reply:
        """See `ITransports.udp`."""
        return await self._ask("udp", server, question, timeout, edns)

    async def tcp(self, server: Server, question: Question, timeout: float, edns: bool) -> Reply:
        """See `ITransports.tcp`."""
        return await self._ask("tcp", server, question, timeout, edns)

    async def _ask(
        self, transport: str, server: Server, question: Question, timeout: float, edns: bool
    ) -> Reply:
        self.queries.append((transport, server, question, timeout, edns))
        if self.late:
            await deferLater(self._clock, self.late)
        try:
            return self.script(server, question)
        except NoAnswer:
            if self.patient:
                await deferLater(self._clock, timeout - self.late)
            raise
