"""Old hashes are replaced when their owner comes by."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.hashing import HashingThreads
from mailframe.directory.options import PasswordOptions
from mailframe.directory.passwords import make_hash, scheme_of
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.directory.values import Credentials
from mailframe.message.status import UNAVAILABLE, MailframeError

from .test_authenticator import Threads

ALICE = "alice@example.test"


class BetterHashTests(SynchronousTestCase):
    """With a directory in a file."""

    def setUp(self) -> None:
        self.directory = SQLiteDirectory(self.mktemp(), None)
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.directory.stop())))
        self.directory.add_domain("example.test")
        self.threads = Threads()

    def login(self, password: bytes = b"right", **options: Any) -> None:
        authenticator = PasswordAuthenticator(
            self.directory, Clock(), PasswordOptions(**options), cast(HashingThreads, self.threads)
        )
        self.successResultOf(Deferred.fromCoroutine(authenticator.start()))
        credentials = Credentials(ALICE, password, "", "192.0.2.1", "imap")
        asked = Deferred.fromCoroutine(authenticator.authenticate(credentials))
        asked.addErrback(lambda failure: failure.trap(MailframeError))
        self.successResultOf(asked)

    def kept(self) -> str:
        found = self.successResultOf(Deferred.fromCoroutine(self.directory.credential(ALICE)))
        assert found is not None
        return found.password_hash

    def test_old(self) -> None:
        """A hash of an old scheme is one of the best after the login, of the same password; history tells."""
        self.directory.add_account(ALICE, make_hash("right", "SSHA256"), keys=())
        self.login(b"wrong")
        self.assertEqual("SSHA256", scheme_of(self.kept()))
        with capturedLogs() as events:
            self.login()
        self.assertEqual("ARGON2ID", scheme_of(self.kept()))
        self.assertIn(
            "the password of {account} is kept as {scheme} now", [e.get("log_format") for e in events]
        )
        self.login()
        change = self.directory.history()[-1]
        self.assertEqual((f"login:{ALICE}", "password"), (change.actor, change.what))
        before = self.kept()
        self.login()
        self.assertEqual(before, self.kept())

    def test_crypt(self) -> None:
        """A CRYPT hash counts as what it is."""
        self.directory.add_account(ALICE, "{CRYPT}" + make_hash("right", "MD5-CRYPT").partition("}")[2])
        self.login()
        self.assertEqual("ARGON2ID", scheme_of(self.kept()))

    def test_left_alone(self) -> None:
        """Good ones, those in clear, and those that the administrator wants are left alone."""
        for stored in (make_hash("right", "SCRYPT"), "{PLAIN}right"):
            self.directory.add_account(ALICE, stored)
            self.login()
            self.assertEqual(stored, self.kept())
            self.directory.remove_account(ALICE)
        stored = make_hash("right", "SSHA256")
        self.directory.add_account(ALICE, stored)
        self.login(rehash=())
        self.assertEqual(stored, self.kept())

    def test_changed_meanwhile(self) -> None:
        """A password that was changed while the hash was made stays the new one."""
        self.directory.add_account(ALICE, make_hash("right", "SSHA256"))
        self.assertFalse(
            self.successResultOf(
                Deferred.fromCoroutine(self.directory.keep_hash(ALICE, "{PLAIN}x", "{PLAIN}y"))
            )
        )
        self.assertEqual("SSHA256", scheme_of(self.kept()))

    def test_cannot_be_kept(self) -> None:
        """A login goes well even where the new hash cannot be kept."""
        self.directory.add_account(ALICE, make_hash("right", "SSHA256"))

        async def away(*arguments: object) -> bool:
            raise MailframeError(UNAVAILABLE, "disk full")

        self.patch(self.directory, "keep_hash", away)
        with capturedLogs() as events:
            self.login()
        self.assertIn(
            "a new hash of {account} cannot be kept: {reason}", [e.get("log_format") for e in events]
        )
