"""Whatever happens to the queue in PostgreSQL, and in whatever order: no recipient is lost, none is given out twice."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import Status
from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.values import Change, Claim, ClaimRequest, Closed, Conclusion, Place, State
from tests import postgres

from .test_postgresql import NOW, message

Key = tuple[str, int]
STEPS = (
    "add", "add leased", "claim", "review", "deliver", "defer", "hold", "release", "bounce", "delete", "flush",
    "close", "open", "tick", "die",
)  # fmt: skip
LATER = Status((4, 4, 1), "No answer from host")
TABLES = "spool_message, spool_recipient, spool_content, spool_place, spool_closed, spool_share, spool_runner"


class Model:
    """Two runners on one spool, and what must be true of each recipient."""

    def __init__(self, case: SynchronousTestCase, spool: PostgreSQLSpool) -> None:
        self.case, self.spool, self.now = case, spool, NOW
        self.runners = [self.do(spool.enlist(1e9)) for _ in range(2)]
        self.open: set[Key] = set()
        self.leased: list[tuple[int, Claim]] = []
        self.order: list[str] = []

    def do(self, coroutine):
        return self.case.successResultOf(Deferred.fromCoroutine(coroutine))

    def take(self, runner: int, claims) -> None:
        """Nobody has what is given out now, and it still has to be delivered."""
        had = {key for _, claim in self.leased for key in keys(claim)}
        for claim in claims:
            self.case.assertLessEqual(keys(claim), self.open)
            self.case.assertFalse(keys(claim) & had)
            had |= keys(claim)
            self.leased.append((runner, claim))

    def conclude(self, state: State, number: int) -> None:
        if self.leased:
            runner, claim = self.leased.pop(number % len(self.leased))
            recipients = [
                replace(one, state=state, due=self.now + number, review=9e9, status=LATER)
                for one in claim.recipients
            ]
            ours = self.do(
                self.spool.conclude(self.runners[runner], Conclusion(claim.message.queue_id, recipients))
            )
            self.case.assertTrue(ours)
            if state.final:
                self.open -= keys(claim)

    def change(self, change: Change, number: int) -> None:
        if self.order:
            queue_id = self.order[number % len(self.order)]
            free = self.open - {key for _, claim in self.leased for key in keys(claim)}
            self.do(self.spool.change(change, queue_id, [0, 1, 2], LATER))
            if change is Change.DELETE:
                self.open -= {key for key in free if key[0] == queue_id}

    def step(self, name: str, number: int) -> None:
        runner = number % 2
        place = Place(f"remote:d{number % 3}.test")
        if name in ("add", "add leased"):
            state = State.LEASED if name == "add leased" else State.DUE
            domains = [f"d{(number + more) % 3}.test" for more in range(1 + number % 3)]
            new = message(*domains, state=state, due=self.now + number % 5, lane=number % 20)
            self.do(self.spool.add(new, self.runners[runner]))
            self.order.append(new.message.queue_id)
            self.open |= {(new.message.queue_id, one.number) for one in new.recipients}
            if state is State.LEASED:
                self.leased += [(runner, Claim(new.message, [one])) for one in new.recipients]
        elif name == "claim":
            request = ClaimRequest("normal", 1 + number % 7, 1 + number % 3)
            self.take(runner, self.do(self.spool.claim(self.runners[runner], request)))
        elif name == "review":
            self.take(runner, self.do(self.spool.claim_for_review(self.runners[runner], 1 + number % 5)))
        elif name in ("deliver", "defer"):
            self.conclude(State.DELIVERED if name == "deliver" else State.DUE, number)
        elif name in ("hold", "release", "bounce", "delete"):
            self.change(Change(name), number)
        elif name == "flush":
            self.do(self.spool.flush(place.destination if runner else None))
        elif name == "close":
            self.do(self.spool.close(Closed(place, self.now + number, 1, LATER)))
        elif name == "open":
            self.do(self.spool.open(place))
        elif name == "tick":
            self.now += number
        else:
            self.do(self.spool.discharge(self.runners[runner]))
            self.runners[runner] = self.do(self.spool.enlist(1e9))
            self.leased = [(holder, claim) for holder, claim in self.leased if holder != runner]

    def end(self) -> None:
        """All that has not come to an end can be had, and is counted right."""
        for number in range(2):
            self.step("die", number)
        for number in range(len(self.order)):
            self.change(Change.RELEASE, number)
        self.now += 10_000
        for number in range(3):
            self.step("open", number)
        self.take(0, self.do(self.spool.claim(self.runners[0], ClaimRequest("normal", 1000, 1000))))
        while claims := self.do(self.spool.claim_for_review(self.runners[0], 1000)):
            self.take(0, claims)
        self.case.assertEqual({key for _, claim in self.leased for key in keys(claim)}, self.open)
        self.case.assertIsNone(self.do(self.spool.next_due()))
        messages, _ = self.do(self.spool.used_by("alice@example.test"))
        self.case.assertEqual(messages, len({queue_id for queue_id, _ in self.open}))


def keys(claim: Claim) -> set[Key]:
    return {(claim.message.queue_id, one.number) for one in claim.recipients}


class ModelTests(SynchronousTestCase):
    """Random days of a queue."""

    def setUp(self) -> None:
        self.model: Model | None = None
        self.spool = PostgreSQLSpool(
            postgres.database(self),
            None,
            lambda: self.model.now if self.model else NOW,
            lease_seconds=lambda: NOW,
        )
        self.successResultOf(Deferred.fromCoroutine(self.spool.start()))
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.spool.stop())))

    @settings(max_examples=25)
    @given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 60)), min_size=5, max_size=25))
    def test_nothing_lost(self, steps: list[tuple[str, int]]) -> None:
        """After any steps, what was not delivered, given up or deleted is still there, once."""
        self.successResultOf(
            self.spool.database.run(lambda connection: connection.execute(f"TRUNCATE {TABLES}"))
        )
        self.model = Model(self, self.spool)
        for name, number in steps:
            self.model.step(name, number)
        self.model.end()
