"""Refusals come at even moments, and nothing else waits."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.directory.even import EvenRefusals
from mailframe.directory.interfaces import ISASLAuthenticator
from mailframe.directory.values import Account, Credentials, Evidence, Identity
from mailframe.message.status import CREDENTIALS_INVALID, UNAVAILABLE, MailframeError
from mailframe.sasl.values import Token

ALICE = Identity(Account("alice@example.test"), "alice@example.test")
STEP = 0.25
"""Of powers of two, so that a clock in steps of them is exact."""


class Answering:
    """An authenticator whose answers are given by the test."""

    oauth_hints = b""

    def __init__(self) -> None:
        self.answer: Deferred[Any] = Deferred()

    async def _answered(self, *_arguments: object) -> Any:
        return await self.answer

    authenticate = judge = keys = _answered

    def mechanisms(self) -> list[str]:
        """What may be tried."""
        return ["PLAIN"]


class EvenTests(SynchronousTestCase):
    """Each kind of answer."""

    def setUp(self) -> None:
        """A clock that stands still."""
        self.clock = Clock()
        self.behind = Answering()
        self.even = EvenRefusals(self.behind, self.clock, STEP)

    def asked(self, what: str = "authenticate") -> Deferred[Any]:
        """A login under way."""
        arguments: dict[str, Any] = {
            "authenticate": (Credentials("alice@example.test", b"wrong"),),
            "judge": (Evidence(Token("alice@example.test", "token")),),
            "keys": ("alice@example.test", "SCRAM-SHA-256"),
        }
        return Deferred.fromCoroutine(getattr(self.even, what)(*arguments[what]))

    def test_interface(self) -> None:
        """It is an authenticator itself, and says of mechanisms what the other says."""
        self.assertTrue(verifyObject(ISASLAuthenticator, self.even))
        self.assertEqual(["PLAIN"], list(self.even.mechanisms()))

    def test_refusals(self) -> None:
        """A refusal is told at the next moment, however long it took."""
        for what in ("authenticate", "judge"):
            for spent, left in ((0.0, 0.25), (0.125, 0.125), (0.25, 0.25), (0.625, 0.125)):
                self.setUp()
                login = self.asked(what)
                self.clock.advance(spent)
                self.behind.answer.errback(MailframeError(CREDENTIALS_INVALID, "no"))
                self.clock.advance(left - 0.0625)
                self.assertNoResult(login)
                self.clock.advance(0.0625)
                self.assertEqual(
                    CREDENTIALS_INVALID, self.failureResultOf(login, MailframeError).value.status
                )

    def test_keys(self) -> None:
        """Keys come at an even moment, whether they are somebody's or nobody's."""
        question = self.asked("keys")
        self.clock.advance(0.125)
        self.behind.answer.callback("keys")
        self.assertNoResult(question)
        self.clock.advance(0.125)
        self.assertEqual("keys", self.successResultOf(question))

    def test_success_and_faults(self) -> None:
        """Who is right does not wait, and a fault says nothing of accounts."""
        for what in ("authenticate", "judge"):
            self.setUp()
            login = self.asked(what)
            self.behind.answer.callback(ALICE)
            self.assertEqual(ALICE, self.successResultOf(login))
            self.setUp()
            login = self.asked(what)
            self.behind.answer.errback(MailframeError(UNAVAILABLE, "later"))
            self.failureResultOf(login, MailframeError)
