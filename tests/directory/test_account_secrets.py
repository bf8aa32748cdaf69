"""Which of an account's passwords a login is by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.account_secrets import Match, Secrets, match, secrets_of
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.entries import Put, account_key
from mailframe.directory.hashing import HashingThreads
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.directory.passwords import BadHash
from mailframe.directory.strangers import SAMPLE, Strangers
from mailframe.directory.values import Account, AppPassword, Credential, Credentials, Identity
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError

from .test_authenticator import Threads

ALICE = "alice@example.test"
PHONE = AppPassword("p1", "Telephone", "{PLAIN}phone", ("imap", "smtp"))
SCRIPT = AppPassword("s1", "Script", "{PLAIN}script", expires=1000)


class MatchTests(SynchronousTestCase):
    """Without a directory."""

    credential = Credential(Account(ALICE), "{PLAIN}own", (), (PHONE, SCRIPT))

    def test_scopes_and_expiry(self) -> None:
        """An app password is good for its protocols, until it expires."""
        self.assertEqual((("p1", "{PLAIN}phone"), ("s1", "{PLAIN}script")), self.apps("imap", 999))
        self.assertEqual((("s1", "{PLAIN}script"),), self.apps("pop3", 999))
        self.assertEqual((), self.apps("pop3", 1000))

    def test_match(self) -> None:
        """The one that it was is named; with none of one's own, only app passwords let in."""
        secrets = secrets_of(self.credential, "imap", 0)
        self.assertEqual(Match(True), match(b"own", secrets))
        self.assertEqual(Match(True, "p1"), match(b"phone", secrets))
        self.assertEqual(Match(False), match(b"other", secrets))
        self.assertEqual(Match(False), match(b"", Secrets("", secrets.apps)))
        self.assertEqual(Match(True, "s1"), match(b"script", Secrets("", secrets.apps)))

    def test_unreadable(self) -> None:
        """An app password that cannot be read fits nothing; one's own is an error."""
        broken = Secrets("{PLAIN}own", (("x", "{SHA256}zz"), ("y", "nothing")))
        self.assertEqual(Match(True), match(b"own", broken))
        self.assertRaises(BadHash, match, b"own", Secrets("{SHA256}zz"))

    def test_no_secrets_shown(self) -> None:
        """What is written of them has no secrets."""
        self.assertNotIn("phone", repr(secrets_of(self.credential, "imap", 0)))
        self.assertNotIn("{PLAIN}", repr(self.credential) + repr(PHONE))

    def apps(self, protocol: str, now: float) -> Any:
        return secrets_of(self.credential, protocol, now).apps


class StrangersTests(SynchronousTestCase):
    """What unknown users are checked against."""

    def test_mixture(self) -> None:
        """Strangers fall on the hashes of the accounts that came by, each on the same one each time."""
        strangers = Strangers(b"key")
        strangers.begin("first")
        self.assertEqual("first", strangers.hash_for("x"))
        for number in range(SAMPLE):
            strangers.saw(Credential(Account(f"a{number}"), "slow" if number % 4 else "fast"))
        counted = Counter(strangers.hash_for(f"name{number}") for number in range(4000))
        self.assertTrue(600 < counted["fast"] < 1400, counted)
        self.assertEqual(strangers.hash_for("name1"), strangers.hash_for("name1"))

    def test_bounded(self) -> None:
        """Only the last accounts are remembered, and their newest hash."""
        strangers = Strangers(b"key")
        for number in range(10 * SAMPLE):
            strangers.saw(Credential(Account(f"a{number}"), "old"))
        for number in range(9 * SAMPLE, 10 * SAMPLE):
            strangers.saw(Credential(Account(f"a{number}"), "new"))
        self.assertEqual({"new"}, {strangers.hash_for(str(number)) for number in range(1000)})


class LoginTests(SynchronousTestCase):
    """Logins by app passwords."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = MemoryDirectory(["example.test"], {ALICE: "{PLAIN}own"})
        self.directory.change_account(ALICE, lambda found: replace(found, app_passwords=(PHONE, SCRIPT)))
        self.authenticator = PasswordAuthenticator(
            self.directory, self.clock, PasswordOptions(), cast(HashingThreads, Threads())
        )
        self.successResultOf(Deferred.fromCoroutine(self.authenticator.start()))

    def ask(self, password: bytes, protocol: str = "imap") -> Deferred[Identity]:
        credentials = Credentials(ALICE, password, "", "192.0.2.1", protocol)
        return Deferred.fromCoroutine(self.authenticator.authenticate(credentials))

    def right(self, password: bytes, protocol: str = "imap") -> None:
        self.assertEqual(ALICE, self.successResultOf(self.ask(password, protocol)).account.name)

    def wrong(self, password: bytes, protocol: str = "imap") -> None:
        refusal = self.failureResultOf(self.ask(password, protocol), MailframeError).value
        self.assertEqual(CREDENTIALS_INVALID, refusal.status)

    def test_scopes(self) -> None:
        """One is good for its protocols only, also when it was right a moment ago."""
        self.right(b"phone")
        self.wrong(b"phone", "pop3")
        self.right(b"script", "pop3")
        self.right(b"own", "pop3")

    def test_expires(self) -> None:
        """It is good until it expires, even where it is remembered."""
        self.right(b"script")
        self.clock.advance(990)
        self.right(b"script")
        self.clock.advance(10)
        self.wrong(b"script")

    def test_taken_back(self) -> None:
        """What was taken back lets nobody in from then on, and the others go on."""
        self.right(b"phone")
        self.directory.change_account(ALICE, lambda found: replace(found, app_passwords=(SCRIPT,)))
        self.wrong(b"phone")
        self.right(b"script")

    def test_account_without_a_password(self) -> None:
        """Who has app passwords only logs in by those."""
        found = self.directory.entry(account_key(ALICE))
        assert isinstance(found, Credential)
        self.directory.apply([Put(replace(found, password_hash=""))], "test")
        self.right(b"phone")
        self.wrong(b"own")
        self.wrong(b"")

    def test_log(self) -> None:
        """The log says which one it was, and never the password."""
        with capturedLogs() as events:
            self.right(b"phone")
        (event,) = [event for event in events if "app_password" in event]
        self.assertEqual("p1", event["app_password"])
        self.assertNotIn("phone", repr(event))
