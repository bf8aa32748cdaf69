"""Logging in at a store by IMAP, for somebody who is at the door (RFC 9051)."""

from __future__ import annotations

from mailframe.imap.client.commands import command, string
from mailframe.imap.client.responses import Continuation, Response, Untagged, Verdict, parse
from mailframe.message.status import MailframeError, ProtocolError, Status

from .backend import BackendConnection
from .entering import Way
from .exchanges import StoreExchange

CAPABILITIES_LIMIT = 16 * 1024
RESPONSES_LIMIT = 100
"""Responses before the one that is waited for."""


async def enter(backend: BackendConnection, way: Way) -> bytes:
    """Log in.

    Returns:
        What the store can do, as it lists it behind CAPABILITY; no octets where it does not say.

    Raises:
        MailframeError: temporary: it cannot be, now; or what the store says.
    """
    return await _Entrance(backend, way).run()


class _Entrance:
    """One login."""

    def __init__(self, backend: BackendConnection, way: Way) -> None:
        self._backend = backend
        self._way = way
        self._number = 0
        self._capabilities: frozenset[bytes] = frozenset()
        self._listed = b""
        self._deciding = False

    async def run(self) -> bytes:
        """All of it."""
        greeting = await self._next()
        if not isinstance(greeting, Verdict) or greeting.condition != b"OK":
            raise self._refused(greeting)
        self._learn(greeting)
        if self._way.starts_tls:
            await self._ask(b"STARTTLS")
            await self._backend.start_tls(self._way.tls())
            self._capabilities = frozenset()
        if not self._capabilities:
            await self._ask(b"CAPABILITY")
        offered = self._capabilities
        identity = self._identity() if b"ID" in offered else b""
        await self._log_in(offered, identity)
        if not self._listed:
            await self._ask(b"CAPABILITY")
        return self._listed

    def _identity(self) -> bytes:
        client = self._way.client
        fields = {
            "name": "Mailframe proxy",
            "x-originating-ip": client.peer,
            "x-originating-port": str(client.port),
            "x-session-id": client.session_id,
            "x-proxy-ttl": str(max(1, 5 - client.hops)),
            "x-mailframe-hops": str(client.hops + 1),
        }
        if client.local:
            fields |= {"x-connected-ip": client.local, "x-connected-port": str(client.local_port)}
        pairs = (b'"%b" "%b"' % (name.encode(), _quoted(value)) for name, value in fields.items())
        return b"(" + b" ".join(pairs) + b")"

    async def _log_in(self, offered: frozenset[bytes], identity: bytes) -> None:
        names = [name[5:].decode("ascii", "replace") for name in offered if name.startswith(b"AUTH=")]
        try:
            exchange = self._way.exchange(names, self._backend)
        except MailframeError:
            if b"LOGINDISABLED" in offered or not self._way.says_password:
                raise
            if identity:
                await self._ask(b"ID", identity)
            self._decide()
            await self._say_password()
            return
        await self._authenticate(exchange, b"SASL-IR" in offered, identity)

    def _decide(self) -> None:
        """What comes now says whether the user is let in, and what the store can do then."""
        self._deciding = True
        self._capabilities, self._listed = frozenset(), b""

    async def _say_password(self) -> None:
        if not self._backend.secure and not self._way.clear:
            raise self._backend.failed("no password is said in clear")
        credentials = self._way.credentials
        password = credentials.password or ""
        await self._ask(
            b"LOGIN",
            string(credentials.authcid.encode()),
            string(password.encode("utf-8", "surrogateescape")),
        )

    async def _authenticate(self, exchange: StoreExchange, at_once: bool, identity: bytes) -> None:
        words = [b"AUTHENTICATE", exchange.name.encode("ascii")]
        initial = exchange.initial()
        at_once = at_once and initial is not None
        before = b""
        if identity and at_once:
            # In one packet with the login: a round trip, and a tenth of what a login costs us.
            before = self._command(b"ID", identity)[1]
        elif identity:
            await self._ask(b"ID", identity)
        if at_once:
            words.append(initial or b"=")
            initial = None
        self._decide()
        tag, octets = self._command(*words)
        self._backend.send(before + octets)
        try:
            while not self._is_over(tag, response := await self._next()):
                if isinstance(response, Continuation):
                    answer = await exchange.answer(response.text) if initial is None else initial
                    initial = None
                    self._backend.send(answer.removeprefix(b"=") + b"\r\n")
            exchange.finish()
        except ProtocolError as error:
            raise self._backend.failed(error.status.text) from None

    async def _ask(self, *words: bytes) -> None:
        """A command, up to its end."""
        tag, *more = self._begin(*words)
        for _ in range(RESPONSES_LIMIT):
            response = await self._next()
            if self._is_over(tag, response):
                return
            if isinstance(response, Continuation) and more:
                self._backend.send(more.pop(0))
        raise self._backend.failed("it says too much")

    def _command(self, *words: bytes) -> tuple[bytes, bytes]:
        """A tag, and a command without literals."""
        self._number += 1
        tag = b"p%d" % self._number
        (octets,) = command(tag, *words)
        return tag, octets

    def _begin(self, *words: bytes) -> list[bytes]:
        self._number += 1
        tag = b"p%d" % self._number
        first, *more = command(tag, *words)
        self._backend.send(first)
        return [tag, *more]

    def _is_over(self, tag: bytes, response: Response) -> bool:
        self._learn(response)
        if isinstance(response, Verdict) and response.condition == b"BYE":
            raise self._refused(response)
        if not isinstance(response, Verdict) or response.tag != tag:
            return False
        if response.condition != b"OK":
            raise self._refused(response)
        return True

    def _learn(self, response: Response) -> None:
        """Whatever tells of capabilities is remembered."""
        listed = b""
        if isinstance(response, Untagged) and response.name == b"CAPABILITY":
            listed = b" ".join(value for value in response.values if isinstance(value, bytes))
        elif isinstance(response, Verdict) and response.code == b"CAPABILITY":
            listed = response.arguments
        if listed:
            self._listed = listed[:CAPABILITIES_LIMIT]
            self._capabilities = frozenset(self._listed.upper().split())

    async def _next(self) -> Response:
        try:
            return parse([await self._backend.line()])
        except ProtocolError as error:
            raise self._backend.failed(error.status.text) from None

    def _refused(self, response: Response) -> MailframeError:
        if not isinstance(response, Verdict):
            return self._backend.failed("it does not greet")
        text = response.text.decode("utf-8", "replace")[:200]
        if response.condition == b"NO" and response.code in _PASSED_ON:
            status = Status(
                (4, 3, 2), "The mailbox cannot be used right now; try again", response.code.decode()
            )
            return MailframeError(status, f"{self._backend.name}: {text}")
        if response.condition == b"NO" and self._deciding:
            return self._way.refused(self._backend, f"it refused: {text!r}")
        return self._backend.failed(f"it refused: {text!r}")


_PASSED_ON = frozenset({b"UNAVAILABLE", b"LIMIT", b"INUSE", b"CONTACTADMIN", b"EXPIRED"})
"""What a client should hear as the store says it."""


def _quoted(value: str) -> bytes:
    return value.encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
