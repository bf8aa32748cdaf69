"""Connections that are kept for the next message to the same server, and who waits for one.

A kept connection may be dead without our knowing: servers end idle ones. So where a connection that was used before
turns out to have answered nothing of a message, the message goes to a fresh connection at once, and nobody counts
that as a failure. It happens once a message: a fresh connection has no such excuse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailframe.message.envelope import Recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import MailframeError, Status

from .connecting import Connector, Target
from .outcome import Outcome
from .sender import SMTPClient

FULL = Status((4, 3, 2), "Too much mail waits for the next server; try again later", "UNAVAILABLE")
CLOSED = Status((4, 3, 2), "The service is going down; try again later", "UNAVAILABLE")
CONNECTIONS_A_MESSAGE = 4
"""Connections that one message may use up: for a dead one, and for recipients beyond what a server takes on one."""

log = Logger()


@dataclass(slots=True)
class _Lane:
    """What one target has.

    Attributes:
        busy: connections in use, or being made.
        idle: kept ones, the latest used last.
        waiting: who waits for one, in order.
        calling: turns are being given out.
    """

    busy: int = 0
    idle: list[tuple[SMTPClient, IDelayedCall]] = field(default_factory=list)
    waiting: deque[Deferred[None]] = field(default_factory=deque)
    calling: bool = False


class Pool:
    """Sends messages over few connections.

    Args:
        connector: makes them; its settings say how many there may be, and for how long they are kept.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._settings = connector.settings
        self._clock = connector.reactor
        self._lanes: dict[Target, _Lane] = {}
        self._closed = False

    async def send(
        self,
        target: Target,
        mail: MailObject,
        recipients: Sequence[Recipient],
        *,
        age: float = 0.0,
        together: bool = False,
    ) -> Outcome:
        """Send one message, on a kept connection where there is one; see `SMTPClient.send`.

        Raises:
            MailframeError: there was no session with the server, or too many wait for one; nothing was sent.
        """
        outcome: Outcome | None = None
        fresh = False
        for _ in range(CONNECTIONS_A_MESSAGE):
            places = range(len(recipients)) if outcome is None else outcome.untried
            if not places:
                break
            client, used = await self._take_for_rest(target, outcome, fresh)
            if client is None:
                break
            try:
                chosen = [recipients[place] for place in places]
                found = await client.send(mail, chosen, age=age, together=together)
            finally:
                self._give_back(target, client)
            if found.untouched and used and not self._closed:
                log.debug("{host} had ended an idle connection", host=str(target))
                self._forget_idle(target)
                fresh = True
                continue
            outcome = _merged(outcome, found, list(places))
            if found.untouched:
                break
        assert outcome is not None
        return outcome

    async def close(self) -> None:
        """End all kept connections; those in use end after their message. Nobody gets one any more."""
        self._closed = True
        for target in list(self._lanes):
            lane = self._lanes[target]
            while lane.waiting:
                _fire(lane.waiting.popleft())
            self._forget_idle(target)

    def drop_idle(self, hosts: Container[str]) -> None:
        """End kept connections to some hosts; those in use are not touched."""
        for target in [target for target in self._lanes if target.host in hosts]:
            self._forget_idle(target)

    @property
    def idle(self) -> int:
        """How many connections are kept."""
        return sum(len(lane.idle) for lane in self._lanes.values())

    # Taking and giving back.

    async def _take_for_rest(
        self, target: Target, outcome: Outcome | None, fresh: bool
    ) -> tuple[SMTPClient | None, bool]:
        """A connection; None where there is none for the rest of a message that was sent in part."""
        try:
            return await self._take(target, fresh)
        except MailframeError:
            if outcome is None:
                raise
            return None, False

    async def _take(self, target: Target, fresh: bool) -> tuple[SMTPClient, bool]:
        """A connection, and whether it was used before; ``fresh``: none that was."""
        lane = self._lanes.setdefault(target, _Lane())
        try:
            await self._turn(lane)
        except BaseException:
            self._sweep(target, lane)
            raise
        while lane.idle and not fresh:
            client, alarm = lane.idle.pop()
            alarm.cancel()
            client.closed = None
            if client.usable:
                client.metrics.reused.inc()
                return client, True
            client.close()
        try:
            return await self._connector.connect(target), False
        except BaseException:
            self._leave(target, lane)
            raise

    async def _turn(self, lane: _Lane) -> None:
        """Wait until one more connection may be in use, first come first served; it then counts."""
        if self._closed:
            raise MailframeError(CLOSED)
        if lane.busy < self._settings.connections and not lane.waiting:
            lane.busy += 1
            return
        if len(lane.waiting) >= self._settings.waiting:
            raise MailframeError(FULL)
        turn: Deferred[None] = Deferred()
        lane.waiting.append(turn)
        limit = self._clock.callLater(self._settings.wait_timeout, turn.cancel)
        try:
            await turn
        except BaseException as error:
            if turn in lane.waiting:
                lane.waiting.remove(turn)
            if limit.active():
                raise
            raise MailframeError(FULL, "no connection was free in time") from error
        finally:
            if limit.active():
                limit.cancel()
        if self._closed:
            raise MailframeError(CLOSED)

    def _give_back(self, target: Target, client: SMTPClient) -> None:
        lane = self._lanes[target]
        if client.usable and client.messages_left and not self._closed and self._settings.idle_time > 0:
            alarm = self._clock.callLater(self._settings.idle_time, self._expire, target, client)
            lane.idle.append((client, alarm))
            client.closed = lambda: self._died(target, client)
        else:
            self._dismiss(client)
        self._leave(target, lane)

    def _leave(self, target: Target, lane: _Lane) -> None:
        """One less is in use: the turn goes to who waited longest."""
        lane.busy -= 1
        if lane.calling:
            # Who got a turn was done with it at once, and the loop below goes on: no recursion a thousand deep.
            return
        lane.calling = True
        try:
            while lane.waiting and lane.busy < self._settings.connections and not self._closed:
                lane.busy += 1
                _fire(lane.waiting.popleft())
        finally:
            lane.calling = False
        self._sweep(target, lane)

    # Idle connections.

    def _expire(self, target: Target, client: SMTPClient) -> None:
        if self._drop(target, client):
            self._dismiss(client)

    def _died(self, target: Target, client: SMTPClient) -> None:
        self._drop(target, client)

    def _drop(self, target: Target, client: SMTPClient) -> bool:
        lane = self._lanes.get(target)
        for entry in lane.idle if lane is not None else ():
            if entry[0] is client:
                assert lane is not None
                lane.idle.remove(entry)
                if entry[1].active():
                    entry[1].cancel()
                client.closed = None
                self._sweep(target, lane)
                return True
        return False

    def _forget_idle(self, target: Target) -> None:
        """End what is kept: where one was dead, the others are likely to be."""
        lane = self._lanes.get(target)
        for client, _ in list(lane.idle) if lane is not None else ():
            self._expire(target, client)

    def _sweep(self, target: Target, lane: _Lane) -> None:
        if not lane.busy and not lane.idle and not lane.waiting:
            self._lanes.pop(target, None)

    def _dismiss(self, client: SMTPClient) -> None:
        farewell = Deferred.fromCoroutine(client.quit())
        farewell.addErrback(lambda failure: log.debug("no goodbye: {reason}", reason=str(failure.value)))


def _merged(before: Outcome | None, found: Outcome, places: Sequence[int]) -> Outcome:
    """What is known after another connection."""
    if before is None:
        return found
    recipients = list(before.recipients)
    for place, result in zip(places, found.recipients, strict=True):
        recipients[place] = result
    return replace(found, recipients=recipients, untouched=False)


def _fire(turn: Deferred[None]) -> None:
    if not turn.called:
        turn.callback(None)
