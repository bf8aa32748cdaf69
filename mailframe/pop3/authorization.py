"""The AUTHORIZATION state: who may log in, by USER and PASS or by AUTH (RFC 1939 section 4, RFC 5034)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from twisted.logger import Logger

from mailframe.dialogue.limits import is_loopback
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.values import Credentials, Identity
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.mechanisms import MECHANISMS, Password, ServerMechanism

from . import metrics
from .settings import POP3Settings
from .wire.commands import Auth

ENCRYPT_FIRST: Final = Status((5, 7, 11), "Encryption is required to log in; see STLS")
NAME_FIRST: Final = Status((5, 5, 1), "USER comes before PASS")
MECHANISM_UNKNOWN: Final = Status((5, 5, 4), "There is no such authentication mechanism")
NOT_BASE64: Final = Status((5, 5, 2), "That is not base64")
CANCELLED: Final = Status((5, 7, 0), "Authentication cancelled")

log = Logger()


class Authorization:
    """All logins that one connection tries.

    Args:
        authenticator: checks passwords.
        settings: the listener's.
        peer: the client's address.
        session_id: for the log.

    Attributes:
        responding: a challenge was the last answer, so a response comes next.
    """

    def __init__(
        self, authenticator: IAuthenticator, settings: POP3Settings, peer: str, session_id: str
    ) -> None:
        self._authenticator = authenticator
        self._settings = settings
        self._peer = peer
        self._session_id = session_id
        self._name: str | None = None
        self._mechanism: ServerMechanism | None = None
        self._failures = 0

    @property
    def responding(self) -> bool:
        """Is an exchange under way?"""
        return self._mechanism is not None

    @property
    def exhausted(self) -> bool:
        """Did too many logins fail?"""
        return self._failures >= self._settings.login_failures_limit

    def allowed(self, secure: bool) -> bool:
        """May this client log in now, or only under TLS?"""
        if secure or not self._settings.require_tls_for_auth:
            return True
        return self._settings.clear_auth_from_loopback and is_loopback(self._peer)

    def forget(self) -> None:
        """Forget a name and an exchange that is under way."""
        self._name = self._mechanism = None

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
            A challenge, or who logged in.

        Raises:
            ProtocolError: the mechanism is unknown, not allowed in clear, or the response is none.
            MailframeError: as for `password`.
        """
        self._check_allowed(secure)
        if command.mechanism not in MECHANISMS:
            raise ProtocolError(MECHANISM_UNKNOWN)
        self._mechanism = MECHANISMS[command.mechanism]()
        if command.initial is None:
            return await self._step(None)
        # RFC 5034 section 4: a single "=" is an initial response of no octets.
        return await self._step(b"" if command.initial == b"=" else _decoded(command.initial))

    async def answer(self, line: bytes) -> bytes | Identity:
        """Take a response; see `begin`."""
        if line == b"*":
            raise ProtocolError(CANCELLED)
        return await self._step(_decoded(line))

    async def _step(self, response: bytes | None) -> bytes | Identity:
        assert self._mechanism is not None
        said = self._mechanism.step(response)
        if not isinstance(said, Password):
            return said.octets
        self._mechanism = None
        return await self._checked(said)

    async def _checked(self, said: Password) -> Identity:
        credentials = Credentials(said.authcid, said.password, said.authzid, self._peer, "pop3")
        try:
            identity = await self._authenticator.authenticate(credentials)
        except MailframeError as error:
            self._failed(said.authcid, error)
            raise
        metrics.LOGINS.inc()
        return identity

    def _failed(self, authcid: str, error: MailframeError) -> None:
        if error.status.temporary:
            metrics.LOGINS_DEFERRED.inc()
        else:
            metrics.LOGINS_FAILED.inc()
            self._failures += 1
        log.warn(
            "login of {login!r} from {peer} failed: {reason}",
            login=authcid[:256],
            peer=self._peer,
            session_id=self._session_id,
            reason=error.reason,
        )

    def _check_allowed(self, secure: bool) -> None:
        if not self.allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        raise ProtocolError(NOT_BASE64) from None
