"""The logins one connection tries: what it is offered, is it allowed here, is it right, and how many were wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from twisted.logger import Logger

from mailframe.directory.interfaces import IAuthenticator, ISASLAuthenticator
from mailframe.directory.values import Credentials, Evidence, Identity
from mailframe.message.networks import is_loopback
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.exchange import Exchange
from mailframe.sasl.scram import Keys
from mailframe.sasl.server import CLEAR, PASSWORDS, Channel, make, offered
from mailframe.sasl.values import Claim, KeysWanted, Password

from .interfaces import IConnection

NAME_LOGGED: Final = 256
"""Characters of a login name that go into the log."""
CANNOT_JUDGE: Final = Status((5, 5, 4), "Authentication mechanism unknown", reply_code=504)

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

    @property
    def mechanisms(self) -> Sequence[str]:
        """SASL mechanisms that are offered, in this order; none for all that can be."""


def in_front_of(connection: IConnection) -> str:
    """The address of who is in front of a connection and said who the client is; "" where nobody is."""
    return connection.proxy.peer if connection.proxy is not None else ""


def channel_of(connection: IConnection) -> Channel:
    """What mechanisms may rely on besides octets: the channel to bind to, and the client's certificate."""
    if not connection.secure:
        return CLEAR
    facts = connection.tls_facts()
    return Channel(connection.channel_binding(), facts.client_name if facts is not None else None)


class Logins:
    """Checks logins for one connection.

    Args:
        authenticator: knows whether they are right; one that provides `ISASLAuthenticator` as well can do more than
            passwords.
        settings: the listener's.
        peer: the client's address, as `IConnection.peer` has it.
        protocol: ``smtp``, ``imap`` ...; for the authenticator and the log.
        session_id: for the log.
        via: the address of who is in front and said who the client is; "" where nobody is.
    """

    def __init__(
        self,
        authenticator: IAuthenticator,
        settings: LoginSettings,
        peer: str,
        protocol: str,
        session_id: str,
        via: str = "",
    ) -> None:
        self._authenticator = authenticator
        self._sasl: ISASLAuthenticator | None = (
            authenticator if ISASLAuthenticator.providedBy(authenticator) else None
        )
        self._settings = settings
        self._peer = peer
        self._protocol = protocol
        self._session_id = session_id
        self._via = via
        self._failures = 0

    @property
    def exhausted(self) -> bool:
        """Did too many fail? The connection has to end then."""
        return self._failures >= self._settings.login_failures_limit

    def allowed(self, secure: bool) -> bool:
        """May this client log in now, or only under TLS?"""
        if secure or not self._settings.require_tls_for_auth:
            return True
        return self._settings.clear_auth_from_loopback and is_loopback(self._peer)

    def passwords_allowed(self, secure: bool) -> bool:
        """May it say a password outside of SASL: IMAP's LOGIN, POP3's USER and PASS?"""
        return self.allowed(secure) and any(name in PASSWORDS for name in self.mechanisms(secure, CLEAR))

    def mechanisms(self, secure: bool, channel: Channel) -> tuple[str, ...]:
        """The SASL mechanisms this client may use now, in the order they are offered."""
        if not self.allowed(secure):
            return ()
        able = PASSWORDS if self._sasl is None else self._sasl.mechanisms()
        return offered(able, channel, tuple(self._settings.mechanisms))

    def start(self, mechanism: str, secure: bool, channel: Channel) -> Login:
        """Begin an exchange.

        Args:
            mechanism: its name in capitals.
            secure: may secrets be said, as `IConnection.confidential` has it?
            channel: the connection's.

        Raises:
            KeyError: it is not offered to this client.
        """
        return Login(self, Exchange(make(mechanism, channel, self.mechanisms(secure, channel))), mechanism)

    async def check(self, claim: Claim, mechanism: str = "") -> Identity:
        """Check a claim. A failure is logged, and counted unless it is temporary: then nothing was guessed.

        Raises:
            MailframeError: it is not right, or cannot be checked now.
        """
        try:
            return await self._judged(claim)
        except MailframeError as error:
            self.failed(error, claim.authcid, mechanism)
            raise

    async def keys_for(self, wanted: KeysWanted) -> Keys:
        """The SCRAM keys of a user.

        Raises:
            MailframeError: temporary, they cannot be had.
        """
        assert self._sasl is not None
        try:
            return await self._sasl.keys(wanted.authcid, wanted.mechanism, self._peer, self._session_id)
        except MailframeError as error:
            self.failed(error, wanted.authcid, wanted.mechanism)
            raise

    @property
    def hints(self) -> bytes:
        """What a refused OAuth client is told besides."""
        return b"" if self._sasl is None else self._sasl.oauth_hints

    def failed(self, error: MailframeError | ProtocolError, authcid: str, mechanism: str) -> None:
        """Count a login that failed, and write its one line into the log."""
        self._failures += not error.status.temporary
        log.warn(
            "login of {login!r} from {peer} by {protocol} failed: {reason}",
            login=authcid[:NAME_LOGGED],
            peer=self._peer,
            protocol=self._protocol,
            mechanism=mechanism or None,
            session_id=self._session_id,
            reply=error.status.code,
            reason=error.reason if isinstance(error, MailframeError) else str(error),
        )

    async def _judged(self, claim: Claim) -> Identity:
        about = (self._peer, self._protocol, self._session_id, self._via)
        if isinstance(claim, Password):
            return await self._authenticator.authenticate(
                Credentials(claim.authcid, claim.password, claim.authzid, *about)
            )
        if self._sasl is None:
            raise ProtocolError(CANNOT_JUDGE)
        return await self._sasl.judge(Evidence(claim, *about))


class Login:
    """One SASL exchange of one connection, from the command to the word of success.

    Args:
        logins: the connection's.
        exchange: framed for the wire.
        mechanism: its name, for the log.
    """

    def __init__(self, logins: Logins, exchange: Exchange, mechanism: str) -> None:
        self._logins = logins
        self._exchange = exchange
        self._mechanism = mechanism
        self._asked_for = ""
        self._refused: MailframeError | None = None
        self._identity: Identity | None = None

    async def begin(self, initial: bytes | None) -> bytes | Identity:
        """Take what came with the command (see `Exchange.begin`).

        Returns:
            A challenge in base64, or who logged in.

        Raises:
            ProtocolError: it is not base64, or not the mechanism's. As below, the exchange is over then.
            MailframeError: the login failed, or cannot be checked now.
        """
        return await self._go_on(lambda: self._exchange.begin(initial))

    async def answer(self, line: bytes) -> bytes | Identity:
        """Take a response line; see `begin`.

        Raises:
            ProtocolError: the client cancelled by ``*``, or as for `begin`.
        """
        if self._refused is not None:
            # RFC 7628 section 3.2.3: whatever comes now, the login has failed.
            raise self._refused
        if self._identity is not None:
            self._exchange.confirm(line)
            return self._identity
        return await self._go_on(lambda: self._exchange.answer(line))

    async def _go_on(self, take: Callable[[], bytes | KeysWanted | Claim]) -> bytes | Identity:
        try:
            said = take()
            if isinstance(said, KeysWanted):
                self._asked_for = said.authcid
                said = self._exchange.keys(await self._logins.keys_for(said))
        except ProtocolError as error:
            # Who has been given the salt and breaks off has cost us as much as a wrong password.
            if self._asked_for or error.status.word == "AUTHENTICATIONFAILED":
                self._logins.failed(error, self._asked_for, self._mechanism)
            if self._logins.exhausted:
                raise ProtocolError(error.status, fatal=True) from error
            raise
        if isinstance(said, bytes):
            return said
        assert not isinstance(said, KeysWanted)
        return await self._judged(said)

    async def _judged(self, claim: Claim) -> bytes | Identity:
        try:
            identity = await self._logins.check(claim, self._mechanism)
        except MailframeError as error:
            refusal = None if error.status.temporary else self._exchange.refusal(self._logins.hints)
            if refusal is None or self._logins.exhausted:
                raise
            self._refused = error
            return refusal
        if not self._exchange.final:
            return identity
        self._identity = identity
        return self._exchange.final
