"""Who gets what, and in which order."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from mailframe.queue.values import Change, ClaimRequest, Closed, Place, State

from .fixture import LATER, NOW, SpoolFixture, concluded, ids, message

PROBE = 3700
"""Seconds within which another probe must be given out, if not at once."""


class SpoolClaimingContract(SpoolFixture):
    """Who gets what, and in which order."""

    async def test_turns(self) -> None:
        """A destination with much mail does not keep another waiting."""
        for _ in range(20):
            await self.spool.add(message("big.test"))
        small = message("small.test")
        await self.spool.add(small)
        claims = await self.claimed(ClaimRequest("normal", 4, 3))
        self.assertIn(small.message.queue_id, ids(claims))
        self.assertEqual(len(claims), 4)
        self.assertEqual(len(await self.claimed(ClaimRequest("normal", 100, 5, {"remote:big.test": 7}))), 7)
        self.assertEqual(len(await self.claimed(ClaimRequest("normal", 100, 5, {"remote:big.test": 0}))), 0)
        self.assertEqual(len(await self.claimed(ClaimRequest("normal", 100, 0, {"remote:big.test": 2}))), 2)

    async def test_lanes(self) -> None:
        """Urgent mail goes first, but the rest moves, too."""
        usual = [message(f"u{number}.test") for number in range(8)]
        urgent = [message(f"v{number}.test", lane=0) for number in range(8)]
        for new in [*usual, *urgent]:
            await self.spool.add(new)
        claims = await self.claimed(ClaimRequest("normal", 8))
        self.assertEqual([claim.message.lane for claim in claims].count(0), 6)
        self.assertEqual(len(claims), 8)

    async def test_oldest_first(self) -> None:
        """At one destination, what is due the longest goes first, and what is not due does not."""
        new = [message("a.test", due=NOW + due) for due in (-1, -3, 5, -2)]
        for one in new:
            await self.spool.add(one)
        claims = await self.claimed(ClaimRequest("normal", 2))
        self.assertEqual(ids(claims), [new[1].message.queue_id, new[3].message.queue_id])
        self.assertEqual(len(await self.claimed()), 1)
        self.assertEqual(await self.spool.next_due(), NOW + 5)

    async def test_closed(self) -> None:
        """Nothing is tried at a closed destination; after its time one message is, until somebody says more."""
        for _ in range(3):
            await self.spool.add(message("a.test"))
        place = Place("remote:a.test")
        closed = Closed(place, NOW + 60, 2, LATER)
        await self.spool.close(closed)
        self.assertEqual(list(await self.spool.closed()), [closed])
        self.assertEqual(list(await self.claimed()), [])
        self.assertEqual(await self.spool.next_due(), NOW + 60)
        await self.spool.add(message("a.test"))
        self.assertEqual(list(await self.claimed()), [])
        self.now += 60
        self.assertEqual(len(await self.claimed()), 1)
        await self.spool.add(message("a.test", lane=0))
        self.assertEqual(list(await self.claimed()), [])
        await self.spool.open(place)
        self.assertEqual(len(await self.claimed()), 4)
        self.assertEqual(list(await self.spool.closed()), [])

    async def test_probe_of_the_dead(self) -> None:
        """When the runner dies that had the one message for a closed destination, another gets one."""
        await self.spool.add(message("a.test"))
        await self.spool.close(Closed(Place("remote:a.test"), NOW, 1, LATER))
        self.assertEqual(len(await self.claimed()), 1)
        await self.spool.discharge(self.runner)
        self.runner = await self.spool.enlist(60)
        self.assertEqual(len(await self.claimed()), 1)

    async def test_probe_that_tells_nothing(self) -> None:
        """Where the message that was to try a closed destination had expired, or goes elsewhere, another tries."""
        for _ in range(3):
            await self.spool.add(message("a.test"))
        await self.spool.close(Closed(Place("remote:a.test"), NOW, 1, LATER))
        (expired,) = await self.claimed()
        await self.spool.conclude(self.runner, concluded(expired, State.FAILED))
        (elsewhere,) = await self.claimed_within(PROBE)
        moved = concluded(elsewhere, State.DUE, due=self.now + 9999, place=Place("remote:b.test"))
        await self.spool.conclude(self.runner, moved)
        self.assertEqual(len(await self.claimed_within(PROBE)), 1)

    async def test_probe_of_nothing(self) -> None:
        """Urgent mail for a closed destination that is deleted does not keep the rest from being tried."""
        urgent, usual = message("a.test", lane=0), message("a.test")
        for new in (urgent, usual):
            await self.spool.add(new)
        await self.spool.close(Closed(Place("remote:a.test"), NOW, 1, LATER))
        await self.spool.change(Change.DELETE, urgent.message.queue_id, [0])
        self.assertEqual(ids(await self.claimed()), [usual.message.queue_id])

    async def test_review(self) -> None:
        """What must be looked at is given out although its destination is closed."""
        new = message("a.test", due=NOW + 10_000)
        await self.spool.add(new)
        await self.spool.close(Closed(Place("remote:a.test"), NOW + 9000, 1, LATER))
        self.assertEqual(list(await self.spool.claim_for_review(self.runner, 10)), [])
        self.assertEqual(await self.spool.next_due(), NOW + 500)
        self.now += 500
        claims = await self.spool.claim_for_review(self.runner, 10)
        self.assertEqual(ids(claims), [new.message.queue_id])
        self.assertEqual(list(await self.spool.claim_for_review(self.runner, 10)), [])

    async def test_many_at_once(self) -> None:
        """Two nodes that claim at the same time never get the same message, and together get all."""
        other = await self.another()
        runners = [(self.spool, self.runner), (other, await other.enlist(60))]
        new = [message(f"d{number % 7}.test", lane=number % 3) for number in range(120)]
        await gatherResults([Deferred.fromCoroutine(self.spool.add(one)) for one in new])
        found: list[str] = []
        for _ in range(40):
            answers = await gatherResults(
                [
                    Deferred.fromCoroutine(spool.claim(runner, ClaimRequest("normal", 5)))
                    for spool, runner in runners * 2
                ]
            )
            found += [queue_id for claims in answers for queue_id in ids(claims)]
        self.assertEqual(sorted(found), sorted(one.message.queue_id for one in new))
