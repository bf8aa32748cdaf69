"""Whatever hosts, disks and workers do: every recipient gets its mail, or its sender hears why not; nobody twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Duration
from mailframe.delivery.values import Attempt, Scope
from mailframe.message.status import Status
from mailframe.queue.settings import QueueOptions
from mailframe.queue.values import State
from mailframe.testing.queue import TAKEN, Attempted

from .house import DEFERRED, DOWN, HOUR, REFUSED, House, mail

LIMITED = Attempt(Status((4, 4, 5), "Enough for now"), Scope.LIMIT, retry_after=45.0)
WORDS = {"take": TAKEN, "defer": DEFERRED, "down": DOWN, "refuse": REFUSED, "limit": LIMITED}
OPTIONS = QueueOptions(
    jitter=0,
    first_retry=Duration(60),
    longest_retry=Duration(600),
    expires=Duration(2 * HOUR),
    notice_expires=Duration(2 * HOUR),
    delay_notice=Duration(HOUR),
    closed_first=Duration(300),
    closed_longest=Duration(600),
    lease=Duration(300),
    slow_after=3,
    first_deliveries=2,
    deliveries=4,
)
STEP = 20.0
TROUBLE = st.sampled_from(["defer", "down", "limit", "raise", "hang"])


@dataclass(frozen=True)
class Sent:
    """A message of a story.

    Attributes:
        scripts: for each recipient, what happens at its attempts; the last for ever.
        at: steps after the beginning.
        own: are all recipients of one domain?
    """

    scripts: Sequence[Sequence[str]]
    at: int
    own: bool


scripts = st.tuples(
    st.lists(TROUBLE, max_size=4), st.sampled_from(["take", "take", "refuse", "defer", "down"])
).map(lambda parts: [*parts[0], parts[1]])
messages = st.builds(Sent, st.lists(scripts, min_size=1, max_size=4), st.integers(0, 40), st.booleans())


class World:
    """A house in which a story happens."""

    def __init__(self, story: Sequence[Sent], late: bool = False) -> None:
        self.house = House(OPTIONS)
        self.house.delivery.answer = self.answer
        self.house.delivery.holding = late
        self.patient = _patient(story)
        self.scripts: dict[str, list[str]] = {}
        self.words: dict[str, list[str]] = {}
        self.raised: Counter[str] = Counter()
        self.deaths = 0
        self.ids: dict[str, tuple[str, int]] = {}
        self.story = dict(enumerate(story))
        self.begin = self.house.clock.seconds()

    def answer(self, attempted: Attempted) -> Attempt:
        if not attempted.reverse_path:
            return TAKEN
        script = self.scripts[attempted.recipient]
        word = script.pop(0) if len(script) > 1 else script[0]
        if word == "raise":
            self.raised[attempted.queue_id] += 1
            raise ValueError("a fault of a delivery")
        if word == "hang":
            # It comes to nothing: the host never answers, and the delivery gives up by its own clock.
            return Attempt(Status((4, 4, 2), "No answer"), Scope.RECIPIENT)
        self.words.setdefault(attempted.recipient, []).append(word)
        return WORDS[word]

    def hand_in(self) -> None:
        steps = (self.house.clock.seconds() - self.begin) / STEP
        for number, sent in list(self.story.items()):
            if sent.at <= steps:
                names = [
                    f"u{number}.{index}@{'one' if sent.own else index % 2}.example"
                    for index in range(len(sent.scripts))
                ]
                for name, script in zip(names, sent.scripts, strict=True):
                    self.scripts.setdefault(name, list(script))
                message = mail(*names)
                if self.house.send(message)[0].success:
                    # Whoever is refused for now comes again.
                    del self.story[number]
                    self.ids.update({name: (message.queue_id, at) for at, name in enumerate(names)})

    def die(self) -> None:
        """The worker is killed, and another one starts."""
        self.deaths += 1
        dead = self.house.queue
        for part in (dead._claims, dead._review, dead._runner):
            # Else what Python clears away of it would begin new work.
            part.stop()
        for call in list(self.house.clock.getDelayedCalls()):
            call.cancel()
        self.house.delivery.drop()
        self.house.queue = self.house.another()
        Deferred.fromCoroutine(self.house.queue.start())


def _patient(story: Sequence[Sent]) -> bool:
    """Does every recipient come to the end of its script long before it is given up?"""
    scripts = [script for sent in story for script in sent.scripts]
    words = Counter(word for script in scripts for word in script)
    return (
        words["down"] <= 3 and words["limit"] <= 10 and all(one[-1] in ("take", "refuse") for one in scripts)
    )


class StoryTests(SynchronousTestCase):
    """Stories of messages, hosts and faults."""

    @settings(deadline=None, max_examples=60)
    @given(
        story=st.lists(messages, min_size=1, max_size=6),
        away=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), max_size=2),
        deaths=st.lists(st.integers(0, 60), max_size=2),
        late=st.booleans(),
    )
    def test_nothing_is_lost(
        self, story: Sequence[Sent], away: Sequence[tuple[int, int]], deaths: Sequence[int], late: bool
    ) -> None:
        """Through refusals, dead hosts, limits, a spool that goes away and workers that are killed."""
        world = World(story, late)
        house = world.house
        left = sorted(deaths)
        end = world.begin + 4 * HOUR
        while house.clock.seconds() < end:
            steps = round((house.clock.seconds() - world.begin) / STEP)
            house.spool.away = any(begin <= steps < begin + length for begin, length in away)
            if left and left[0] <= steps:
                left.pop(0)
                world.die()
            if steps % 3 == 0:
                house.delivery.release()
            world.hand_in()
            house.clock.advance(STEP)
        self.assertEqual(world.story, {})
        house.delivery.holding = False
        house.delivery.release()
        house.stop()
        self.flushLoggedErrors(ValueError)
        self.check(world)

    def check(self, world: World) -> None:
        spool, told = world.house.spool, b"\n".join(world.house.notices())
        self.assertEqual(spool.entries, {})
        taken = Counter(name for name, words in world.words.items() for word in words if word == "take")
        for name, key in world.ids.items():
            state = spool.final[key].state
            if world.patient:
                # There was time enough for all that was in the way.
                meant = State.DELIVERED if world.scripts[name][-1] == "take" else State.FAILED
                self.assertIs(state, meant, name)
            # Sent and not written down, since the worker was killed in between: the one window for a duplicate; but
            # for a delivery that has taken a message for one recipient when it raises over another.
            again = world.deaths + world.raised[key[0]]
            self.assertLessEqual(taken[name], 1 + again, name)
            failed = told.count(f"Final-Recipient: rfc822; {name}\r\nAction: failed".encode())
            if state is State.DELIVERED:
                self.assertGreaterEqual(taken[name], 1, name)
                self.assertEqual(failed, 0, name)
            else:
                self.assertIs(state, State.FAILED)
                self.assertLessEqual(taken[name], again, name)
                self.assertGreaterEqual(failed, 1, name)
                self.assertLessEqual(failed, 1 + world.deaths, name)
            self.assertLessEqual(
                told.count(f"Final-Recipient: rfc822; {name}\r\nAction: delayed".encode()),
                1 + world.deaths,
                name,
            )

    def test_last_word(self) -> None:
        """A story by hand: who says no at last is told of, who says yes at last is not."""
        world = World([Sent([["defer", "down", "take"], ["limit", "refuse"], ["defer"]], 0, True)])
        while world.house.clock.seconds() < world.begin + 3 * HOUR:
            world.hand_in()
            world.house.clock.advance(STEP)
        states = [world.house.spool.final[key].state for key in world.ids.values()]
        self.assertEqual(states, [State.DELIVERED, State.FAILED, State.FAILED])
        world.house.stop()
        self.check(world)
