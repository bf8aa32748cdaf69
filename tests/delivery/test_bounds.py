"""What hostile zones may make us look at, and remember."""

from __future__ import annotations

import random
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.exchangers import EXCHANGERS_LIMIT, Exchanger, Exchangers
from mailframe.delivery.ourselves import nobody
from mailframe.delivery.protection.mta_sts import source
from mailframe.delivery.protection.mta_sts.cache import MemoryPolicyCache
from mailframe.delivery.protection.mta_sts.interfaces import FetchFailed, IPolicyFetcher
from mailframe.delivery.protection.mta_sts.policy import STSPolicy
from mailframe.delivery.reaching import KEPT, Memory, Reach
from mailframe.delivery.remote_options import RemoteOptions
from mailframe.delivery.shaping import Shape
from mailframe.dns.values import RecordType
from mailframe.testing.dns import FakeResolver

from .protection.zone import Zone


class Refusing:
    """Reads no policy."""

    async def fetch(self, domain: str) -> STSPolicy:
        """As `IPolicyFetcher.fetch`."""
        raise FetchFailed("no")


class BoundsTests(SynchronousTestCase):
    """A bound on each thing of which a stranger says how many there are."""

    def test_exchangers(self) -> None:
        """Of ten thousand hosts the best hundred are known."""
        names = FakeResolver(reactor=Clock())  # type: ignore[arg-type]
        hosts = [(number % 500, f"mx{number}.evil.test") for number in range(10_000)]
        names.zones.mx("evil.test", *hosts)
        finder = Exchangers(names, chance=random.Random(1))
        found = self.successResultOf(Deferred.fromCoroutine(finder.find("evil.test")))
        self.assertEqual(len(found), EXCHANGERS_LIMIT)
        self.assertEqual({each.preference for each in found}, set(range(5)))

    def test_addresses(self) -> None:
        """Addresses of a few sites are kept for a moment, however many domains there are."""
        clock = Clock()
        names = FakeResolver(reactor=clock)  # type: ignore[arg-type]
        reach = Reach(names, RemoteOptions(), Memory(clock.seconds, 1.0), nobody, clock.seconds)
        for number in range(KEPT + 50):
            name = f"mx{number}.evil.test"
            names.zones.host(name, "192.0.2.1")
            self.successResultOf(Deferred.fromCoroutine(reach.hosts([Exchanger(name)], Shape())))
        self.assertLessEqual(len(reach._kept), KEPT)

    def test_policies(self) -> None:
        """Policies that cannot be read are remembered for a while, those of the last domains only."""
        self.patch(source, "FAILED_LIMIT", 10)
        zone = Zone()
        sts = source.MTASTS(zone, cast(IPolicyFetcher, Refusing()), MemoryPolicyCache(), lambda: 0.0)
        for number in range(50):
            zone.put(f"_mta-sts.{number}.test", RecordType.TXT, b"v=STSv1; id=1;")
            self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(sts.policy(f"{number}.test"))))
        self.assertEqual(len(sts._failed), 10)
