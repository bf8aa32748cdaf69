"""Checking passwords."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.directory.attempts import Recent
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.hashing import BUSY, HashingThreads
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.directory.refusals import HELD
from mailframe.directory.values import Credential, Credentials, Identity
from mailframe.message.status import CANNOT_LOOK_UP, CREDENTIALS_INVALID, UNAVAILABLE, MailframeError, Status


class Threads:
    """Hashes when told to; otherwise at once."""

    def __init__(self) -> None:
        self.running = False
        self.hold = False
        self.full = False
        self.held: list[Callable[[], None]] = []
        self.calls: list[tuple[Any, ...]] = []

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def run(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        if self.full:
            raise MailframeError(BUSY)
        self.calls.append((function.__name__, *arguments))
        answer: Deferred[Any] = Deferred()

        def do() -> None:
            try:
                answer.callback(function(*arguments))
            except Exception:
                answer.errback()

        if self.hold:
            self.held.append(do)
        else:
            do()
        return answer

    def release(self) -> None:
        held, self.held = self.held, []
        for do in held:
            do()


class RecentTests(SynchronousTestCase):
    """What is remembered of logins."""

    def test_bounded(self) -> None:
        """There is room for so many; the one unused longest is forgotten, and everything after its time."""
        recent = Recent(2)
        recent.add("a", 10.0)
        recent.add("b", 10.0)
        self.assertTrue(recent.has("a", 0.0))
        recent.add("c", 10.0)
        self.assertEqual([recent.has(key, 0.0) for key in "abc"], [True, False, True])
        self.assertFalse(recent.has("a", 10.0))


class AuthenticatorTests(SynchronousTestCase):
    """With a clock and without threads."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = MemoryDirectory(
            ["example.test"],
            {
                "alice@example.test": "{PLAIN}right",
                "bob@example.test": "{PLAIN}right",
                "odd@example.test": "{CRYPT}x",
            },
        )
        self.threads = Threads()
        self.make()

    def make(self, **options: Any) -> None:
        self.authenticator = PasswordAuthenticator(
            self.directory, self.clock, PasswordOptions(**options), cast(HashingThreads, self.threads)
        )
        self.successResultOf(Deferred.fromCoroutine(self.authenticator.start()))
        self.threads.calls.clear()

    def ask(
        self, password: bytes, name: str = "alice@example.test", peer: str = "192.0.2.1", authzid: str = ""
    ) -> Deferred[Identity]:
        credentials = Credentials(name, password, authzid, peer, "imap")
        return Deferred.fromCoroutine(self.authenticator.authenticate(credentials))

    def right(self, *arguments: Any, **named: Any) -> Identity:
        return cast(Identity, self.successResultOf(self.ask(*arguments, **named)))

    def refused(self, asked: Deferred[Identity], status: Status = CREDENTIALS_INVALID) -> None:
        self.assertEqual(status, self.failureResultOf(asked, MailframeError).value.status)

    def wrong(self, *arguments: Any, **named: Any) -> None:
        self.refused(self.ask(*arguments, **named))

    def delayed(self, asked: Deferred[Identity]) -> None:
        """It must wait; and then the client hangs up."""
        self.assertNoResult(asked)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)

    def test_interface(self) -> None:
        """It is an authenticator."""
        verifyObject(IAuthenticator, self.authenticator)

    def test_right_and_wrong(self) -> None:
        """The right password tells who it is; a wrong one tells nothing."""
        identity = self.right(b"right", "Alice@EXAMPLE.test")
        self.assertEqual("alice@example.test", identity.account.name)
        self.assertEqual("alice@example.test", identity.authcid)
        self.wrong(b"wrong")
        self.wrong(b"right", "nobody@example.test")
        self.wrong(b"right", "alice")
        self.wrong(b"")
        self.wrong(b"x" * 5000)
        self.wrong(b"right", "a" * 100_000)

    def test_unknown_users_cost_a_hash(self) -> None:
        """Time does not tell whether an account exists: its hash is of the default scheme and fits nothing."""
        self.wrong(b"right", "nobody@example.test")
        (call,) = self.threads.calls
        self.assertEqual(("match", b"right"), call[:2])
        self.assertTrue(call[2].own.startswith("{ARGON2ID}"))

    def test_unknown_users_cost_what_known_ones_do(self) -> None:
        """Where hashes cost differently, strangers are checked against somebody's, in the same mixture."""
        self.right(b"right")
        self.threads.calls.clear()
        self.wrong(b"right", "nobody@example.test")
        (call,) = self.threads.calls
        self.assertEqual("{PLAIN}right", call[2].own)

    def test_default_domain(self) -> None:
        """Where it is configured, a name without a domain gets one."""
        self.make(default_domain="example.test")
        self.assertEqual("alice@example.test", self.right(b"right", "Alice").account.name)

    def test_authzid(self) -> None:
        """One may say one's own name, and nobody may be another."""
        self.right(b"right", authzid="ALICE@example.test")
        self.wrong(b"right", authzid="bob@example.test")

    def test_disabled(self) -> None:
        """A disabled account stays out, also when its password is remembered."""
        self.right(b"right")
        self.directory.set_enabled("alice@example.test", False)
        self.wrong(b"right")

    def test_held(self) -> None:
        """Who has the right password while the mailbox is held is told to come again; others learn nothing of it."""

        def hold(found: Credential) -> Credential:
            return replace(found, account=replace(found.account, hold="moving"))

        self.directory.change_account("alice@example.test", hold)
        self.refused(self.ask(b"right"), HELD)
        self.wrong(b"other")

    def test_remembered(self) -> None:
        """A client with many connections is hashed once a minute."""
        for _ in range(5):
            self.right(b"right")
        self.assertEqual(1, len(self.threads.calls))
        self.wrong(b"wrong")
        self.clock.advance(61)
        self.right(b"right")
        self.assertEqual(3, len(self.threads.calls))

    def test_changed_password_is_not_remembered(self) -> None:
        """A new password counts at once, and the old one is wrong at once."""
        self.right(b"right")
        self.directory.set_password("alice@example.test", "{PLAIN}new")
        self.wrong(b"right")
        self.right(b"new")

    def test_same_question_at_once(self) -> None:
        """Ten connections opened at once with one password are one hash, and all get the answer."""
        self.threads.hold = True
        asked = [self.ask(b"right") for _ in range(10)]
        self.assertEqual(1, len(self.threads.calls))
        asked[3].cancel()
        self.failureResultOf(asked.pop(3), CancelledError)
        self.threads.release()
        for one in asked:
            self.assertEqual("alice@example.test", self.successResultOf(one).account.name)

    def test_delays(self) -> None:
        """After five wrong passwords the next one waits, right or wrong; a success ends that."""
        for _ in range(5):
            self.wrong(b"wrong")
        asked = self.ask(b"wrong")
        self.assertNoResult(asked)
        self.clock.advance(1.0)
        self.refused(asked)
        asked = self.ask(b"right")
        self.clock.advance(1.9)
        self.assertNoResult(asked)
        self.assertEqual(6, len(self.threads.calls))
        self.clock.advance(0.2)
        self.successResultOf(asked)
        self.right(b"right")
        self.wrong(b"wrong")

    def test_unknown_accounts_are_delayed_too(self) -> None:
        """Delays do not tell whether an account exists."""
        for _ in range(5):
            self.wrong(b"wrong", "nobody@example.test")
        asked = self.ask(b"wrong", "nobody@example.test")
        self.assertNoResult(asked)
        self.clock.advance(1.0)
        self.refused(asked)

    def test_owner_is_not_locked_out(self) -> None:
        """A stranger's guesses do not delay the owner where the owner logged in lately, nor does that help him."""
        self.right(b"right", peer="198.51.100.7")
        self.clock.advance(100)
        for _ in range(8):
            asked = self.ask(b"wrong", peer="192.0.2.1")
            self.clock.advance(15)
            self.refused(asked)
        self.right(b"right", peer="198.51.100.7")
        self.delayed(self.ask(b"wrong", peer="192.0.2.1"))
        self.clock.advance(61)
        self.delayed(self.ask(b"right", peer="203.0.113.1"))

    def test_name_made_up_for_it(self) -> None:
        """No name a stranger can say is taken for the owner in the owner's network."""
        names = ("alice@example.test 198.51.100.7/32", "198.51.100.7/32 alice@example.test")
        self.right(b"right", peer="198.51.100.7")
        self.clock.advance(100)
        for name in names * 8:
            asked = self.ask(b"wrong", name, peer="192.0.2.1")
            self.clock.advance(15)
            self.refused(asked)
        self.right(b"right", peer="198.51.100.7")

    def test_neighbour_with_an_old_password(self) -> None:
        """One telephone with an old password does not delay the others in its office."""
        self.right(b"right", "bob@example.test")
        self.clock.advance(100)
        for _ in range(40):
            asked = self.ask(b"old", "alice@example.test")
            self.clock.advance(15)
            self.refused(asked)
        self.right(b"right", "bob@example.test")
        self.delayed(self.ask(b"right", "alice@example.test"))

    def test_known_network_is_no_free_ticket(self) -> None:
        """Guesses from where the account logs in are delayed as well."""
        self.right(b"right")
        for _ in range(5):
            self.wrong(b"wrong")
        self.delayed(self.ask(b"wrong"))

    def test_network(self) -> None:
        """Guessing one password for many accounts is slowed down as well; other networks are not."""
        for number in range(20):
            self.wrong(b"wrong", f"user{number}@example.test")
        asked = self.ask(b"wrong", "user99@example.test")
        self.assertNoResult(asked)
        self.right(b"right", peer="192.0.2.2")
        self.clock.advance(1.0)
        self.refused(asked)

    def test_own_account_washes_no_network(self) -> None:
        """An attacker's login to an account of his own does not forgive his other guesses."""
        for number in range(20):
            self.wrong(b"wrong", f"user{number}@example.test")
        asked = self.ask(b"right", "bob@example.test")
        self.clock.advance(1.0)
        self.successResultOf(asked)
        self.delayed(self.ask(b"wrong", "user99@example.test"))

    def test_trusted_network(self) -> None:
        """The webmail host's many users do not delay each other; single accounts are still guarded."""
        for number in range(40):
            self.wrong(b"wrong", f"user{number}@example.test", peer="127.0.0.1")
        for _ in range(5):
            self.wrong(b"wrong", peer="127.0.0.1")
        asked = self.ask(b"wrong", peer="127.0.0.1")
        self.assertNoResult(asked)
        self.clock.advance(1.0)
        self.refused(asked)

    def test_too_many_delayed(self) -> None:
        """A flood of guesses waits in bounded memory; more are told to try again later."""
        self.make(account_attempts=0, waiting=3)
        asked = [self.ask(b"wrong%d" % number) for number in range(5)]
        for one in asked[3:]:
            self.refused(one, BUSY)
        for one in asked[:3]:
            self.delayed(one)
        self.delayed(self.ask(b"wrong"))

    def test_hanging_up_costs_a_failure(self) -> None:
        """Who hangs up while it is hashed has guessed all the same."""
        self.threads.hold = True
        for number in range(5):
            asked = self.ask(b"wrong%d" % number)
            asked.cancel()
            self.failureResultOf(asked, CancelledError)
            self.threads.release()
        self.threads.hold = False
        self.delayed(self.ask(b"wrong"))

    def test_busy(self) -> None:
        """No thread free is temporary and no failure."""
        self.threads.full = True
        for _ in range(10):
            self.refused(self.ask(b"right"), BUSY)
        self.threads.full = False
        self.right(b"right")

    def test_directory_away(self) -> None:
        """Cannot look up is temporary."""

        async def away(name: str) -> None:
            raise MailframeError(CANNOT_LOOK_UP)

        self.patch(self.directory, "credential", away)
        self.refused(self.ask(b"right"), CANNOT_LOOK_UP)

    def test_unreadable_hash(self) -> None:
        """A broken hash in the directory is our fault: temporary, and logged."""
        self.refused(self.ask(b"right", "odd@example.test"), UNAVAILABLE)
        self.assertEqual(1, len(self.flushLoggedErrors()))

    def test_not_running(self) -> None:
        """Before the start and after the stop it is temporary."""
        self.successResultOf(Deferred.fromCoroutine(self.authenticator.stop()))
        self.successResultOf(Deferred.fromCoroutine(self.authenticator.stop()))
        self.refused(self.ask(b"right"), UNAVAILABLE)

    def test_log(self) -> None:
        """A login is one line with who, from where and how it went; a failed one is its session's to tell."""
        with capturedLogs() as events:
            self.right(b"right")
            self.wrong(b"secret-guess", "evil\nname")
        (good,) = events
        self.assertEqual(
            ("success", "192.0.2.1", "alice@example.test"), (good["outcome"], good["peer"], good["login"])
        )
        self.assertNotIn("{PLAIN}", repr(events))


class RealThreadsTests(TestCase):
    """With the reactor and real hashes."""

    async def test_login(self) -> None:
        """A real password is checked in a real thread."""
        directory = MemoryDirectory(["example.test"], {"alice@example.test": "right"})
        authenticator = PasswordAuthenticator(directory, cast(Any, reactor), PasswordOptions(threads=1))
        self.addCleanup(lambda: Deferred.fromCoroutine(authenticator.stop()))
        await authenticator.start()
        identity = await authenticator.authenticate(Credentials("alice@example.test", b"right"))
        self.assertEqual("alice@example.test", identity.account.name)
        for name in ("alice@example.test", "nobody@example.test"):
            asked = Deferred.fromCoroutine(authenticator.authenticate(Credentials(name, b"wrong")))
            error = await self.assertFailure(asked, MailframeError)
            self.assertEqual(CREDENTIALS_INVALID, cast(MailframeError, error).status)
