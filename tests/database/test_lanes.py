"""Threads that do work in groups."""

from __future__ import annotations

import threading

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.database.lanes import DirectLane, Lane, each
from mailframe.message.status import UNAVAILABLE, MailframeError


class LaneTests(TestCase):
    """A lane groups what waits, is bounded, and answers in the reactor's thread."""

    timeout = 20

    def setUp(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.threads: set[int] = set()
        self.finished = 0

    def lane(self, **arguments) -> Lane[int, int]:
        def finish() -> None:
            self.finished += 1

        lane: Lane[int, int] = Lane(reactor, self.perform, "test lane", finish=finish, **arguments)
        self.addCleanup(lane.stop)
        self.addCleanup(self.gate.set)
        return lane

    def perform(self, units: list[int]) -> list[int | Failure]:
        self.threads.add(threading.get_ident())
        self.gate.wait(10)
        self.groups.append(units)
        return [Failure(KeyError(unit)) if unit < 0 else unit * 2 for unit in units]

    async def test_answers(self) -> None:
        """Each unit gets its own answer, in another thread than the reactor's."""
        self.gate.set()
        lane = self.lane()
        answers = [lane.submit(number) for number in range(10)]
        self.assertEqual(await gatherResults(answers), [number * 2 for number in range(10)])
        self.assertNotIn(threading.get_ident(), self.threads)
        self.assertEqual(lane.waiting, 0)

    async def test_group_while_busy(self) -> None:
        """What comes while a group is done becomes the next group, up to its limit."""
        lane = self.lane(group_limit=4)
        first = lane.submit(0)
        while not self.threads:
            pass
        rest = [lane.submit(number) for number in range(1, 8)]
        self.gate.set()
        await gatherResults([first, *rest])
        self.assertEqual([len(group) for group in self.groups], [1, 4, 3])

    async def idle_lane(self, linger: float) -> Lane[int, int]:
        """One that did three units together and sleeps."""
        self.gate.set()
        lane = self.lane(linger=linger)
        await lane.submit(0)
        await self.asleep(lane)
        lane._company = 3
        return lane

    async def asleep(self, lane: Lane[int, int]) -> None:
        """Wait until its thread does."""
        while not lane._asleep:
            await deferLater(reactor, 0.001)

    async def test_company(self) -> None:
        """An idle lane waits for as many as came the last time, and not a moment longer."""
        lane = await self.idle_lane(15.0)
        for number in range(2):
            await self.asleep(lane)
            first = lane.submit(number)
            await deferLater(reactor, 0.02)
            self.assertFalse(first.called)
            await gatherResults([first, lane.submit(10), lane.submit(11)])
        self.assertEqual([len(group) for group in self.groups[-2:]], [3, 3])

    async def test_no_company(self) -> None:
        """Where fewer come, they wait a moment only, and the next time they do not."""
        lane = await self.idle_lane(0.05)
        began = reactor.seconds()
        await lane.submit(1)
        self.assertGreater(reactor.seconds() - began, 0.04)
        await self.asleep(lane)
        lane._linger = 15.0
        await lane.submit(2)

    async def test_stop_while_waiting_for_company(self) -> None:
        """A lane that stops does what it has."""
        lane = await self.idle_lane(15.0)
        answer = lane.submit(1)
        await deferLater(reactor, 0.02)
        await lane.stop()
        self.assertEqual(await answer, 2)

    async def test_hammered(self) -> None:
        """However work and moments fall together, all of it is done, and the thread lives on."""
        self.gate.set()
        lane = self.lane(linger=0.0002)
        for number in range(300):
            count = number % 5 + 1
            answers = [lane.submit(unit) for unit in range(count)]
            await deferLater(reactor, 0.0001 * (number % 4))
            answers.append(lane.submit(100))
            await gatherResults(answers)
        self.assertEqual(len(self.threads), 1)

    async def test_failure_of_one(self) -> None:
        """One failed unit does not touch the others."""
        self.gate.set()
        lane = self.lane()
        good, bad = lane.submit(1), lane.submit(-1)
        self.assertEqual(await good, 2)
        with self.assertRaises(KeyError):
            await bad

    async def test_fault_of_all(self) -> None:
        """When the work itself breaks, every unit is told and the lane goes on."""

        def broken(units: list[int]) -> list[int | Failure]:
            if 13 in units:
                raise ValueError("broken")
            return [] if 14 in units else list(units)

        lane: Lane[int, int] = Lane(reactor, broken, "test lane")
        self.addCleanup(lane.stop)
        for number in (13, 14):
            with self.assertRaises(ValueError):
                await lane.submit(number)
        self.assertEqual(await lane.submit(1), 1)

    async def test_too_much_waits(self) -> None:
        """Past its bound a lane says «not right now» instead of growing."""
        lane = self.lane(waiting_limit=3)
        waiting = [lane.submit(number) for number in range(3)]
        error = self.failureResultOf(lane.submit(4), MailframeError).value
        self.assertIs(error.status, UNAVAILABLE)
        self.gate.set()
        await gatherResults(waiting)
        self.assertEqual(await lane.submit(4), 8)

    async def test_cancelled(self) -> None:
        """Giving up an answer leaves the work and the lane whole."""
        lane = self.lane()
        answer = lane.submit(1)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.gate.set()
        self.assertEqual(await lane.submit(2), 4)
        self.assertIn(1, [unit for group in self.groups for unit in group])

    async def test_stop(self) -> None:
        """Stopping finishes what waits, refuses what comes, and may be asked twice."""
        lane = self.lane()
        answer = lane.submit(1)
        stopping = [lane.stop(), lane.stop()]
        self.failureResultOf(lane.submit(2), MailframeError)
        self.gate.set()
        self.assertEqual(await answer, 2)
        await gatherResults(stopping)
        self.assertEqual(self.finished, 1)
        await lane.stop()

    async def test_stop_unused(self) -> None:
        """A lane that never worked has no thread to end."""
        lane = self.lane()
        self.successResultOf(lane.stop())


class DirectLaneTests(SynchronousTestCase):
    """A lane without a thread."""

    def test_works_at_once(self) -> None:
        """The answer is there when `submit` returns."""
        lane = DirectLane(each)
        self.assertEqual(self.successResultOf(lane.submit(lambda: 5)), 5)
        self.failureResultOf(lane.submit(lambda: {}["x"]), KeyError)
        self.successResultOf(lane.stop())
        self.failureResultOf(lane.submit(lambda: 5), MailframeError)

    def test_fault_of_all(self) -> None:
        """What the work raises goes to the caller's Deferred."""

        def broken(units: list[int]) -> list[int]:
            raise ValueError

        self.failureResultOf(DirectLane(broken).submit(1), ValueError)
