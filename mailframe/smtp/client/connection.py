"""A connection to a server, as one asks things of it: greeting, hello, TLS, login, goodbye."""

from __future__ import annotations

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from mailframe.dialogue.tls_facts import channel_binding
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.client import ClientCredentials, choose

from . import opening
from .capabilities import Capabilities
from .core import Lost
from .errors import Refused, TLSFailed
from .line import Line
from .preparation import Security


class ClientConnection(Line):
    """One connection to a server, before and after mail is sent over it.

    Attributes:
        hostname: what we call ourselves, "" for the name in the settings.
    """

    hostname = ""

    @property
    def capabilities(self) -> Capabilities:
        """What the server said it can do."""
        return self.core.capabilities

    @property
    def security(self) -> Security:
        """What protects the connection."""
        return Security(self.tls is not None, self.verified)

    async def greeted(self) -> None:
        """Wait for the greeting.

        Raises:
            MailframeError: the server does not want to talk, or the connection was lost; `TLSFailed`: with implicit
                TLS, the handshake failed.
        """
        assert self._greeting is not None
        try:
            self.greeting = (await self._answer(self._greeting)).text
        except Lost as lost:
            raise self._tls_failure() or lost from None

    def implicit_tls(self) -> None:
        """The connection begins with a handshake; to be said before it is made."""
        self._handshaking = True

    async def hello(self) -> Capabilities:
        """Greet the server; learn what it can do."""
        capabilities = await self.ask(
            opening.hello(self.core, (self.hostname or self.settings.hostname).encode("ascii"))
        )
        if not self.settings.pipelining and capabilities.pipelining:
            keywords = {key: value for key, value in capabilities.keywords.items() if key != "PIPELINING"}
            self.core.capabilities = Capabilities(capabilities.name, True, keywords)
        return self.core.capabilities

    async def start_tls(self, creator: IOpenSSLClientConnectionCreator) -> None:
        """STARTTLS and the handshake; `hello` is to be said again.

        Raises:
            Refused: the server does not begin it; the connection goes on in clear.
            TLSFailed: the handshake failed, or the server is not the one it should be; the connection is over.
        """
        await self.ask(opening.start_tls(self.core))
        self._handshaking = True
        self._transport().startTLS(creator)
        self._touch()
        try:
            while not self._handshake_over and self.core.ended is None:
                await self._change()
        except BaseException:
            self.abort()
            raise
        self._handshaking = False
        if self.core.ended is not None:
            raise self._tls_failure() or TLSFailed(Status((4, 7, 5), self.core.ended.text))

    async def log_in(self, credentials: ClientCredentials, *, clear: bool = False) -> str:
        """AUTH by the best mechanism that both sides have.

        Args:
            credentials: who we are.
            clear: send a password without TLS as well; for UNIX sockets and tests.

        Returns:
            The mechanism's name.

        Raises:
            Refused: there is none, or the server does not let us in.
            Lost: the connection ended.
        """
        try:
            mechanism = choose(
                self.capabilities.mechanisms,
                credentials,
                self.tls is not None,
                self._channel_binding(),
                clear=clear,
            )
        except MailframeError as error:
            raise Refused(error.status, f"{self.core.host} does not let us in: {error.reason}") from None
        await self.ask(opening.log_in(self.core, mechanism))
        return mechanism.name

    async def reset(self) -> None:
        """RSET.

        Raises:
            MailframeError: the connection is of no use any more.
        """
        try:
            await self.ask(opening.reset(self.core))
        except Refused:
            self.abort()
            raise

    async def quit(self) -> None:
        """Say goodbye, wait a little for the answer, and end the connection."""
        if self.usable:
            await self.ask(opening.quit_(self.core))
        self.close()

    def _channel_binding(self) -> bytes | None:
        return None if self.tls is None else channel_binding(self._transport().getHandle())
