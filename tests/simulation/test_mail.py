"""Stories of mail for a hundred domains, and for a few of them at bad moments."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from .hosts import PERSONALITIES
from .world import Model, World

NOTIFY = (None, None, "NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE,DELAY")


@dataclass(frozen=True)
class Step:
    """Something that happens, some seconds after the step before.

    Attributes:
        after: so many.
        what: a message, or the end of a worker.
        to: domains of the message's recipients, by number.
        notify: what is asked.
        place: which worker.
    """

    after: float
    what: str
    to: Sequence[int] = ()
    notify: str | None = None
    place: int = 0


_messages = st.builds(
    Step,
    st.sampled_from([0.0, 0.0, 1.0, 30.0, 400.0]),
    st.sampled_from(["send", "send", "send", "null"]),
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.sampled_from(NOTIFY),
    st.integers(0, 1),
)
_ends = st.builds(
    Step,
    st.sampled_from([0.0, 0.5, 45.0, 200.0]),
    st.sampled_from(["kill", "restart"]),
    place=st.integers(0, 1),
)


class StoryTests(Model):
    """A few domains, and workers that end."""

    @settings(max_examples=10, deadline=None)
    @given(
        kinds=st.lists(st.sampled_from(sorted(PERSONALITIES)), min_size=1, max_size=4),
        trouble=st.sampled_from([10.0, 301.0, 1500.0, 3000.0, 5401.0]),
        workers=st.integers(1, 2),
        steps=st.lists(st.one_of(_messages, _messages, _messages, _ends), min_size=1, max_size=8),
    )
    def test_story(self, kinds: Sequence[str], trouble: float, workers: int, steps: Sequence[Step]) -> None:
        """Whatever hosts do and whenever workers end: everybody gets the mail, or the sender is told; nobody twice."""
        domains = {f"d{number}.test": name for number, name in enumerate(kinds)}
        world = World(domains, dict.fromkeys(domains, trouble), workers)
        names = list(domains)
        for step in steps:
            world.wait(step.after)
            if step.what == "kill":
                world.kill(step.place)
            elif step.what == "restart":
                world.restart(step.place)
            else:
                to = [names[number % len(names)] for number in step.to]
                world.send(to, step.notify, step.what == "null", step.place)
        world.finish()
        self.check(world)


class HundredTests(Model):
    """All at once."""

    @settings(max_examples=2, deadline=None, phases=[Phase.generate])
    @given(st.integers(1, 2**32))
    def test_hundred(self, seed: int) -> None:
        """Mail for a hundred domains, in messages to one or several of them, over an hour, by two workers."""
        # Not a random of hypothesis: its first one always chooses the first.
        chance = random.Random(seed)
        kinds = sorted(PERSONALITIES)
        domains = {f"d{number}.test": kinds[number % len(kinds)] for number in range(100)}
        world = World(domains, {domain: chance.uniform(5, 5000) for domain in domains}, 2)
        names = list(domains)
        for number in range(150):
            world.wait(chance.choice([0.0, 0.0, 5.0, 60.0]))
            to = [names[number % 100], *chance.sample(names, chance.choice([0, 0, 1, 3]))]
            world.send(to, chance.choice(NOTIFY), chance.random() < 0.1, number)
        world.finish()
        self.check(world)
