"""AUTH: SASL exchanges over SMTP, framed in 334 and base64 (RFC 4954)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from twisted.logger import Logger

from mailframe.dialogue.limits import is_loopback
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.values import Credentials
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.mechanisms import MECHANISMS, Password, ServerMechanism

from .metrics import Metrics
from .settings import SMTPSettings
from .wire.reply import render

MECHANISM_UNKNOWN: Final = Status((5, 5, 4), "Authentication mechanism unknown", reply_code=504)
NOT_BASE64: Final = Status((5, 5, 2), "That is not base64", reply_code=501)
CANCELLED: Final = Status((5, 7, 0), "Authentication cancelled", reply_code=501)
NOT_OFFERED: Final = Status((5, 5, 1), "Not offered here", reply_code=502)
LOGGED_IN: Final = Status((5, 5, 1), "You are logged in already", reply_code=503)
ENCRYPT_FIRST: Final = Status((5, 7, 11), "Encryption is required to log in", reply_code=538)
TOO_MANY_LOGINS: Final = Status((4, 7, 0), "Too many failed logins", reply_code=421)
SUCCEEDED: Final = Status((2, 7, 0), "Authentication succeeded", reply_code=235)
CANNOT_CHECK_CODE: Final = 454
"""The basic code when credentials cannot be checked now (RFC 4954 section 6)."""

KEYWORD: Final = "AUTH " + " ".join(MECHANISMS)

log = Logger()


class Authentication:
    """All exchanges of one connection.

    Args:
        authenticator: checks passwords; None where nobody can log in.
        settings: the listener's.
        origin: the client; gets its ``login``.
        metrics: counts.

    Attributes:
        exhausted: too many logins failed; the connection has to end after the reply.
        responding: a 334 was the last answer, so a response line comes next.
    """

    def __init__(
        self, authenticator: IAuthenticator | None, settings: SMTPSettings, origin: Origin, metrics: Metrics
    ) -> None:
        self._authenticator = authenticator
        self._settings = settings
        self._origin = origin
        self._metrics = metrics
        self._mechanism: ServerMechanism | None = None
        self._failures = 0

    @property
    def possible(self) -> bool:
        """Can anybody log in here, perhaps after STARTTLS?"""
        return self._authenticator is not None

    @property
    def responding(self) -> bool:
        """Is an exchange under way?"""
        return self._mechanism is not None

    @property
    def exhausted(self) -> bool:
        """Did too many logins fail?"""
        return self._failures >= self._settings.login_failures_limit

    def offered(self, secure: bool) -> bool:
        """Is AUTH offered to this client now?"""
        return self._authenticator is not None and self._allowed(secure)

    def cancel(self) -> None:
        """Forget an exchange that is under way."""
        self._mechanism = None

    async def begin(self, mechanism: str, initial: bytes | None, secure: bool) -> bytes:
        """Answer AUTH.

        Args:
            mechanism: its name in capitals.
            initial: the initial response as sent, or None.
            secure: is TLS on?

        Raises:
            ProtocolError: it is not allowed now, or the response is none.
        """
        if self._authenticator is None:
            raise ProtocolError(NOT_OFFERED)
        if self._origin.login is not None:
            raise ProtocolError(LOGGED_IN)
        if not self._allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)
        if mechanism not in MECHANISMS:
            raise ProtocolError(MECHANISM_UNKNOWN)
        self._mechanism = MECHANISMS[mechanism]()
        if initial is None:
            return await self._step(None)
        # RFC 4954 section 4: a single "=" is an initial response of no octets.
        return await self._step(b"" if initial == b"=" else _decoded(initial))

    async def answer(self, line: bytes) -> bytes:
        """Answer a response line.

        Raises:
            ProtocolError: the client cancelled, or the response is none.
        """
        if line == b"*":
            raise ProtocolError(CANCELLED)
        return await self._step(_decoded(line))

    async def _step(self, response: bytes | None) -> bytes:
        assert self._mechanism is not None
        said = self._mechanism.step(response)
        if not isinstance(said, Password):
            return b"334 " + base64.b64encode(said.octets) + b"\r\n"
        self._mechanism = None
        return await self._check(said)

    async def _check(self, said: Password) -> bytes:
        origin = self._origin
        assert self._authenticator is not None
        credentials = Credentials(said.authcid, said.password, said.authzid, origin.peer, origin.protocol)
        try:
            identity = await self._authenticator.authenticate(credentials)
        except MailframeError as error:
            return self._failed(said.authcid, error)
        origin.login = identity.account.name
        self._metrics.logins.inc()
        return render(SUCCEEDED)

    def _failed(self, authcid: str, error: MailframeError) -> bytes:
        self._metrics.logins_failed.inc()
        log.warn(
            "login of {login!r} from {peer} failed: {reason}",
            login=authcid[:256],
            peer=self._origin.peer,
            session_id=self._origin.session_id,
            reason=error.reason,
        )
        if error.status.temporary:
            return render(error.status, reply_code=CANNOT_CHECK_CODE)
        self._failures += 1
        return render(TOO_MANY_LOGINS if self.exhausted else error.status)

    def _allowed(self, secure: bool) -> bool:
        if secure or not self._settings.require_tls_for_auth:
            return True
        return self._settings.clear_auth_from_loopback and is_loopback(self._origin.peer)


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        raise ProtocolError(NOT_BASE64) from None
