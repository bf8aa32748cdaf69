"""Bridges to twisted.cred."""

from __future__ import annotations

from typing import Any, cast

from twisted.cred.checkers import (
    AllowAnonymousAccess,
    ICredentialsChecker,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.directory.cred import AuthenticatorChecker, CheckerAuthenticator
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.values import Credentials, Identity
from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError
from mailframe.testing.directory import FakeAuthenticator

ALICE = "alice@example.test"


class CheckerAuthenticatorTests(SynchronousTestCase):
    """Twisted's checkers for mail."""

    def setUp(self) -> None:
        checker = InMemoryUsernamePasswordDatabaseDontUse()
        checker.addUser(ALICE.encode(), b"right")
        self.checker = checker

    def ask(
        self, authenticator: CheckerAuthenticator, password: bytes = b"right", **more: str
    ) -> Deferred[Identity]:
        return Deferred.fromCoroutine(authenticator.authenticate(Credentials(ALICE, password, **more)))

    def test_right_and_wrong(self) -> None:
        """Any checker of Twisted's decides on mail logins."""
        authenticator = CheckerAuthenticator(cast(ICredentialsChecker, self.checker))
        self.assertTrue(verifyObject(IAuthenticator, authenticator))
        self.assertEqual(ALICE, self.successResultOf(self.ask(authenticator)).account.name)
        for asked in (self.ask(authenticator, b"wrong"), self.ask(authenticator, authzid="bob@example.test")):
            self.assertEqual(CREDENTIALS_INVALID, self.failureResultOf(asked, MailframeError).value.status)

    def test_with_a_directory(self) -> None:
        """With a directory a disabled or unknown account stays out, and quotas are known."""
        directory = MemoryDirectory(["example.test"], {})
        authenticator = CheckerAuthenticator(cast(ICredentialsChecker, self.checker), directory)
        self.failureResultOf(self.ask(authenticator), MailframeError)
        directory.add_account(ALICE, "{PLAIN}unused", quota=7)
        self.assertEqual(7, self.successResultOf(self.ask(authenticator)).account.quota)
        directory.set_enabled(ALICE, False)
        self.failureResultOf(self.ask(authenticator), MailframeError)

    def test_other_checkers(self) -> None:
        """A checker that takes no passwords is refused when it is given; anonymous is nobody."""
        self.assertRaises(ValueError, CheckerAuthenticator, AllowAnonymousAccess())

        @implementer(ICredentialsChecker)
        class Anonymous:
            credentialInterfaces = self.checker.credentialInterfaces

            def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
                return succeed(())

        self.failureResultOf(self.ask(CheckerAuthenticator(Anonymous())), MailframeError)


class AuthenticatorCheckerTests(SynchronousTestCase):
    """Our passwords for Twisted's servers."""

    def setUp(self) -> None:
        self.fake = FakeAuthenticator({ALICE: b"right"})
        self.checker = AuthenticatorChecker(self.fake, "web")

    def ask(self, name: bytes, password: bytes) -> Deferred[Any]:
        return self.checker.requestAvatarId(UsernamePassword(name, password))

    def test_right_and_wrong(self) -> None:
        """The avatar id is the account's name; a wrong password is an unauthorized login."""
        self.assertTrue(verifyObject(ICredentialsChecker, self.checker))
        self.assertEqual(ALICE.encode(), self.successResultOf(self.ask(ALICE.encode(), b"right")))
        self.assertEqual("web", self.fake.seen[0].protocol)
        self.failureResultOf(self.ask(ALICE.encode(), b"wrong"), UnauthorizedLogin)
        self.failureResultOf(self.ask(b"\xff", b"right"), UnauthorizedLogin)

    def test_temporary(self) -> None:
        """What cannot be checked is no wrong password."""
        self.fake.error = MailframeError(UNAVAILABLE)
        self.failureResultOf(self.ask(ALICE.encode(), b"right"), MailframeError)
