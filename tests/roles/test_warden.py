"""Sessions of accounts that are shut end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.chain import ChainDirectory
from mailframe.directory.entries import Batch
from mailframe.directory.memory import MemoryDirectory
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.roles.interfaces import IRole
from mailframe.roles.warden import AFTERWARDS, PATIENCE, Warden

ALICE, BOB = "alice@example.test", "bob@example.test"


class FakeRole:
    """Has sessions: some end when asked, some only when they are cut."""

    def __init__(self) -> None:
        self.idle = [ALICE, ALICE, BOB]
        self.busy = [ALICE]

    def end(self, account: str, abort: bool = False) -> int:
        left = (self.idle + self.busy).count(account)
        self.idle = [one for one in self.idle if one != account]
        if abort:
            self.busy = [one for one in self.busy if one != account]
        return left


class WardenTests(SynchronousTestCase):
    """With a directory in memory."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(["example.test"], {ALICE: "{PLAIN}x", BOB: "{PLAIN}x"})
        self.clock = Clock()
        self.role = FakeRole()
        self.warden = Warden(
            cast(Any, self.directory), [cast(Any, self.directory)], [cast(IRole, self.role)], self.clock
        )
        self.successResultOf(Deferred.fromCoroutine(self.warden.start()))

    def hold(self, hold: str) -> None:
        self.directory.change_account(
            ALICE, lambda one: replace(one, account=replace(one.account, hold=hold))
        )

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.5] * int(2 * seconds))

    def test_held(self) -> None:
        """Idle sessions end within a second; the others have time to finish, and are cut then."""
        self.hold("moving to s2")
        self.pass_time(1)
        self.assertEqual(([BOB], [ALICE]), (self.role.idle, self.role.busy))
        with capturedLogs() as events:
            self.pass_time(PATIENCE)
        self.assertEqual(([BOB], []), (self.role.idle, self.role.busy))
        self.assertIn("{count} sessions of {account} were cut: it is shut", [e["log_format"] for e in events])

    def test_disabled_and_removed(self) -> None:
        """So it is with accounts that are disabled or removed."""
        self.directory.set_enabled(ALICE, False)
        self.directory.remove_account(BOB)
        self.pass_time(1)
        self.assertEqual([], self.role.idle)

    def test_chain(self) -> None:
        """Of a chain all members are watched; who is shut in one, and open in one before it, stays."""
        second = MemoryDirectory(
            ["example.test", "other.test"], {ALICE: "{PLAIN}x", "carol@other.test": "{PLAIN}x"}
        )
        chain: Any = ChainDirectory([self.directory, second])
        self.assertEqual([self.directory, second], chain.feeds)
        self.assertEqual([self.directory, second], ChainDirectory([chain]).feeds)
        self.role.idle.append("carol@other.test")
        warden = Warden(chain, chain.feeds, [cast(IRole, self.role)], self.clock)
        self.successResultOf(Deferred.fromCoroutine(self.warden.stop()))
        self.successResultOf(Deferred.fromCoroutine(warden.start()))
        second.set_enabled(ALICE, False)
        second.set_enabled("carol@other.test", False)
        self.directory.remove_account(BOB)
        self.pass_time(1)
        self.assertEqual([ALICE, ALICE], self.role.idle)

    def test_others(self) -> None:
        """Whatever else changes ends nobody's session."""
        self.directory.set_quota(ALICE, 5)
        self.directory.set_password(BOB, "{PLAIN}other")
        self.pass_time(2)
        self.assertEqual([ALICE, ALICE, BOB], self.role.idle)

    def test_latecomer(self) -> None:
        """A session that began just before, and shows up just after, ends as well."""
        self.hold("moving")
        self.pass_time(PATIENCE + 2)
        self.role.idle.append(ALICE)
        self.pass_time(1)
        self.assertEqual([BOB], self.role.idle)
        self.pass_time(AFTERWARDS)
        self.role.idle.append(ALICE)
        self.pass_time(1)
        self.assertEqual([BOB, ALICE], self.role.idle)

    def test_let_in_again(self) -> None:
        """As soon as the hold is over, sessions are left alone."""
        self.hold("moving")
        self.pass_time(1)
        self.hold("")
        self.pass_time(1)
        self.role.idle.append(ALICE)
        self.pass_time(1)
        self.assertIn(ALICE, self.role.idle)

    def test_directory_away(self) -> None:
        """While the directory cannot be asked nothing ends; it is told once, and caught up with."""

        async def away(*arguments: Any) -> Batch:
            raise MailframeError(CANNOT_LOOK_UP)

        self.patch(self.directory, "changes", away)
        with capturedLogs() as events:
            self.hold("moving")
            self.pass_time(5)
        self.assertEqual(1, len(events))
        self.assertEqual([ALICE, ALICE, BOB], self.role.idle)
        del self.directory.changes  # type: ignore[method-assign]
        self.pass_time(1)
        self.assertEqual([BOB], self.role.idle)

    def test_stop(self) -> None:
        """After the stop nobody looks any more."""
        self.successResultOf(Deferred.fromCoroutine(self.warden.stop()))
        self.hold("moving")
        self.pass_time(2)
        self.assertEqual([ALICE, ALICE, BOB], self.role.idle)
        self.assertEqual([], self.clock.getDelayedCalls())
