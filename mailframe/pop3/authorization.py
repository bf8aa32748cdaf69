"""The AUTHORIZATION state: who may log in, by USER and PASS or by AUTH (RFC 1939 section 4, RFC 5034)."""

from __future__ import annotations

from typing import Final

from mailframe.dialogue.logins import Logins
from mailframe.directory.values import Identity
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.exchange import Exchange
from mailframe.sasl.mechanisms import MECHANISMS, Password

from . import metrics
from .wire.commands import Auth

ENCRYPT_FIRST: Final = Status((5, 7, 11), "Encryption is required to log in; see STLS")
NAME_FIRST: Final = Status((5, 5, 1), "USER comes before PASS")
MECHANISM_UNKNOWN: Final = Status((5, 5, 4), "There is no such authentication mechanism")


class Authorization:
    """What one connection has said of who it is.

    Args:
        logins: checks it.

    Attributes:
        responding: a challenge was the last answer, so a response comes next.
    """

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._name: str | None = None
        self._exchange: Exchange | None = None

    @property
    def responding(self) -> bool:
        """Is an exchange under way?"""
        return self._exchange is not None

    @property
    def exhausted(self) -> bool:
        """Did too many logins fail?"""
        return self._logins.exhausted

    def allowed(self, secure: bool) -> bool:
        """May this client log in now, or only under TLS?"""
        return self._logins.allowed(secure)

    def forget(self) -> None:
        """Forget a name and an exchange that is under way."""
        self._name = self._exchange = None

    def user(self, name: str, secure: bool) -> None:
        """Take a name; whether there is such a user is not told.

        Raises:
            ProtocolError: not without TLS. Refused here and not at PASS, so that no password is sent in clear.
        """
        self._check_allowed(secure)
        self._name = name

    async def password(self, password: bytes) -> Identity:
        """Check the password for the name given before.

        Raises:
            ProtocolError: no name was given.
            MailframeError: it is not right, or cannot be checked now.
        """
        name, self._name = self._name, None
        if name is None:
            raise ProtocolError(NAME_FIRST)
        return await self._checked(Password(name, password))

    async def begin(self, command: Auth, secure: bool) -> bytes | Identity:
        """Begin an exchange.

        Returns:
            A challenge in base64, or who logged in.

        Raises:
            ProtocolError: the mechanism is unknown, not allowed in clear, or the response is none.
            MailframeError: as for `password`.
        """
        self._check_allowed(secure)
        if command.mechanism not in MECHANISMS:
            raise ProtocolError(MECHANISM_UNKNOWN)
        self._exchange = Exchange(command.mechanism)
        return await self._go_on(self._exchange.begin(command.initial))

    async def answer(self, line: bytes) -> bytes | Identity:
        """Take a response; see `begin`."""
        assert self._exchange is not None
        return await self._go_on(self._exchange.answer(line))

    async def _go_on(self, said: bytes | Password) -> bytes | Identity:
        if not isinstance(said, Password):
            return said
        self._exchange = None
        return await self._checked(said)

    async def _checked(self, said: Password) -> Identity:
        try:
            identity = await self._logins.check(said)
        except MailframeError as error:
            (metrics.LOGINS_DEFERRED if error.status.temporary else metrics.LOGINS_FAILED).inc()
            raise
        metrics.LOGINS.inc()
        return identity

    def _check_allowed(self, secure: bool) -> None:
        if not self.allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)
