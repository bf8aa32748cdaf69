"""One worker goes through all accounts, and tells owners what will go."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.roles.retaining import FIRST, Rounds
from mailframe.store.maildrop.expiring import Round
from mailframe.store.retention_options import RetentionOptions

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@example.test"


class Store:
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.visited: list[tuple[str, float]] = []
        self.letters: dict[str, bytes] = {}
        self.noted: list[tuple[str, float]] = []
        self.away: set[str] = set()
        self.gate: Deferred[None] | None = None

    async def accounts(self):
        if "all" in self.away:
            raise MailframeError(UNAVAILABLE)
        return [ALICE, BOB, CAROL]

    async def expire(self, account: str, now: float) -> Round:
        self.visited.append((account, now))
        if account in self.away:
            raise MailframeError(UNAVAILABLE)
        if self.gate is not None:
            await self.gate
        return Round(removed=1, to_tell=(3, 1_700_000_000.0) if account == BOB else None)

    async def put(self, account: str, octets: bytes) -> None:
        if "full" in self.away:
            raise MailframeError(UNAVAILABLE)
        if "broken" in self.away:
            raise RuntimeError("a bug")
        self.letters[account] = octets

    async def told(self, account: str, now: float) -> None:
        self.noted.append((account, now))


class RoundsTests(SynchronousTestCase):
    """Rounds every hour."""

    def setUp(self) -> None:
        self.store, self.clock = Store(), Clock()
        self.rounds = Rounds(self.store, RetentionOptions(every=3600.0), "mail.example.test", self.clock)
        self.successResultOf(Deferred.fromCoroutine(self.rounds.start()))

    def accounts(self) -> list[str]:
        return [account for account, _ in self.store.visited]

    def test_every_hour(self) -> None:
        """All accounts are gone through a minute after the start, and then each hour."""
        self.clock.advance(FIRST)
        self.assertEqual(self.store.visited, [(name, FIRST) for name in (ALICE, BOB, CAROL)])
        self.clock.advance(3600)
        self.assertEqual(self.accounts(), [ALICE, BOB, CAROL] * 2)

    def test_owner_is_told(self) -> None:
        """Who has old unread mail is told how much, and when it will go."""
        self.clock.advance(FIRST)
        self.assertEqual(list(self.store.letters), [BOB])
        self.assertIn(b"There are 3 messages", self.store.letters[BOB])
        self.assertIn(b"removed on Tue, 14 Nov 2023,", self.store.letters[BOB])

    def test_faults(self) -> None:
        """One account that cannot be reached does not keep others waiting, and a store that is away is tried again."""
        self.store.away = {ALICE}
        self.clock.advance(FIRST)
        self.assertEqual(self.accounts(), [ALICE, BOB, CAROL])
        self.store.away = {"all"}
        self.clock.advance(3600)
        self.store.away = set()
        self.clock.advance(3600)
        self.assertEqual(self.accounts(), [ALICE, BOB, CAROL] * 2)

    def test_noted_when_told(self) -> None:
        """That an owner was told is noted afterwards, and only where it could be done."""
        self.store.away = {"full"}
        self.clock.advance(FIRST)
        self.assertEqual(self.store.noted, [])
        self.store.away = set()
        self.clock.advance(3600)
        self.assertEqual(self.store.noted, [(BOB, FIRST + 3600)])

    def test_fault_of_our_own(self) -> None:
        """A fault in one account's round does not keep the accounts behind it waiting."""
        self.store.away = {"broken"}
        self.clock.advance(FIRST)
        self.assertEqual(self.accounts(), [ALICE, BOB, CAROL])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_stop(self) -> None:
        """A stop waits for the account under way, and goes no further."""
        self.store.gate = Deferred()
        self.clock.advance(FIRST)
        stopped = Deferred.fromCoroutine(self.rounds.stop())
        self.assertNoResult(stopped)
        self.store.gate.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.accounts(), [ALICE])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_before_the_first(self) -> None:
        """A stop before the first round leaves nothing behind."""
        self.successResultOf(Deferred.fromCoroutine(self.rounds.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
