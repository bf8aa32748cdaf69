"""The AUTHORIZATION state: who may log in, by USER and PASS or by AUTH (RFC 1939 section 4, RFC 5034)."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

from mailframe.dialogue.logins import Login, Logins
from mailframe.directory.values import Identity
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.server import Channel
from mailframe.sasl.values import Password

from . import metrics
from .wire.commands import Auth

T = TypeVar("T")

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
        self._login: Login | None = None

    @property
    def responding(self) -> bool:
        """Is an exchange under way?"""
        return self._login is not None

    @property
    def exhausted(self) -> bool:
        """Did too many logins fail?"""
        return self._logins.exhausted

    def passwords_allowed(self, secure: bool) -> bool:
        """May this client say USER and PASS now?"""
        return self._logins.passwords_allowed(secure)

    def mechanisms(self, secure: bool, channel: Channel) -> tuple[str, ...]:
        """The mechanisms AUTH has for this client now."""
        return self._logins.mechanisms(secure, channel)

    def forget(self) -> None:
        """Forget a name and an exchange that is under way."""
        self._name = self._login = None

    def user(self, name: str, secure: bool) -> None:
        """Take a name; whether there is such a user is not told.

        Raises:
            ProtocolError: not without TLS. Refused here and not at PASS, so that no password is sent in clear.
        """
        if not self._logins.passwords_allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)
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
        return await _counted(self._logins.check(Password(name, password)))

    async def begin(self, command: Auth, secure: bool, channel: Channel) -> bytes | Identity:
        """Begin an exchange.

        Args:
            command: with a mechanism.
            secure: may secrets be said, as `IConnection.confidential` has it?
            channel: the connection's.

        Returns:
            A challenge in base64, or who logged in.

        Raises:
            ProtocolError: the mechanism is unknown, not allowed in clear, or the response is none.
            MailframeError: as for `password`.
        """
        if not self._logins.allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)
        assert command.mechanism is not None
        try:
            self._login = self._logins.start(command.mechanism, secure, channel)
        except KeyError:
            raise ProtocolError(MECHANISM_UNKNOWN) from None
        return await self._go_on(self._login.begin(command.initial))

    async def answer(self, line: bytes) -> bytes | Identity:
        """Take a response; see `begin`."""
        assert self._login is not None
        return await self._go_on(self._login.answer(line))

    async def _go_on(self, step: Awaitable[bytes | Identity]) -> bytes | Identity:
        login, self._login = self._login, None
        said = await _counted(step)
        if isinstance(said, bytes):
            self._login = login
        return said


async def _counted(step: Awaitable[T]) -> T:
    """One step of a login, with its outcome in the metrics."""
    try:
        said = await step
    except MailframeError as error:
        (metrics.LOGINS_DEFERRED if error.status.temporary else metrics.LOGINS_FAILED).inc()
        raise
    if isinstance(said, Identity):
        metrics.LOGINS.inc()
    return said
