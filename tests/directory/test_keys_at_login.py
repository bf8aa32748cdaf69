"""SCRAM keys that are made when a password comes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.config.types import Secret
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.entries import account_key
from mailframe.directory.hashing import BUSY, HashingThreads
from mailframe.directory.interfaces import ICredentialSource
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.directory.passwords import make_hash
from mailframe.directory.scram_keys import keys_of, new_keys
from mailframe.directory.values import Credential, Credentials
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.sasl.scram import Keys, derive

from .test_authenticator import Threads

ALICE = "alice@example.test"
SCRAM = "SCRAM-SHA-256"
HASH = make_hash("right", "SSHA256")


@implementer(ICredentialSource)
class ReadOnly:
    """A directory that takes no keys."""

    def __init__(self, directory: MemoryDirectory) -> None:
        self.credential = directory.credential


class KeysAtLoginTests(SynchronousTestCase):
    """With a clock and without threads."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(["example.test"], {ALICE: HASH})
        self.threads = Threads()
        self.make()

    def make(self, source: Any = None, **options: Any) -> None:
        usual = {"scram": True, "scram_iterations": 5000, "salt_secret": Secret("pepper")}
        self.authenticator = PasswordAuthenticator(
            source or self.directory,
            Clock(),
            PasswordOptions(**{**usual, **options}),
            cast(HashingThreads, self.threads),
        )
        self.successResultOf(Deferred.fromCoroutine(self.authenticator.start()))

    def log_in(self, password: bytes = b"right") -> Any:
        asked = self.authenticator.authenticate(Credentials(ALICE, password, "", "192.0.2.1", "imap"))
        return self.successResultOf(Deferred.fromCoroutine(asked).addErrback(lambda failure: None))

    def credential(self) -> Credential:
        found = self.successResultOf(Deferred.fromCoroutine(self.directory.credential(ALICE)))
        assert found is not None
        return cast(Credential, found)

    def keys(self) -> Keys | None:
        return keys_of(self.credential(), SCRAM)

    def shown(self) -> Keys:
        """What a stranger is shown."""
        asked = Deferred.fromCoroutine(self.authenticator.keys(ALICE, SCRAM))
        return cast(Keys, self.successResultOf(asked))

    def test_given(self) -> None:
        """After a login by password the account can log in by SCRAM, and whoever asks sees no difference."""
        before = self.shown()
        self.assertTrue(self.log_in())
        keys = self.keys()
        self.assertEqual(keys, derive("sha256", b"right", before.salt, 5000))
        after = self.shown()
        self.assertEqual((before.salt, before.iterations), (after.salt, after.iterations))
        self.assertEqual(self.credential().password_hash, HASH)

    def test_once(self) -> None:
        """An account that has keys keeps them."""
        self.log_in()
        keys = self.credential().keys
        self.make(salt_secret=Secret("another"))
        self.threads.calls.clear()
        self.log_in()
        self.assertEqual([call[0] for call in self.threads.calls], ["match"])
        self.assertEqual(self.credential().keys, keys)

    def test_other_cost(self) -> None:
        """Keys that cost another number of iterations are made anew; those of other mechanisms stay."""
        self.directory.set_password(ALICE, HASH, new_keys("right", [SCRAM, "SCRAM-SHA-1"], 4096))
        sha_1 = keys_of(self.credential(), "SCRAM-SHA-1")
        self.log_in()
        keys = self.keys()
        assert keys is not None
        self.assertEqual(keys.iterations, 5000)
        self.assertEqual(keys_of(self.credential(), "SCRAM-SHA-1"), sha_1)
        self.assertEqual(len(self.credential().keys), 2)
        self.make(scram_sha_1=True)
        self.log_in()
        self.assertEqual({stored.partition(",")[0][-4:] for stored in self.credential().keys}, {"5000"})

    def test_not_given(self) -> None:
        """Not for a wrong password, a disabled account, a password in clear, nor where SCRAM is not wanted."""
        self.log_in(b"wrong")
        self.directory.set_enabled(ALICE, False)
        self.log_in()
        self.directory.set_enabled(ALICE, True)
        self.make(scram=False)
        self.log_in()
        self.make(ReadOnly(self.directory))
        self.assertTrue(self.log_in())
        self.make()
        self.directory.set_password(ALICE, "{PLAIN}right")
        self.log_in()
        self.assertEqual(self.credential().keys, ())

    def test_long_passwords(self) -> None:
        """What follows 72 octets need not be the password: bcrypt does not look at it."""
        password = b"x" * 72
        self.directory.set_password(ALICE, make_hash(password, "BLF-CRYPT"))
        self.assertTrue(self.log_in(password + b"anything"))
        self.assertEqual(self.credential().keys, ())
        self.assertTrue(self.log_in(password))
        self.assertEqual(len(self.credential().keys), 1)

    def test_changed_meanwhile(self) -> None:
        """Keys of an old password are not kept beside a new one."""
        self.threads.hold = True
        asked = Deferred.fromCoroutine(self.authenticator.authenticate(Credentials(ALICE, b"right")))
        self.threads.release()
        self.successResultOf(asked)
        self.directory.set_password(ALICE, make_hash("new", "SSHA256"))
        self.threads.release()
        self.assertEqual(self.threads.calls[-1][0], "make_keys")
        self.assertEqual(self.credential().keys, ())

    def test_nobody_waits(self) -> None:
        """The login is over before the keys are made, and good also when they cannot be."""
        self.threads.hold = True
        asked = Deferred.fromCoroutine(self.authenticator.authenticate(Credentials(ALICE, b"right")))
        self.threads.release()
        self.successResultOf(asked)
        self.assertEqual(len(self.threads.held), 1)
        self.assertEqual(self.credential().keys, ())
        self.threads.release()
        self.assertEqual(len(self.credential().keys), 1)

    def test_cannot_be_kept(self) -> None:
        """A directory that cannot take them now is told to the administrator, and not to the client."""

        async def broken(name: str, password_hash: str, keys: Sequence[str]) -> bool:
            raise MailframeError(CANNOT_LOOK_UP, "no disk")

        async def buggy(name: str, password_hash: str, keys: Sequence[str]) -> bool:
            raise ZeroDivisionError

        self.patch(self.directory, "keep_keys", broken)
        with capturedLogs() as events:
            self.assertTrue(self.log_in())
        (event,) = [event for event in events if event["log_level"].name == "warn"]
        self.assertEqual((event["account"], event["reason"]), (ALICE, "no disk"))
        self.patch(self.directory, "keep_keys", buggy)
        self.make()
        self.assertTrue(self.log_in())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_busy(self) -> None:
        """When the threads have enough to do, keys are made another time, and nothing is said of it."""

        def busy(*arguments: Any) -> Any:
            if arguments[0].__name__ == "make_keys":
                raise MailframeError(BUSY)
            return Threads.run(self.threads, *arguments)

        self.patch(self.threads, "run", busy)
        with capturedLogs() as events:
            self.assertTrue(self.log_in())
        self.assertEqual([event for event in events if event["log_level"].name != "info"], [])
        self.assertEqual(self.credential().keys, ())

    def test_unreadable(self) -> None:
        """Keys that cannot be read do not keep anybody from logging in by the hash beside them."""
        self.directory._kept[account_key(ALICE)] = Credential(
            self.credential().account, HASH, ("{SCRAM-SHA-256}x",)
        )
        self.assertTrue(self.log_in())
        self.assertEqual(self.credential().keys, ("{SCRAM-SHA-256}x",))
