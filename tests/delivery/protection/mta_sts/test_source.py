"""Which policy a domain has at a moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.delivery.protection.mta_sts.cache import MemoryPolicyCache
from mailframe.delivery.protection.mta_sts.interfaces import FetchFailed, IPolicyFetcher
from mailframe.delivery.protection.mta_sts.policy import STSPolicy, parse_policy
from mailframe.delivery.protection.mta_sts.source import MTASTS
from mailframe.dns.values import RecordType
from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.tls.errors import Result
from tests.delivery.protection.zone import Told, Zone

from .test_policy import TEXT

NAME = "_mta-sts.example.test"
WEEK = 604800


@implementer(IPolicyFetcher)
class Fetcher:
    """Gives what it is told to, after as long as it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.outcome: STSPolicy | Exception = parse_policy(TEXT)
        self.wait: Deferred[None] | None = None

    async def fetch(self, domain: str) -> STSPolicy:
        self.asked.append(domain)
        if self.wait is not None:
            await self.wait
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class FullDisk(MemoryPolicyCache):
    """Keeps nothing."""

    async def put(self, kept: object, now: float) -> None:
        raise MailframeError(UNAVAILABLE, "the disk is full")


class MTASTSTests(SynchronousTestCase):
    """Policies are kept as long as they say, whatever an attacker takes away meanwhile."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.zone, self.fetcher, self.told = Zone(), Fetcher(), Told()
        self.zone.put(NAME, RecordType.TXT, b"v=STSv1; id=1;")
        self.sts = self.source(MemoryPolicyCache())

    def source(self, cache: MemoryPolicyCache) -> MTASTS:
        return MTASTS(self.zone, self.fetcher, cache, self.clock.seconds, reports=self.told)

    def policy(self, sts: MTASTS | None = None) -> STSPolicy | None:
        return self.successResultOf(Deferred.fromCoroutine((sts or self.sts).policy("example.test")))

    def test_read_once(self) -> None:
        """A policy is read once and then kept."""
        self.assertEqual(parse_policy(TEXT), self.policy())
        self.assertEqual(parse_policy(TEXT), self.policy())
        self.assertEqual(["example.test"], self.fetcher.asked)

    def test_no_record(self) -> None:
        """Without a record nothing is read."""
        self.zone.forget(NAME, RecordType.TXT)
        self.assertIsNone(self.policy())
        self.assertEqual([], self.fetcher.asked)

    def test_new_id(self) -> None:
        """A new id in the record means a new policy."""
        self.policy()
        self.zone.put(NAME, RecordType.TXT, b"v=STSv1; id=2;")
        self.fetcher.outcome = parse_policy(TEXT.replace(b"enforce", b"testing"))
        self.assertEqual("testing", self.policy().mode.value)

    def test_taken_away(self) -> None:
        """A kept policy counts although the record is gone, the DNS fails, or the new one cannot be read."""
        self.policy()
        self.zone.forget(NAME, RecordType.TXT)
        self.assertIsNotNone(self.policy())
        self.zone.fail(NAME, RecordType.TXT)
        self.assertIsNotNone(self.policy())
        self.zone.put(NAME, RecordType.TXT, b"v=STSv1; id=2;")
        self.fetcher.outcome = FetchFailed("no answer")
        self.assertIsNotNone(self.policy())

    def test_ends(self) -> None:
        """A policy that has ended does not count any more."""
        self.policy()
        self.zone.forget(NAME, RecordType.TXT)
        self.clock.advance(WEEK - 1)
        self.assertIsNotNone(self.policy())
        self.clock.advance(1)
        self.assertIsNone(self.policy())

    def test_failure(self) -> None:
        """A policy that cannot be read is told to reports, and asked for again after five minutes."""
        self.fetcher.outcome = FetchFailed("no answer", Result.STS_WEBPKI_INVALID)
        self.assertIsNone(self.policy())
        self.assertIsNone(self.policy())
        self.assertEqual(["sts-webpki-invalid"], self.told.results)
        self.assertEqual(1, len(self.fetcher.asked))
        self.clock.advance(301)
        self.fetcher.outcome = parse_policy(TEXT)
        self.assertIsNotNone(self.policy())

    def test_fault_of_ours(self) -> None:
        """A fault in the program is as a policy that cannot be read: mail goes on."""
        self.fetcher.outcome = ZeroDivisionError("a fault")
        self.assertIsNone(self.policy())
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_disk_full(self) -> None:
        """A policy that cannot be kept counts all the same."""
        self.assertIsNotNone(self.policy(self.source(FullDisk())))

    def test_single_flight(self) -> None:
        """Many messages to one domain read its policy once."""
        self.fetcher.wait = Deferred()
        asking = [Deferred.fromCoroutine(self.sts.policy("example.test")) for _ in range(5)]
        self.fetcher.wait.callback(None)
        for one in asking:
            self.assertIsNotNone(self.successResultOf(one))
        self.assertEqual(1, len(self.fetcher.asked))

    def test_cancelled(self) -> None:
        """When the message that began to read a policy is given up, the others get the policy all the same."""
        self.fetcher.wait = Deferred()
        first, second = (Deferred.fromCoroutine(self.sts.policy("example.test")) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.fetcher.wait.callback(None)
        self.assertIsNotNone(self.successResultOf(second))

    def test_refresh(self) -> None:
        """A kept policy is read anew after a day though its id is the same, and so lives on."""
        self.policy()
        self.clock.advance(86401)
        self.assertEqual(1, self.successResultOf(Deferred.fromCoroutine(self.sts.refresh())))
        self.clock.advance(WEEK - 10)
        self.zone.forget(NAME, RecordType.TXT)
        self.assertIsNotNone(self.policy())

    def test_impossible_name(self) -> None:
        """A domain too long for the record's name has no policy."""
        name = ".".join(["a" * 60] * 4) + ".test"
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(self.sts.policy(name))))


EVENTS = st.sampled_from(["new id", "no record", "no answer", "no policy", "all well"]) | st.integers(
    0, WEEK // 2
)


class AttackerTests(SynchronousTestCase):
    """Whoever can take away answers cannot take away a policy."""

    @given(st.lists(EVENTS, max_size=30))
    def test_kept(self, events: list[str | int]) -> None:
        """From a successful reading until its end a policy counts, and no longer, whatever happens in between."""
        clock, zone, fetcher = Clock(), Zone(), Fetcher()
        sts = MTASTS(zone, fetcher, MemoryPolicyCache(), clock.seconds)
        good, number, until = fetcher.outcome, 1, 0.0
        zone.put(NAME, RecordType.TXT, b"v=STSv1; id=1;")
        for event in events:
            if isinstance(event, int):
                clock.advance(event)
            elif event == "no record":
                zone.forget(NAME, RecordType.TXT)
            elif event == "no answer":
                zone.fail(NAME, RecordType.TXT)
            elif event == "no policy":
                fetcher.outcome = FetchFailed("no answer")
            else:
                number += event == "new id"
                fetcher.outcome = good if event == "all well" else fetcher.outcome
                zone.put(NAME, RecordType.TXT, b"v=STSv1; id=%d;" % number)
            asked = len(fetcher.asked)
            found = self.successResultOf(Deferred.fromCoroutine(sts.policy("example.test")))
            if len(fetcher.asked) > asked and fetcher.outcome is good:
                until = clock.seconds() + WEEK
            self.assertEqual(clock.seconds() < until, found is not None, event)
