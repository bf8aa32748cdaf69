"""The logins one connection tries: are they allowed here, are they right, and how many were wrong."""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger

from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.values import Credentials, Identity
from mailframe.message.status import MailframeError
from mailframe.sasl.mechanisms import Password

from .limits import is_loopback

NAME_LOGGED = 256
"""Characters of a login name that go into the log."""

log = Logger()


class LoginSettings(Protocol):
    """What a listener's settings say about logins."""

    @property
    def require_tls_for_auth(self) -> bool:
        """Only under TLS?"""

    @property
    def clear_auth_from_loopback(self) -> bool:
        """But for clients on this machine?"""

    @property
    def login_failures_limit(self) -> int:
        """Failed logins before the connection ends."""


class Logins:
    """Checks passwords for one connection.

    Args:
        authenticator: knows whether they are right.
        settings: the listener's.
        peer: the client's address, as `IConnection.peer` has it.
        protocol: ``smtp``, ``imap`` ...; for the authenticator and the log.
        session_id: for the log.
    """

    def __init__(
        self,
        authenticator: IAuthenticator,
        settings: LoginSettings,
        peer: str,
        protocol: str,
        session_id: str,
    ) -> None:
        self._authenticator = authenticator
        self._settings = settings
        self._peer = peer
        self._protocol = protocol
        self._session_id = session_id
        self._failures = 0

    @property
    def exhausted(self) -> bool:
        """Did too many fail? The connection has to end then."""
        return self._failures >= self._settings.login_failures_limit

    def allowed(self, secure: bool) -> bool:
        """May this client say a password now, or only under TLS?"""
        if secure or not self._settings.require_tls_for_auth:
            return True
        return self._settings.clear_auth_from_loopback and is_loopback(self._peer)

    async def check(self, said: Password) -> Identity:
        """Check a password. A failure is logged, and counted unless it is temporary: then nothing was guessed.

        Raises:
            MailframeError: it is not right, or cannot be checked now.
        """
        credentials = Credentials(said.authcid, said.password, said.authzid, self._peer, self._protocol)
        try:
            return await self._authenticator.authenticate(credentials)
        except MailframeError as error:
            self._failures += not error.status.temporary
            log.warn(
                "login of {login!r} from {peer} failed: {reason}",
                login=said.authcid[:NAME_LOGGED],
                peer=self._peer,
                session_id=self._session_id,
                reason=error.reason,
            )
            raise
