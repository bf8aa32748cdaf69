"""Connecting to whichever address answers first."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectBindError, ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.delivery.racing import Race


@implementer(IStreamClientEndpoint)
class Slow:
    """An address that answers, or refuses, after some time; None: never."""

    def __init__(self, clock: Clock, seconds: float | None, answers: bool | Exception = True) -> None:
        self.clock, self.seconds, self.answers = clock, seconds, answers
        self.began: list[float] = []
        self.given_up = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        """Begin."""
        self.began.append(self.clock.seconds())
        deferred: Deferred[Any] = Deferred(self._cancel)
        if self.seconds is not None:
            self.clock.callLater(self.seconds, self._answer, factory, deferred)
        return deferred

    def _cancel(self, deferred: Deferred[Any]) -> None:
        self.given_up += 1

    def _answer(self, factory: Any, deferred: Deferred[Any]) -> None:
        if deferred.called:
            return
        if self.answers is not True:
            deferred.errback(self.answers or ConnectionRefusedError())
            return
        protocol = factory.buildProtocol(None)
        if protocol is None:
            deferred.errback(NoProtocol())
        else:
            deferred.callback(protocol)


class RaceTests(SynchronousTestCase):
    """The order of things."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.failed: list[str] = []
        self.factory = ClientFactory.forProtocol(Protocol)

    def race(self, *kinds: tuple[float | None, bool | Exception]) -> Race:
        """One with such addresses, named by their place."""
        self.ends = [Slow(self.clock, *kind) for kind in kinds]
        addresses = [str(number) for number in range(len(kinds))]
        return Race(self.clock, addresses, lambda text: self.ends[int(text)], 0.25, self.failed.append)

    def test_own_address_missing(self) -> None:
        """An address of ours that cannot be connected from is not held against the host."""
        race = self.race((0.1, ConnectBindError()), (0.1, False))
        deferred = race.connect(self.factory)
        self.clock.pump([0.1, 0.1])
        self.failureResultOf(deferred)
        self.assertEqual(self.failed, ["1"])

    def test_interface(self) -> None:
        """It is an endpoint."""
        verifyObject(IStreamClientEndpoint, self.race((0, True)))

    def test_first(self) -> None:
        """The first that answers soon is the only one that is asked."""
        race = self.race((0.1, True), (0.1, True))
        deferred = race.connect(self.factory)
        self.clock.advance(0.1)
        self.assertIsInstance(self.successResultOf(deferred), Protocol)
        self.clock.advance(10)
        self.assertEqual((race.won, self.ends[1].began, self.failed), ("0", [], []))

    def test_silent(self) -> None:
        """One that swallows packets costs a quarter of a second."""
        race = self.race((None, True), (0.1, True))
        deferred = race.connect(self.factory)
        self.clock.pump([0.25, 0.1])
        self.successResultOf(deferred)
        self.assertEqual((race.won, self.ends[1].began, self.ends[0].given_up), ("1", [0.25], 1))

    def test_refused(self) -> None:
        """After one that refuses, the next is tried at once."""
        race = self.race((0.0, False), (0.1, True))
        race.connect(self.factory)
        self.clock.advance(0)
        self.assertEqual((self.ends[1].began, self.failed), ([0.0], ["0"]))

    def test_none(self) -> None:
        """Where none answers, the last error is told."""
        deferred = self.race((0.0, False), (0.3, False)).connect(self.factory)
        self.clock.pump([0, 0.3])
        self.failureResultOf(deferred, ConnectionRefusedError)
        self.assertEqual(self.failed, ["0", "1"])
        self.failureResultOf(self.race().connect(self.factory))

    def test_cancelled(self) -> None:
        """Who gives up has learned that those asked do not answer."""
        deferred = self.race((None, True), (None, True), (None, True)).connect(self.factory)
        self.clock.advance(0.25)
        deferred.cancel()
        self.failureResultOf(deferred, CancelledError)
        self.assertEqual(self.failed, ["0", "1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_again(self) -> None:
        """A second connection goes to the address of the first one."""
        race = self.race((None, True), (0.0, True))
        race.connect(self.factory)
        self.clock.pump([0.25, 0])
        race.connect(self.factory)
        self.assertEqual(len(self.ends[1].began), 2)
        self.assertEqual(len(self.ends[0].began), 1)

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.one_of(st.none(), st.floats(0, 3)), st.booleans()), min_size=1, max_size=6),
        st.lists(st.floats(0.01, 0.5), min_size=1, max_size=40),
    )
    def test_one_winner(self, kinds: list[tuple[float | None, bool]], steps: list[float]) -> None:
        """However addresses behave, there is one protocol at most, and nothing is left running after it."""
        self.clock, self.failed = Clock(), []
        built: list[Protocol] = []

        class Counting(ClientFactory):
            def buildProtocol(self, addr: object) -> Protocol:
                built.append(Protocol())
                return built[-1]

        results: list[object] = []
        race = self.race(*kinds)
        race.connect(Counting()).addBoth(results.append)
        self.clock.pump(steps)
        while not results and any(kind[0] is not None for kind in kinds) and self.clock.getDelayedCalls():
            self.clock.advance(0.1)
        self.assertLessEqual(len(built), 1)
        self.assertEqual(len(results) == 1 and isinstance(results[0], Protocol), bool(built))
        if any(seconds is not None and answers for seconds, answers in kinds):
            self.assertTrue(built)
        if results:
            self.assertTrue(all(len(end.began) <= 1 for end in self.ends))
