"""Counts and reports in the file that workers share."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.tlsrpt.counts import ATTEMPTS_LIMIT, LEASE_SECONDS, Counts, Due
from mailframe.tlsrpt.values import Kind, end_of, kind_of

from .sessions import DANE, DATE, DAY, NONE, NOON, STS, database, session


def kind(*arguments: object, **more: object) -> Kind:
    found = kind_of(session(*arguments, **more), NOON)  # type: ignore[arg-type]
    assert found is not None
    return found


FIRST = Due(DATE, "example.test", 0)
LATE = end_of(DATE) + DAY / 2


class CountsTests(SynchronousTestCase):
    """Nothing counted is lost or told twice."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.counts = self.open()

    def open(self, **more: int) -> Counts:
        file = database(self.path)
        self.addCleanup(lambda: self.of(self.stop(file)))
        return Counts(file, **more)

    async def stop(self, file: object) -> None:
        await file.stop()  # type: ignore[attr-defined]

    def of(self, coroutine):
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def test_added(self) -> None:
        """What several workers counted is added up."""
        good, bad = kind(STS), kind(STS, "certificate-expired", address="192.0.2.1")
        self.of(self.counts.add({good: 3, bad: 1}))
        self.of(self.open().add({good: 4, kind(NONE, domain="other.test"): 9}))
        self.assertEqual({good: 7, bad: 1}, self.of(self.counts.of(FIRST)))

    @given(
        st.lists(st.tuples(st.sampled_from([STS, DANE, NONE]), st.sampled_from(["", "validation-failure"])))
    )
    @settings(max_examples=30)
    def test_model(self, noted: list[tuple[object, str]]) -> None:
        """In whatever order sessions come, the sum of each kind is right."""
        expected = Counter(kind(policy, result) for policy, result in noted)
        self.of(self.counts.done(FIRST))
        for one in noted:
            self.of(self.counts.add({kind(*one): 1}))
        self.assertEqual(dict(expected), self.of(self.counts.of(FIRST)))

    def test_taken_once(self) -> None:
        """A report is taken when its day is over, by one worker; by another when that one was killed."""
        self.of(self.counts.add({kind(STS): 1}))
        self.assertEqual([], self.of(self.counts.take(end_of(DATE), 5)))
        self.assertEqual([FIRST], self.of(self.counts.take(LATE, 5)))
        self.assertEqual([], self.of(self.open().take(LATE + 1, 5)))
        self.assertEqual([FIRST], self.of(self.open().take(LATE + LEASE_SECONDS, 5)))

    def test_spread(self) -> None:
        """Reports of one day are sent over some hours."""
        self.of(self.counts.add({kind(STS, domain=f"{number}.test"): 1 for number in range(50)}))
        moments = []
        for hour in range(1, 6):
            taken = self.of(self.counts.take(end_of(DATE) + 3600 * hour, 99))
            moments.append(len(taken))
            for due in taken:
                self.of(self.counts.done(due))
        self.assertEqual(50, sum(moments))
        self.assertTrue(all(moments[:4]), moments)

    def test_done(self) -> None:
        """What was sent is forgotten."""
        self.of(self.counts.add({kind(STS): 1}))
        self.of(self.counts.done(FIRST))
        self.assertEqual({}, self.of(self.counts.of(FIRST)))
        self.assertEqual([], self.of(self.counts.take(LATE, 5)))

    def test_failed(self) -> None:
        """What could not be sent is tried later and later, for about a day, and then given up."""
        self.of(self.counts.add({kind(STS): 1}))
        now, tries = LATE, 0
        while found := self.of(self.counts.take(now, 5)):
            tries += 1
            if not self.of(self.counts.failed(found[0], now)):
                break
            self.assertEqual([], self.of(self.counts.take(now + 599, 5)))
            now += 600 * 2 ** found[0].attempts
        self.assertEqual(ATTEMPTS_LIMIT, tries)
        self.assertTrue(16 * 3600 < now - LATE <= 24 * 3600, now - LATE)
        self.assertEqual({}, self.of(self.counts.of(FIRST)))

    def test_bounded(self) -> None:
        """A domain with very many hosts and faults keeps few rows, and no session is missing."""
        counts = self.open(rows_limit=5)
        for number in range(40):
            self.of(counts.add({kind(STS, "certificate-expired", address=f"192.0.2.{number}"): 2}))
        found = self.of(counts.of(FIRST))
        self.assertEqual((6, 80), (len(found), sum(found.values())))
