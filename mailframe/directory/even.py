"""Answers that could tell which accounts there are, at even moments after the login began.

Reading an account with its forwards, keys and app passwords takes some ten microseconds more than finding none. Who
measures often enough would see that beside the hash that is computed for both (with a fast hash 300 logins were
enough: medians of 347 and 320 microseconds). A login by password that succeeds is not delayed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from mailframe.message.status import MailframeError
from mailframe.sasl.scram import Keys

from .interfaces import ISASLAuthenticator
from .values import Credentials, Evidence, Identity

STEP = 0.01
"""Seconds between such moments: hundreds of times what is hidden, and less than a slow hash takes."""


@implementer(ISASLAuthenticator)
class EvenRefusals:
    """Delays an authenticator's refusals, and its answers to questions before a proof, to even moments.

    Args:
        authenticator: decides.
        reactor: for time.
        step: seconds between moments.
    """

    def __init__(self, authenticator: Any, reactor: IReactorTime, step: float = STEP) -> None:
        self._authenticator = authenticator
        self._reactor = reactor
        self._step = step
        self.oauth_hints: bytes = authenticator.oauth_hints

    async def start(self) -> None:
        """Begin to check."""
        await self._authenticator.start()

    async def stop(self) -> None:
        """End; logins under way are told to try again later."""
        await self._authenticator.stop()

    def mechanisms(self) -> Collection[str]:
        """The SASL mechanisms that are configured, and can succeed."""
        return cast("Collection[str]", self._authenticator.mechanisms())

    async def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Keys:
        """The SCRAM keys of a user, or such as fit no password; both at an even moment."""
        begun = self._reactor.seconds()
        found: Keys = await self._authenticator.keys(authcid, mechanism, peer, session_id)
        await self._wait(begun)
        return found

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Check a password; see `IAuthenticator`."""
        begun = self._reactor.seconds()
        try:
            return cast(Identity, await self._authenticator.authenticate(credentials))
        except MailframeError as error:
            await self._refuse(error, begun)
            raise

    async def judge(self, evidence: Evidence) -> Identity:
        """Decide on what a client proved itself with; see `ISASLAuthenticator`."""
        begun = self._reactor.seconds()
        try:
            return cast(Identity, await self._authenticator.judge(evidence))
        except MailframeError as error:
            await self._refuse(error, begun)
            raise

    async def _refuse(self, error: MailframeError, begun: float) -> None:
        """A fault is told at once: it says nothing of the account."""
        if error.status.permanent:
            await self._wait(begun)

    async def _wait(self, begun: float) -> None:
        spent = self._reactor.seconds() - begun
        await deferLater(cast(Any, self._reactor), self._step - spent % self._step)
