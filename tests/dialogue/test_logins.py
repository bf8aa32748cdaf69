"""Logins on one connection."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.logins import Logins
from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError
from mailframe.sasl.mechanisms import Password
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import FixedAuthenticator, run

RIGHT, WRONG = Password("bob", b"secret"), Password("bob\r\nforged line", b"guess")


class LoginsTests(SynchronousTestCase):
    """Checked, counted and logged."""

    def make(self, peer: str = "192.0.2.1", **settings: Any) -> Logins:
        self.authenticator = FixedAuthenticator({"bob": "secret"})
        return Logins(self.authenticator, SMTPSettings(**settings), peer, "smtp", "S1")

    def test_right(self) -> None:
        """A right password gives the identity, and does not make up for wrong ones."""
        logins = self.make(login_failures_limit=2)
        for _ in range(2):
            self.assertEqual(run(logins.check(RIGHT)).account.name, "bob")
            self.assertFalse(logins.exhausted)
            self.assertEqual(
                self.assertRaises(MailframeError, run, logins.check(WRONG)).status, CREDENTIALS_INVALID
            )
        self.assertTrue(logins.exhausted)

    def test_cannot_check(self) -> None:
        """Where a password cannot be checked, nothing was guessed, and nothing is counted."""
        logins = self.make(login_failures_limit=1)
        self.authenticator.error = MailframeError(UNAVAILABLE)
        self.assertRaises(MailframeError, run, logins.check(WRONG))
        self.assertFalse(logins.exhausted)

    def test_log(self) -> None:
        """The log names who tried, from where, in which session; never the password."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.assertRaises(MailframeError, run, self.make().check(WRONG))
        (event,) = events
        self.assertEqual(
            (event["login"], event["peer"], event["session_id"]), (WRONG.authcid, "192.0.2.1", "S1")
        )
        self.assertIn("{login!r}", event["log_format"])
        self.assertNotIn("guess", repr(event))

    def test_allowed(self) -> None:
        """In clear, passwords are for this machine at most, and only where that was allowed."""
        self.assertFalse(self.make().allowed(secure=False))
        self.assertTrue(self.make().allowed(secure=True))
        self.assertTrue(self.make(require_tls_for_auth=False).allowed(secure=False))
        self.assertFalse(self.make(clear_auth_from_loopback=True).allowed(secure=False))
        self.assertTrue(self.make("::1", clear_auth_from_loopback=True).allowed(secure=False))
