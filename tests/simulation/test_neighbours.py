"""What one destination costs the others: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailframe.delivery.shaping_options import ShapingOptions
from mailframe.queue.spool.memory import MemorySpool
from mailframe.queue.spool.sqlite.spool import SQLiteSpool

from .world import Model, World

GOOD = {f"d{number}.test": "kind" for number in range(10)}


class NeighbourTests(Model):
    """One destination with much mail, and ten with a little."""

    def world(
        self,
        kind: str,
        count: int,
        trouble: float = 600.0,
        spool: Callable[..., Any] = MemorySpool,
        **values: Any,
    ) -> World:
        """Much mail waits for the one; then some comes for the others, one every ten seconds."""
        domains = {"bad.test": kind, **GOOD}
        world = World(domains, dict.fromkeys(domains, trouble), spool=spool, **values)
        for _ in range(count):
            world.send(["bad.test"])
        for number in range(60):
            world.wait(10)
            world.send([f"d{number % 10}.test"])
        world.wait(2)
        return world

    def late(self, world: World) -> float:
        """The longest that mail for the others took."""
        return max(
            world.hosts[sent.domain][0].times.get(name, float("inf")) - sent.at
            for name, sent in world.sent.items()
            if sent.domain in GOOD
        )

    def end(self, world: World) -> None:
        """End it as it is."""
        for worker in world.workers:
            world.stop(worker)

    def test_unreachable(self) -> None:
        """A destination with much mail that never greets is asked a few times, and no other waits for it."""
        for kind in ("tarpit", "dead", "hates us", "DNS fails for a while"):
            world = self.world(kind, 1000, 100_000.0)
            self.assertLess(self.late(world), 1.0, kind)
            self.assertLess(len(world.hosts["bad.test"][0].sessions), 20, kind)
            self.end(world)

    def test_slow(self) -> None:
        """A destination that takes its time for each message has its window full, and no other waits for it."""
        world = self.world("slow", 300)
        self.assertLess(self.late(world), 1.0)
        self.end(world)

    def test_sqlite(self) -> None:
        """The same with the spool that keeps it; when the destination is back, it gets all of it once."""
        place = self.mktemp()
        world = self.world(
            "away for a while", 300, 601.0, lambda seconds: SQLiteSpool(place, None, seconds=seconds)
        )
        self.assertLess(self.late(world), 1.0)
        world.wait(1500, world.empty)
        self.check(world)
        self.end(world)

    def test_limits(self) -> None:
        """A limit of ours is kept to while much mail waits, delays no other, and loses nothing."""
        shaping = [ShapingOptions(domains=["bad.test"], connections=2, messages_per_minute=30)]
        world = self.world("kind", 200, shaping=shaping)
        self.assertLess(self.late(world), 1.0)
        host = world.hosts["bad.test"][0]
        world.wait(600, world.empty)
        times = sorted(host.times.values())
        self.assertEqual(len(times), 200)
        # An amount wears off bit by bit: never more than twice the limit in any one minute.
        for first, later in zip(times, times[60:], strict=False):
            self.assertGreaterEqual(later - first, 59.0)
        self.assertLess(times[-1] - times[0], 600.0)
        self.end(world)
