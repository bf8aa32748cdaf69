"""AUTH: SASL exchanges over SMTP, framed in 334 and base64 (RFC 4954)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from mailframe.dialogue.logins import Login, Logins
from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.values import Identity
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.server import CLEAR, Channel

from .forwarded import PRESENTED_BY
from .metrics import Metrics
from .settings import SMTPSettings
from .wire.reply import render

MECHANISM_UNKNOWN: Final = Status((5, 5, 4), "Authentication mechanism unknown", reply_code=504)
NOT_OFFERED: Final = Status((5, 5, 1), "Not offered here", reply_code=502)
LOGGED_IN: Final = Status((5, 5, 1), "You are logged in already", reply_code=503)
ENCRYPT_FIRST: Final = Status((5, 7, 11), "Encryption is required to log in", reply_code=538)
TOO_MANY_LOGINS: Final = Status((4, 7, 0), "Too many failed logins", reply_code=421)
SUCCEEDED: Final = Status((2, 7, 0), "Authentication succeeded", reply_code=235)
CANNOT_CHECK_CODE: Final = 454
"""The basic code when credentials cannot be checked now (RFC 4954 section 6)."""


class Authentication:
    """All exchanges of one connection.

    Args:
        authenticator: checks passwords; None where nobody can log in.
        settings: the listener's.
        origin: the client; gets its ``login``.
        metrics: counts.
        channel: what the connection has that mechanisms may rely on.

    Attributes:
        exhausted: too many logins failed; the connection has to end after the reply.
        responding: a 334 was the last answer, so a response line comes next.
    """

    def __init__(
        self,
        authenticator: IAuthenticator | None,
        settings: SMTPSettings,
        origin: Origin,
        metrics: Metrics,
        channel: Callable[[], Channel] = lambda: CLEAR,
    ) -> None:
        self._logins: Logins | None = None
        if authenticator is not None:
            about = (origin.peer, origin.protocol, origin.session_id, _in_front_of(origin))
            self._logins = Logins(authenticator, settings, *about)
        self._origin = origin
        self._metrics = metrics
        self._channel = channel
        self._login: Login | None = None

    @property
    def possible(self) -> bool:
        """Can anybody log in here, perhaps after STARTTLS?"""
        return self._logins is not None

    @property
    def responding(self) -> bool:
        """Is an exchange under way?"""
        return self._login is not None

    @property
    def exhausted(self) -> bool:
        """Did too many logins fail?"""
        return self._logins is not None and self._logins.exhausted

    def keyword(self, secure: bool) -> str | None:
        """What EHLO says of AUTH to this client now; None where nothing is offered."""
        names = () if self._logins is None else self._logins.mechanisms(secure, self._channel())
        return "AUTH " + " ".join(names) if names else None

    def cancel(self) -> None:
        """Forget an exchange that is under way."""
        self._login = None

    async def begin(self, mechanism: str, initial: bytes | None, secure: bool) -> bytes:
        """Answer AUTH.

        Args:
            mechanism: its name in capitals.
            initial: the initial response as sent, or None.
            secure: may secrets be said, as `IConnection.confidential` has it?

        Raises:
            ProtocolError: it is not allowed now, or the response is none.
        """
        if self._logins is None:
            raise ProtocolError(NOT_OFFERED)
        if self._origin.login is not None:
            raise ProtocolError(LOGGED_IN)
        if not self._logins.allowed(secure):
            raise ProtocolError(ENCRYPT_FIRST)
        try:
            self._login = self._logins.start(mechanism, secure, self._channel())
        except KeyError:
            raise ProtocolError(MECHANISM_UNKNOWN) from None
        return await self._go_on(self._login.begin(initial))

    async def answer(self, line: bytes) -> bytes:
        """Answer a response line.

        Raises:
            ProtocolError: the client cancelled, or the response is none.
        """
        assert self._login is not None
        return await self._go_on(self._login.answer(line))

    async def _go_on(self, step: Coroutine[Any, Any, bytes | Identity]) -> bytes:
        try:
            said = await step
        except MailframeError as error:
            self._login = None
            self._metrics.logins_failed.inc()
            if error.status.temporary:
                return render(error.status, reply_code=CANNOT_CHECK_CODE)
            return render(TOO_MANY_LOGINS if self.exhausted else error.status)
        if isinstance(said, bytes):
            return b"334 " + said + b"\r\n"
        self._login = None
        self._origin.login = said.account.name
        self._metrics.logins.inc()
        return render(SUCCEEDED)


def _in_front_of(origin: Origin) -> str:
    """The address of who said who the client is; "" where nobody did."""
    proxy = origin.proxy.peer if origin.proxy is not None else ""
    return origin.attributes.get(PRESENTED_BY, proxy)
