"""Tests of `mailframe.dns.cache`."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.dns.cache import FAILURES_LIMIT, Cache, octets_of
from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.values import Answer, Found, MXRecord, RecordType
from mailframe.dns.wire import Question

QUESTIONS = [Question(f"{letter}.test", RecordType.TXT) for letter in "abcdefgh"]
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(QUESTIONS), st.integers(0, 20), st.integers(0, 3000)),
    st.tuples(st.just("get"), st.sampled_from(QUESTIONS), st.just(0), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from(QUESTIONS), st.integers(1, 10), st.just(0)),
)


def answer_to(question: Question, until: float, size: int = 10) -> Answer:
    """An answer."""
    return Answer(question.name, question.kind, Found.RECORDS, (b"x" * size,), question.name, expires=until)


class CacheTests(TestCase):
    """What is remembered."""

    @given(st.lists(STEPS, max_size=60), st.sampled_from((0, 3000, 9000, 10**6)))
    @settings(deadline=None)
    def test_model(self, steps: list[tuple[str, Question, int, int]], size: int) -> None:
        """Whatever comes, an answer that is given is the last that was put and still good, and the size is kept."""
        clock, put = Clock(), {}
        cache = Cache(clock.seconds, size)
        for what, question, seconds, octets in steps:
            if what == "wait":
                clock.advance(seconds)
            elif what == "put":
                put[question] = answer_to(question, clock.seconds() + seconds, octets)
                cache.put(question, put[question])
            else:
                found = cache.get(question)
                if found is not None:
                    self.assertIs(put[question], found)
                    self.assertGreater(found.expires, clock.seconds())
                elif size == 10**6:
                    self.assertTrue(question not in put or put[question].expires <= clock.seconds())
            self.assertLessEqual(cache.octets, size)
        cache.clear()
        self.assertEqual((0, 0), (cache.octets, len(cache)))

    def test_least_recent(self) -> None:
        """Where room is wanted, what nobody asked for longest goes first."""
        one = octets_of(answer_to(QUESTIONS[0], 9.0))
        cache = Cache(Clock().seconds, one * 5)
        for question in QUESTIONS[:5]:
            cache.put(question, answer_to(question, 9.0))
        cache.get(QUESTIONS[0])
        cache.put(QUESTIONS[5], answer_to(QUESTIONS[5], 9.0))
        kept = [question.name for question in QUESTIONS if cache.get(question) is not None]
        self.assertEqual(["a.test", "c.test", "d.test", "e.test", "f.test"], kept)

    def test_failures_bounded(self) -> None:
        """Failures are remembered for their time, and only so many."""
        clock = Clock()
        cache = Cache(clock.seconds, 10**6)
        for number in range(FAILURES_LIMIT + 10):
            cache.put_failure(Question(f"{number}.test", RecordType.A), LookupFailed("no", True), 5.0)
        self.assertIsNone(cache.get(Question("5.test", RecordType.A)))
        last = Question(f"{FAILURES_LIMIT}.test", RecordType.A)
        self.assertTrue(self.assertRaises(LookupFailed, cache.get, last).servfail)
        clock.advance(6.0)
        self.assertIsNone(cache.get(last))

    def test_reckoning(self) -> None:
        """What is reckoned is what the memory really holds, more or less: Python has some of it over from before."""
        cache = Cache(Clock().seconds, 10**9)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            name = f"domain{number}.example.test"
            records = tuple(MXRecord(each, f"mx{each}.domain{number}.example.test") for each in range(3))
            cache.put(
                Question(name, RecordType.MX),
                Answer(name, RecordType.MX, Found.RECORDS, records, name, expires=9.0),
            )
        used = tracemalloc.get_traced_memory()[0] - before
        self.assertTrue(0.5 < cache.octets / used < 3.0, (cache.octets, used))
