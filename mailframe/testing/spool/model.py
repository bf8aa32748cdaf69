"""A spool against a model: hypothesis makes up days of runners, destinations and administrators.

The model is `mailframe.queue.spool.memory`. Both must say the same at every step. Claims are for all that there is,
so that it does not matter which of two equals comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.queue.spool.memory import MemorySpool
from mailframe.queue.values import (
    Change,
    Claim,
    ClaimRequest,
    Closed,
    Conclusion,
    Place,
    Selection,
    State,
)

from .fixture import GONE, LATER, NOW, message

Make = Callable[[Callable[[], float], list[Callable[[], object]]], Any]
Work = Callable[[Any, int], Any]
DOMAINS = st.sampled_from(["a.test", "b.test", "c.test"])
QUEUES = st.sampled_from(["normal", "slow"])
RUNNERS = st.integers(0, 2)
LANES = st.sampled_from([0, 9, 19])
SECONDS = st.sampled_from([0, 1, 30, 600])
CHOICES = st.integers(0, 1000)
LEASE = 100.0
NOTICES = [message("example.test", account="", queue_id=f"N{number:04}") for number in range(3)]


def at_once(awaitable: Any) -> Any:
    """The answer of something that has one already."""
    answers: list[Any] = []
    Deferred.fromCoroutine(awaitable).addBoth(answers.append)
    (answer,) = answers
    if isinstance(answer, BaseException) or hasattr(answer, "raiseException"):
        answer.raiseException()
    return answer


def comparable(claims: Sequence[Claim]) -> list[Any]:
    """Claims as both spools must give them; of what became due in one moment, either may be first."""
    found = [(claim.message, list(claim.recipients)) for claim in claims]
    return sorted(found, key=lambda one: (one[0].queue_id, one[1][0].number))


def brief(claims: Sequence[Claim]) -> list[Any]:
    """What was claimed, for people."""
    return sorted(
        (claim.message.queue_id, claim.place.destination, [one.number for one in claim.recipients])
        for claim in claims
    )


class SpoolMachine(RuleBasedStateMachine):
    """The same is done to both spools; both must answer the same.

    Attributes:
        make: a started spool with nothing in it, that answers at once; given the time of day, and a place for
            cleanups.
    """

    make: ClassVar[Make]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.cleanups: list[Callable[[], object]] = []
        self.memory = MemorySpool(lambda: self.now)
        self.other = type(self).make(lambda: self.now, self.cleanups)
        self.added = 0
        self.runners: list[tuple[str, str]] = []
        self.claims: list[tuple[int, Claim]] = []

    def teardown(self) -> None:
        """Both are gone."""
        at_once(self.other.stop())
        for cleanup in self.cleanups:
            cleanup()

    def both(self, work: Work) -> tuple[Any, Any]:
        """What memory and the other answer to the same."""
        return at_once(work(self.memory, 0)), at_once(work(self.other, 1))

    def same(self, work: Work) -> Any:
        """What both answer; they must not differ."""
        expected, found = self.both(work)
        assert found == expected, f"memory says {expected!r}, the other {found!r}"
        return found

    def name(self, runner: int, side: int) -> str:
        """What a spool calls a runner."""
        return self.runners[runner][side]

    @initialize()
    def enlist_all(self) -> None:
        """Three runners."""
        for _ in range(3):
            self.runners.append(self.both(lambda spool, side: spool.enlist(LEASE)))

    @rule(
        domains=st.lists(DOMAINS, min_size=1, max_size=3), queue=QUEUES, lane=LANES, due=SECONDS,
        leased=st.booleans(), runner=RUNNERS, size=st.sampled_from([20, 80]),
    )  # fmt: skip
    def add(
        self, domains: list[str], queue: str, lane: int, due: int, leased: bool, runner: int, size: int
    ) -> None:
        """A message comes."""
        self.added += 1
        new = message(
            *domains,
            due=self.now + due,
            lane=lane,
            queue_id=f"Q{self.added:05}",
            content=Content.of(b"x" * size),
        )
        state = State.LEASED if leased else State.DUE
        recipients = [
            replace(one, state=state, review=self.now + 400, place=replace(one.place, queue=queue))
            for one in new.recipients
        ]
        new = replace(new, recipients=recipients)
        self.same(lambda spool, side: spool.add(new, self.name(runner, side)))
        if leased:
            for place in dict.fromkeys(one.place for one in recipients):
                mine = [one for one in recipients if one.place == place]
                self.claims.append((runner, Claim(new.message, mine)))

    def gave(self, runner: int, answers: tuple[Any, Any]) -> None:
        """Both gave the same to a runner, with the same content where they gave any."""
        expected, found = answers
        assert brief(found) == brief(expected)
        assert comparable(found) == comparable(expected)
        for claim in found:
            octets = at_once(self.other.content(claim.message.queue_id)).octets()
            assert len(octets) == claim.message.size
            assert claim.content is None or claim.content.octets() == octets
            self.claims.append((runner, claim))

    @rule(runner=RUNNERS, queue=QUEUES)
    def claim(self, runner: int, queue: str) -> None:
        """A runner has room for all."""
        request = ClaimRequest(queue, 1000, 1000)
        self.gave(runner, self.both(lambda spool, side: spool.claim(self.name(runner, side), request)))

    @rule(runner=RUNNERS)
    def review(self, runner: int) -> None:
        """A runner looks at what has to be looked at."""
        self.gave(
            runner, self.both(lambda spool, side: spool.claim_for_review(self.name(runner, side), 1000))
        )

    @rule(which=CHOICES, states=st.lists(st.sampled_from(list(State)), min_size=1), due=SECONDS, queue=QUEUES,
          notice=st.sampled_from([None, *NOTICES]))  # fmt: skip
    def conclude(self, which: int, states: list[State], due: int, queue: str, notice: Any) -> None:
        """A runner says what became of a claim: in time, or long after it lost its lease, or again."""
        if not self.claims:
            return
        runner, claim = self.claims[which % len(self.claims)]
        recipients = [
            replace(
                one,
                state=State.DUE if state is State.LEASED else state,
                due=self.now + due,
                review=self.now + 2 * due + 1,
                attempts=one.attempts + 1,
                status=LATER,
                place=replace(one.place, queue=queue),
            )
            for one, state in zip(claim.recipients, states * 3, strict=False)
        ]
        queue_id = claim.message.queue_id
        # No message is a notification of itself.
        notices = [] if notice is None or notice.message.queue_id == queue_id else [notice]
        conclusion = Conclusion(queue_id, recipients, notices)
        self.same(lambda spool, side: spool.conclude(self.name(runner, side), conclusion))
        if which % 4:
            self.claims.remove((runner, claim))

    @rule(domain=DOMAINS, queue=QUEUES, seconds=SECONDS)
    def close(self, domain: str, queue: str, seconds: int) -> None:
        """A destination does not answer."""
        closed = Closed(Place(f"remote:{domain}", queue), self.now + seconds, 1, LATER)
        self.same(lambda spool, side: spool.close(closed))

    @rule(domain=DOMAINS, queue=QUEUES)
    def open(self, domain: str, queue: str) -> None:
        """It answers."""
        self.same(lambda spool, side: spool.open(Place(f"remote:{domain}", queue)))

    @rule(seconds=SECONDS)
    def tick(self, seconds: int) -> None:
        """Time goes by."""
        self.now += seconds

    @rule(runner=RUNNERS, renewed=st.booleans())
    def renew(self, runner: int, renewed: bool) -> None:
        """A runner lives, or comes again."""
        if renewed:
            self.same(lambda spool, side: spool.renew(self.name(runner, side), LEASE))
        else:
            self.same(lambda spool, side: spool.discharge(self.name(runner, side)))
            self.runners[runner] = self.both(lambda spool, side: spool.enlist(LEASE))

    @rule()
    def take_over(self) -> None:
        """The work of those whose lease is over."""
        self.same(lambda spool, side: spool.take_over())

    @rule(change=st.sampled_from(list(Change)), which=CHOICES, numbers=st.sets(st.integers(0, 2)))
    def change(self, change: Change, which: int, numbers: set[int]) -> None:
        """An administrator changes something."""
        queue_id = f"Q{which % (self.added + 1):05}"
        status = {Change.HOLD: LATER, Change.BOUNCE: GONE}.get(change)
        self.same(lambda spool, side: spool.change(change, queue_id, sorted(numbers), status))

    @rule(domain=st.none() | DOMAINS, queue=st.none() | QUEUES)
    def flush(self, domain: str | None, queue: str | None) -> None:
        """An administrator wants all to go now."""
        destination = None if domain is None else f"remote:{domain}"
        self.same(lambda spool, side: spool.flush(destination, queue))

    @rule(state=st.sampled_from(list(State)), domain=DOMAINS, after=CHOICES)
    def look(self, state: State, domain: str, after: int) -> None:
        """An administrator looks at a page."""
        selection = Selection(states=[state], domain=domain)
        self.same(lambda spool, side: spool.listing(selection, f"Q{after % 20:05}", 3))

    @invariant()
    def all_is_the_same(self) -> None:
        """Every message and every recipient, what is closed, and what an account has there."""
        self.same(lambda spool, side: spool.listing(Selection()))
        self.same(lambda spool, side: spool.used_by("alice@example.test"))
        closed = self.both(lambda spool, side: spool.closed())
        assert sorted(map(repr, closed[0])) == sorted(map(repr, closed[1]))

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """When something is due, the other says so, at the latest then."""
        expected, found = self.both(lambda spool, side: spool.next_due())
        if expected is not None:
            assert found is not None
            assert found <= max(expected, self.now), (expected, found)


def run_model(
    make: Make, examples: int = 60, steps: int = 50, machine: type[SpoolMachine] | None = None
) -> None:
    """Compare a spool with the one in memory.

    Args:
        make: see `SpoolMachine`; called for each example.
        examples: how many days.
        steps: what is done in one.
        machine: a `SpoolMachine` with rules of its own.

    Raises:
        AssertionError: they differ.
    """
    kind = type("Machine", (machine or SpoolMachine,), {"make": staticmethod(make)})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
