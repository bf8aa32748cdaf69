"""Mail must not be stuck because a spool failed at a bad moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.queue.spool.memory import MemorySpool
from mailframe.queue.values import Claim, ClaimRequest, Conclusion

from .world import Model, World

AWAY = MailframeError(UNAVAILABLE, "the connection to the database was lost")


class DoubtfulSpool(MemorySpool):
    """One whose answers get lost, though it has done what was asked; and that has faults of its own.

    Attributes:
        faults: what happens to the next calls: ``lost``, ``broken`` or ``""`` for nothing.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__(seconds)
        self.faults: list[str] = []

    def _next(self) -> str:
        return self.faults.pop(0) if self.faults else ""

    async def claim(self, runner: str, request: ClaimRequest) -> Sequence[Claim]:
        """Hand out, and lose the answer."""
        claims: Sequence[Claim] = await super().claim(runner, request)
        if claims:
            self._fail(self._next())
        return claims

    async def claim_for_review(self, runner: str, messages: int) -> Sequence[Claim]:
        """The same for reviews."""
        claims: Sequence[Claim] = await super().claim_for_review(runner, messages)
        if claims:
            self._fail(self._next())
        return claims

    async def conclude(self, runner: str, conclusion: Conclusion) -> bool:
        """Write down and lose the answer, or fail in a way that nobody thought of."""
        fault = self._next()
        if fault == "broken":
            raise ValueError("a fault that nobody thought of")
        concluded: bool = await super().conclude(runner, conclusion)
        self._fail(fault)
        return concluded

    def _fail(self, fault: str) -> None:
        if fault == "lost":
            raise AWAY
        if fault == "broken":
            raise ValueError("a fault that nobody thought of")


class DoubtTests(Model):
    """Answers that are lost, and faults of ours."""

    def world(self, kind: str, trouble: float = 100.0) -> tuple[World, Any]:
        """One domain, and a spool with faults."""
        world = World({"d.test": kind}, {"d.test": trouble}, spool=DoubtfulSpool)
        return world, world.spool

    def test_claim_lost(self) -> None:
        """What was handed out to us without our knowing goes out soon, though we live on."""
        world, spool = self.world("busy for a while")
        world.send(["d.test"])
        world.wait(10)
        spool.faults = ["lost"]
        world.finish()
        self.check(world)

    def test_conclusion_broken(self) -> None:
        """What could not be concluded, by a fault of ours, is tried again; it does not wait for our end."""
        world, spool = self.world("knows nobody")
        spool.faults = ["broken"]
        world.send(["d.test"])
        world.finish()
        self.flushLoggedErrors(ValueError)
        self.check(world)

    @settings(max_examples=15, deadline=None)
    @given(
        kind=st.sampled_from(
            ["busy for a while", "knows nobody", "dead", "greylisting", "resets before the reply"]
        ),
        faults=st.lists(st.sampled_from(["", "lost", "broken"]), max_size=6),
        count=st.integers(1, 4),
    )
    def test_doubt(self, kind: str, faults: Sequence[str], count: int) -> None:
        """Whenever answers are lost: nothing is stuck; nobody gets it more often than conclusions were broken."""
        world, spool = self.world(kind)
        for _ in range(count):
            world.send(["d.test", "d.test"])
        spool.faults = list(faults)
        world.copies = faults.count("broken")
        world.finish()
        self.flushLoggedErrors(ValueError)
        self.check(world)
