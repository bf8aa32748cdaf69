"""A spool of a hundred lines: what the runner's tests need of one, with faults on demand and all of it to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.task import Clock
from zope.interface import implementer

from mailframe.message.content import Content
from mailframe.message.status import MailframeError, Status
from mailframe.queue.interfaces import ISpool
from mailframe.queue.values import (
    Claim,
    ClaimRequest,
    Closed,
    Conclusion,
    NewMessage,
    Place,
    QueuedMessage,
    QueuedRecipient,
    State,
    Usage,
)

AWAY = Status((4, 3, 0), "The spool is away")


class Entry:
    """One message."""

    def __init__(self, new: NewMessage) -> None:
        self.message: QueuedMessage = new.message
        self.octets = new.mail.content.octets()
        self.recipients = {one.number: one for one in new.recipients}
        self.leases: dict[int, str] = {}


@implementer(ISpool)
class SmallSpool:
    """Keeps mail in dictionaries."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.entries: dict[str, Entry] = {}
        self.final: dict[tuple[str, int], QueuedRecipient] = {}
        self.runners: dict[str, float] = {}
        self.places: dict[Place, Closed] = {}
        self.probing: set[Place] = set()
        self.away = False
        self.calls: list[str] = []
        self.count = 0
        self.running = False

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.away:
            raise MailframeError(AWAY, "the spool is away")

    async def start(self) -> None:
        self._call("start")
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def enlist(self, seconds: float) -> str:
        self._call("enlist")
        self.count += 1
        self.runners[f"runner-{self.count}"] = self.clock.seconds() + seconds
        return f"runner-{self.count}"

    async def renew(self, runner: str, seconds: float) -> bool:
        self._call("renew")
        if runner not in self.runners:
            return False
        self.runners[runner] = self.clock.seconds() + seconds
        return True

    async def discharge(self, runner: str) -> None:
        self._call("discharge")
        self.runners.pop(runner, None)
        self._free(runner)

    async def take_over(self) -> int:
        self._call("take_over")
        ended = [name for name, until in self.runners.items() if until <= self.clock.seconds()]
        for name in ended:
            del self.runners[name]
        return sum(self._free(name) for name in ended)

    def _free(self, runner: str) -> int:
        freed = 0
        for entry in self.entries.values():
            for number, name in list(entry.leases.items()):
                if name == runner:
                    del entry.leases[number]
                    entry.recipients[number] = replace(
                        entry.recipients[number], state=State.DUE, due=self.clock.seconds()
                    )
                    freed += 1
        return freed

    async def add(self, message: NewMessage, runner: str | None = None) -> None:
        self._call("add")
        entry = Entry(message)
        for one in message.recipients:
            if one.state is State.LEASED:
                assert runner in self.runners
                entry.leases[one.number] = runner or ""
        self.entries[message.message.queue_id] = entry

    async def content(self, queue_id: str) -> Content:
        self._call("content")
        if queue_id not in self.entries:
            raise MailframeError(AWAY, "unknown message")
        return Content.of(self.entries[queue_id].octets)

    async def claim(self, runner: str, request: ClaimRequest) -> Sequence[Claim]:
        self._call("claim")
        claims: list[Claim] = []
        given: dict[str, int] = {}
        for entry, place, some in self._due(request.queue):
            each = request.room.get(place.destination, request.each)
            if len(claims) >= request.messages or given.get(place.destination, 0) >= each:
                continue
            if place in self.places:
                if self.places[place].until > self.clock.seconds() or place in self.probing:
                    continue
                self.probing.add(place)
            given[place.destination] = given.get(place.destination, 0) + 1
            claims.append(self._lease(entry, some, runner))
        return claims

    def _due(self, queue: str) -> list[tuple[Entry, Place, list[QueuedRecipient]]]:
        found: dict[tuple[str, Place], list[QueuedRecipient]] = {}
        for queue_id, entry in sorted(self.entries.items(), key=lambda item: (item[1].message.lane, item[0])):
            for one in entry.recipients.values():
                if one.state is State.DUE and one.due <= self.clock.seconds() and one.place.queue == queue:
                    found.setdefault((queue_id, one.place), []).append(one)
        return [(self.entries[queue_id], place, some) for (queue_id, place), some in found.items()]

    def _lease(self, entry: Entry, some: Sequence[QueuedRecipient], runner: str) -> Claim:
        leased = [replace(one, state=State.LEASED) for one in some]
        for one in leased:
            entry.recipients[one.number] = one
            entry.leases[one.number] = runner
        return Claim(entry.message, leased)

    async def claim_for_review(self, runner: str, messages: int) -> Sequence[Claim]:
        self._call("claim_for_review")
        claims: list[Claim] = []
        for entry in list(self.entries.values()):
            some = [
                one
                for one in entry.recipients.values()
                if one.state is State.DUE and one.review <= self.clock.seconds()
            ]
            if some and len(claims) < messages:
                claims.append(self._lease(entry, some, runner))
        return claims

    async def next_due(self) -> float | None:
        self._call("next_due")
        times = [
            min(one.due, one.review)
            for entry in self.entries.values()
            for one in entry.recipients.values()
            if one.state is State.DUE
        ]
        return min(times, default=None)

    async def conclude(self, runner: str, conclusion: Conclusion) -> bool:
        self._call("conclude")
        entry = self.entries.get(conclusion.queue_id)
        if entry is None:
            return False
        whole, told = True, False
        for one in conclusion.recipients:
            mine = entry.leases.get(one.number) == runner
            whole = whole and mine
            if mine or one.state.final:
                told = True
                entry.recipients[one.number] = one
                entry.leases.pop(one.number, None)
                if one.state.final:
                    self.final[conclusion.queue_id, one.number] = one
        if all(one.state.final for one in entry.recipients.values()):
            del self.entries[conclusion.queue_id]
        if told:
            for notice in conclusion.notices:
                self.entries[notice.message.queue_id] = Entry(notice)
        return whole

    async def close(self, closed: Closed) -> None:
        self._call("close")
        self.places[closed.place] = closed
        self.probing.discard(closed.place)

    async def open(self, place: Place) -> None:
        self._call("open")
        self.places.pop(place, None)
        self.probing.discard(place)

    async def closed(self) -> Sequence[Closed]:
        self._call("closed")
        return [one for one in self.places.values() if one.until > self.clock.seconds()]

    async def usage(self) -> Usage:
        self._call("usage")
        recipients: dict[tuple[str, State], int] = {}
        for entry in self.entries.values():
            for one in entry.recipients.values():
                key = (one.place.queue, one.state)
                recipients[key] = recipients.get(key, 0) + 1
        arrived = [entry.message.arrived for entry in self.entries.values()]
        octets = sum(len(entry.octets) for entry in self.entries.values())
        return Usage(len(self.entries), octets, recipients, min(arrived, default=None))

    async def used_by(self, account: str) -> tuple[int, int]:
        self._call("used_by")
        mine = [entry for entry in self.entries.values() if entry.message.account == account]
        return len(mine), sum(len(entry.octets) for entry in mine)
