"""Accounts' own limits come from the directory."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.values import Account
from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.roles import quotas
from mailframe.roles.quotas import DirectoryLimits
from mailframe.store.quota import Limit

ALICE = "alice@example.test"


class Directory:
    """Knows Alice, and counts how often it is asked."""

    def __init__(self) -> None:
        self.quota, self.asked, self.away = 1000, 0, False

    async def account(self, name: str) -> Account | None:
        self.asked += 1
        if self.away:
            raise MailframeError(UNAVAILABLE)
        return Account(ALICE, quota=self.quota) if name == ALICE else None


class DirectoryLimitsTests(SynchronousTestCase):
    """What the directory says, a minute old at most."""

    def setUp(self) -> None:
        self.directory, self.clock = Directory(), Clock()
        self.limits = DirectoryLimits(self.directory, self.clock, messages=7)

    def limit(self, account: str = ALICE) -> Limit | None:
        return self.successResultOf(Deferred.fromCoroutine(self.limits(account)))

    def test_own(self) -> None:
        """An account with a quota has its own limit, others have none."""
        self.assertEqual(self.limit(), Limit(1000, 7))
        self.assertIsNone(self.limit("bob@example.test"))
        self.directory.quota = 0
        self.clock.advance(60)
        self.assertIsNone(self.limit())

    def test_remembered(self) -> None:
        """The directory is asked once a minute, and a change counts then."""
        self.limit()
        self.directory.quota = 2000
        self.assertEqual(self.limit(), Limit(1000, 7))
        self.assertEqual(self.directory.asked, 1)
        self.clock.advance(60)
        self.assertEqual(self.limit(), Limit(2000, 7))

    def test_away(self) -> None:
        """While the directory is away, what was known counts; of what was never known nobody can say."""
        self.limit()
        self.clock.advance(60)
        self.directory.away = True
        self.assertEqual(self.limit(), Limit(1000, 7))
        self.failureResultOf(Deferred.fromCoroutine(self.limits("bob@example.test")), MailframeError)

    def test_bounded(self) -> None:
        """Not more than so many are remembered."""
        self.patch(quotas, "REMEMBERED", 2)
        for name in ("a", "b", "c"):
            self.limit(name)
        self.assertEqual(len(self.limits._known), 2)
