"""A spool that forgets: for tests, examples and roles that are tried out. Simple, and the model of the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from zope.interface import implementer

from mailframe.message.content import CHUNK, Content, PiecesBody
from mailframe.message.status import UNAVAILABLE, MailframeError, Status
from mailframe.queue.interfaces import ISpool, ISpoolRecords
from mailframe.queue.values import (
    Change,
    Claim,
    ClaimRequest,
    Closed,
    Conclusion,
    Listed,
    NewMessage,
    Place,
    QueuedMessage,
    QueuedRecipient,
    Selection,
    State,
    Usage,
)

from .selecting import fits

OUT_OF_ORDER = 4
"""One claim in so many is for whoever waited the longest, however little urgent."""
NEVER = float("inf")

_FOR = {
    Change.HOLD: (State.DUE,),
    Change.RELEASE: (State.HELD,),
    Change.RETRY: (State.DUE,),
    Change.BOUNCE: (State.DUE, State.HELD),
    Change.DELETE: (State.DUE, State.HELD, State.DELIVERED, State.FAILED),
}


@dataclass(slots=True)
class _Entry:
    """A message, its octets, its recipients by number, and whose the leased ones are."""

    message: QueuedMessage
    octets: bytes
    recipients: dict[int, QueuedRecipient]
    leases: dict[int, str] = field(default_factory=dict)

    @property
    def content(self) -> Content:
        octets = self.octets
        return Content(PiecesBody([octets[start : start + CHUNK] for start in range(0, len(octets), CHUNK)]))

    @property
    def over(self) -> bool:
        return all(one.state.final for one in self.recipients.values())


@implementer(ISpool, ISpoolRecords)
class MemorySpool:
    """Keeps mail in this process.

    Args:
        seconds: the time of day.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._entries: dict[str, _Entry] = {}
        self._runners: dict[str, float] = {}
        self._closed: dict[Place, Closed] = {}
        self._probers: dict[Place, str] = {}
        self._turns: dict[tuple[Place, int], int] = {}
        self._turn = itertools.count(1)
        self._names = itertools.count(1)

    async def start(self) -> None:
        """Nothing is to be made ready."""

    async def stop(self) -> None:
        """Nothing is to be let go of."""

    # Runners.

    async def enlist(self, seconds: float) -> str:
        """Become a runner; see `ISpool.enlist`."""
        name = f"runner-{next(self._names)}"
        self._runners[name] = self._seconds() + seconds
        return name

    async def renew(self, runner: str, seconds: float) -> bool:
        """Have the lease for longer; see `ISpool.renew`."""
        if runner not in self._runners:
            return False
        self._runners[runner] = self._seconds() + seconds
        return True

    async def discharge(self, runner: str) -> None:
        """End a lease; see `ISpool.discharge`."""
        self._free(runner)

    async def take_over(self) -> int:
        """Make due what runners have whose time is over; see `ISpool.take_over`."""
        ended = [name for name, until in self._runners.items() if until < self._seconds()]
        return sum(self._free(name) for name in ended)

    def _free(self, runner: str) -> int:
        self._runners.pop(runner, None)
        self._probers = {place: name for place, name in self._probers.items() if name != runner}
        now, freed = self._seconds(), 0
        for entry in self._entries.values():
            for number in [number for number, name in entry.leases.items() if name == runner]:
                del entry.leases[number]
                one = entry.recipients[number]
                due = min(one.due, now) if one.due < NEVER else NEVER
                entry.recipients[number] = replace(one, state=State.DUE, due=due)
                freed += 1
        return freed

    # Messages.

    async def add(self, message: NewMessage, runner: str | None = None) -> None:
        """Keep a message; see `ISpool.add`."""
        self._add(message, runner)

    def _add(self, new: NewMessage, runner: str | None) -> None:
        queue_id = new.message.queue_id
        if queue_id in self._entries:
            # Whoever was in doubt adds again.
            return
        entry = _Entry(new.message, new.mail.content.octets(), {one.number: one for one in new.recipients})
        for one in new.recipients:
            if one.state is State.LEASED:
                if runner is not None and runner in self._runners:
                    entry.leases[one.number] = runner
                else:
                    entry.recipients[one.number] = replace(one, state=State.DUE)
        self._entries[queue_id] = entry

    async def content(self, queue_id: str) -> Content:
        """The octets of a message; see `ISpool.content`."""
        if queue_id not in self._entries:
            raise MailframeError(UNAVAILABLE, f"{queue_id} is not in the queue")
        return self._entries[queue_id].content

    async def claim(self, runner: str, request: ClaimRequest) -> Sequence[Claim]:
        """Have what is due; see `ISpool.claim`."""
        if runner not in self._runners:
            return []
        claims: list[Claim] = []
        room = dict(request.room)
        fair = request.messages // OUT_OF_ORDER
        for urgent, limit in ((True, request.messages - fair), (False, request.messages)):
            for place, lane in self._places(request.queue, urgent):
                left = min(room.get(place.destination, request.each), limit - len(claims))
                taken = self._take(runner, place, lane, self._allowed(place, left, runner))
                room[place.destination] = room.get(place.destination, request.each) - len(taken)
                claims += taken
        return claims

    def _places(self, queue: str, urgent: bool) -> list[tuple[Place, int]]:
        """Where something is due, in the order in which it is served."""
        now = self._seconds()
        found = {
            (one.place, entry.message.lane)
            for entry in self._entries.values()
            for one in entry.recipients.values()
            if one.state is State.DUE and one.due <= now and one.place.queue == queue
        }
        return sorted(
            found, key=lambda key: (key[1] if urgent else 0, self._turns.get(key, 0), key[0].destination)
        )

    def _allowed(self, place: Place, count: int, runner: str) -> int:
        closed = self._closed.get(place)
        if closed is None or count <= 0:
            return count
        if closed.until > self._seconds() or place in self._probers:
            return 0
        self._probers[place] = runner
        return 1

    def _take(self, runner: str, place: Place, lane: int, count: int) -> list[Claim]:
        if count <= 0:
            return []
        now = self._seconds()
        due: dict[str, float] = {}
        for queue_id, entry in sorted(self._entries.items()):
            times = [one.due for one in _waiting(entry, place) if one.due <= now]
            if times and entry.message.lane == lane:
                due[queue_id] = min(times)
        self._turns[place, lane] = next(self._turn)
        chosen = sorted(due, key=due.__getitem__)[:count]
        return [
            self._lease(runner, self._entries[queue_id], place, lambda one: one.due <= now)
            for queue_id in chosen
        ]

    def _lease(
        self, runner: str, entry: _Entry, place: Place, which: Callable[[QueuedRecipient], bool]
    ) -> Claim:
        leased = [replace(one, state=State.LEASED) for one in _waiting(entry, place) if which(one)][:1000]
        for one in leased:
            entry.recipients[one.number] = one
            entry.leases[one.number] = runner
        return Claim(entry.message, leased, entry.content)

    async def claim_for_review(self, runner: str, messages: int) -> Sequence[Claim]:
        """Have what must be looked at; see `ISpool.claim_for_review`."""
        now = self._seconds()
        claims: list[Claim] = []
        for entry in self._entries.values() if runner in self._runners else ():
            places = dict.fromkeys(
                one.place for one in entry.recipients.values() if one.state is State.DUE and one.review <= now
            )
            for place in places:
                if len(claims) < messages:
                    claims.append(self._lease(runner, entry, place, lambda one: one.review <= now))
        return claims

    async def next_due(self) -> float | None:
        """When there will be something to do; see `ISpool.next_due`."""
        times = []
        for entry in self._entries.values():
            for one in entry.recipients.values():
                if one.state is State.DUE:
                    closed = self._closed.get(one.place)
                    opens = closed.until if closed is not None else 0.0
                    # While one is tried there, the others wait for what becomes of it.
                    due = NEVER if one.place in self._probers else max(one.due, opens)
                    times.append(min(due, one.review))
        return min((time for time in times if time < NEVER), default=None)

    async def conclude(self, runner: str, conclusion: Conclusion) -> bool:
        """Write down what became of a claim; see `ISpool.conclude`."""
        entry = self._entries.get(conclusion.queue_id)
        if entry is None:
            return False
        kept = all(entry.leases.get(one.number) == runner for one in conclusion.recipients)
        told = kept
        for one in conclusion.recipients:
            before = entry.recipients.get(one.number)
            if before is not None and not before.state.final and (kept or one.state.final):
                told = True
                entry.recipients[one.number] = one
                entry.leases.pop(one.number, None)
            if kept and before is not None and self._probers.get(before.place) == runner:
                # Neither opened nor closed again: perhaps it was not even tried.
                del self._probers[before.place]
        for notice in conclusion.notices if told else ():
            self._add(notice, runner)
        self._tidy(entry)
        return kept

    def _tidy(self, entry: _Entry) -> None:
        if entry.over:
            del self._entries[entry.message.queue_id]

    # Destinations.

    async def close(self, closed: Closed) -> None:
        """Attempt nothing there; see `ISpool.close`."""
        self._closed[closed.place] = closed
        self._probers.pop(closed.place, None)

    async def open(self, place: Place) -> None:
        """It answers again; see `ISpool.open`."""
        self._closed.pop(place, None)
        self._probers.pop(place, None)

    async def closed(self) -> Sequence[Closed]:
        """Closed places; see `ISpool.closed`."""
        found = [closed for closed in self._closed.values() if closed.until > self._seconds()]
        return sorted(found, key=lambda closed: -closed.until)[:1000]

    # Room.

    async def usage(self) -> Usage:
        """How full it is; see `ISpool.usage`."""
        recipients: dict[tuple[str, State], int] = {}
        for entry in self._entries.values():
            for one in entry.recipients.values():
                key = (one.place.queue, one.state)
                if not one.state.final:
                    recipients[key] = recipients.get(key, 0) + 1
        messages = [entry.message for entry in self._entries.values()]
        return Usage(
            len(messages),
            sum(message.size for message in messages),
            recipients,
            min((message.arrived for message in messages), default=None),
        )

    async def used_by(self, account: str) -> tuple[int, int]:
        """What an account has here; see `ISpool.used_by`."""
        sizes = [entry.message.size for entry in self._entries.values() if entry.message.account == account]
        return len(sizes), sum(sizes)

    # Records.

    async def listing(self, selection: Selection, after: str = "", limit: int = 500) -> Sequence[Listed]:
        """A page of messages; see `ISpoolRecords.listing`."""
        return list(itertools.islice(self._listing(selection, after), limit))

    def _listing(self, selection: Selection, after: str) -> Iterator[Listed]:
        for queue_id, entry in sorted(self._entries.items()):
            found = [one for one in _ordered(entry) if fits(selection, entry.message, one)]
            if queue_id > after and found:
                yield Listed(entry.message, found)

    async def find(self, queue_id: str) -> Listed | None:
        """One message; see `ISpoolRecords.find`."""
        entry = self._entries.get(queue_id)
        return None if entry is None else Listed(entry.message, _ordered(entry))

    async def change(
        self, change: Change, queue_id: str, numbers: Sequence[int], status: Status | None = None
    ) -> int:
        """Change recipients of a message; see `ISpoolRecords.change`."""
        entry = self._entries.get(queue_id)
        if entry is None:
            return 0
        count = 0
        for number in dict.fromkeys(numbers):
            one = entry.recipients.get(number)
            if one is not None and one.state in _FOR[change]:
                count += 1
                self._change(entry, one, change, status)
        if count and change is Change.RELEASE:
            self._prolong(entry)
        self._tidy(entry)
        return count

    async def change_all(
        self, change: Change, messages: Sequence[tuple[str, Sequence[int]]], status: Status | None = None
    ) -> Sequence[int]:
        """Change recipients of many messages; see `ISpoolRecords.change_all`."""
        return [await self.change(change, queue_id, numbers, status) for queue_id, numbers in messages]

    def _change(self, entry: _Entry, one: QueuedRecipient, change: Change, status: Status | None) -> None:
        now, status = self._seconds(), status or one.status
        if change is Change.DELETE:
            del entry.recipients[one.number]
            return
        if change is Change.HOLD:
            changed = replace(one, state=State.HELD, status=status)
        elif change is Change.BOUNCE:
            changed = replace(one, state=State.DUE, due=NEVER, review=now, status=status)
        else:
            changed = replace(one, state=State.DUE, due=now)
            if change is Change.RETRY:
                self._closed.pop(one.place, None)
                self._probers.pop(one.place, None)
        entry.recipients[one.number] = changed

    def _prolong(self, entry: _Entry) -> None:
        now, message = self._seconds(), entry.message
        if message.expires <= now:
            entry.message = replace(message, expires=now + (message.expires - message.arrived))

    async def flush(self, destination: str | None = None, queue: str | None = None) -> int:
        """All is due now; see `ISpoolRecords.flush`."""

        def meant(place: Place) -> bool:
            return destination in (None, place.destination) and queue in (None, place.queue)

        now, count = self._seconds(), 0
        self._closed = {place: closed for place, closed in self._closed.items() if not meant(place)}
        self._probers = {place: name for place, name in self._probers.items() if not meant(place)}
        for entry in self._entries.values():
            for one in _ordered(entry):
                if one.state is State.DUE and one.due < NEVER and meant(one.place):
                    entry.recipients[one.number] = replace(one, due=min(one.due, now))
                    count += 1
        return count


def _waiting(entry: _Entry, place: Place) -> Iterable[QueuedRecipient]:
    return [one for one in _ordered(entry) if one.state is State.DUE and one.place == place]


def _ordered(entry: _Entry) -> list[QueuedRecipient]:
    return [entry.recipients[number] for number in sorted(entry.recipients)]
