"""The API over HTTP: who may, how much, and what comes back; `mailframe.api.routes` says what is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, HTTPFactory, Request

from mailframe.limits.interfaces import ITallies
from mailframe.limits.networks import ClientNetworks
from mailframe.message.status import MailframeError
from mailframe.monitor.lines import printable

from . import metrics
from .calls import Answer, Call
from .entries import Directory
from .openapi import document
from .options import APIOptions
from .problems import CONTENT_TYPE, Problem, not_allowed, problem_of, wrong
from .routes import Route, find
from .threads import Threads
from .tokens import APIToken, KnownTokens
from .watching import LONGEST_WAIT, Watch

DOCUMENT = ["v1", "openapi.json"]
IDLE_TIME = 60.0
"""Seconds a connection may be without a request."""
MINUTE = 60.0
FOLLOWING = 16
"""Times the largest body that is still read, and thrown away, so that a client hears why."""
_HEADERS = (
    (b"Server", b"mailframe"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
)

log = Logger()


class APIRequest(Request):
    """One request, whose body is bounded.

    Args:
        server: answers it.
        channel: its connection.
    """

    def __init__(self, server: APIFactory, channel: HTTPChannel) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)
        self._server = server
        self._received = 0
        self._keeps = False

    @property
    def too_large(self) -> bool:
        """Is the body larger than it may be?"""
        return self._received > self._server.options.body_limit

    def gotLength(self, length: int | None) -> None:
        """The header tells how long the body is, or nothing of it."""
        # Strangers cannot make us keep anything, and nobody what is too long.
        self._keeps = self._server.knows(self)
        super().gotLength(min(length or 0, self._server.options.body_limit))  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        self._received += len(data)
        if self._keeps and not self.too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
        elif self._received > FOLLOWING * self._server.options.body_limit:
            self.channel.loseConnection()

    def process(self) -> None:
        """All of it is there."""
        self._server.begin(self)


class APIChannel(HTTPChannel):
    """One connection, of a bounded number."""

    factory: APIFactory

    def connectionMade(self) -> None:
        """Take it, or cut it where there are too many."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.factory.open += 1
        if self.factory.open > self.factory.options.connections:
            transport: Any = self.transport
            log.warn("api: {peer} is cut: too many connections", peer=str(transport.getPeer()))
            transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """It is gone."""
        self.factory.open -= 1
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class APIFactory(HTTPFactory):
    """Answers requests.

    Args:
        directory: what is administered.
        tokens: who may do that.
        threads: where the directory is asked.
        options: limits.
        clock: for timeouts.
        tallies: count wrong tokens.
    """

    protocol = APIChannel  # type: ignore[assignment]
    noisy = False

    def __init__(
        self,
        directory: Directory,
        tokens: KnownTokens,
        threads: Threads,
        options: APIOptions,
        clock: IReactorTime,
        tallies: ITallies,
    ) -> None:
        super().__init__(timeout=IDLE_TIME, reactor=clock)
        self.options = options
        self._directory = directory
        self._tokens = tokens
        self._threads = threads
        self._clock = clock
        self._tallies = tallies
        self._watch = Watch(lambda: threads.run(directory.entries.last_version), clock, options.waiting)
        self._network_of = ClientNetworks().of
        self._leaving = False
        self.open = 0
        """Connections that stand."""
        self.busy: set[HTTPChannel] = set()
        """Connections with a request that is not answered yet."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection."""
        channel: Any = super().buildProtocol(addr)
        channel.requestFactory = lambda channel, *_: APIRequest(self, channel)
        return channel

    def knows(self, request: Request) -> bool:
        """Does it come with a right token?"""
        try:
            return self._token_of(request) is not None
        except MailframeError:
            return False

    def log(self, request: Request) -> None:
        """Nothing: `begin` tells what came of a request."""

    def leave(self) -> None:
        """End connections with the next answer, and let nobody wait."""
        self._leaving = True
        self._watch.stop()

    def begin(self, request: APIRequest) -> None:
        """Answer a request."""
        channel = request.channel
        self.busy.add(channel)
        gone: list[Failure] = []
        answering: Deferred[None] = Deferred.fromCoroutine(self._answer(request, gone))

        def lost(reason: Failure) -> None:
            gone.append(reason)
            answering.cancel()

        def over(result: Any) -> None:
            self.busy.discard(channel)
            if isinstance(result, Failure) and not result.check(CancelledError):
                log.failure("a request of the API was not answered", result)
                channel.loseConnection()

        request.notifyFinish().addErrback(lost)
        answering.addBoth(over)

    async def _answer(self, request: APIRequest, gone: list[Failure]) -> None:
        begun, said = self._clock.seconds(), _Said(request)
        kind = b"application/json"
        try:
            answer = await self._done(request, said)
        except Problem as problem:
            kind = CONTENT_TYPE.encode("ascii")
            answer = Answer(problem.body(), problem.status, problem.headers)
        if gone:
            return
        log.info(
            "api: {method} {path} is answered with {code}",
            method=said.method,
            path=printable(said.path),
            code=answer.status.value,
            token=said.token.name if said.token is not None else "",
            peer=said.peer,
        )
        metrics.REQUEST_CODES[f"{answer.status.value // 100}xx"].inc()
        if not said.waited:
            metrics.SECONDS.observe(self._clock.seconds() - begun)
        self._write(request, answer, kind)

    async def _done(self, request: APIRequest, said: _Said) -> Answer:
        """Do it.

        Raises:
            Problem: it is not done; of whatever kind the fault is.
        """
        try:
            return await self._routed(request, said)
        except (Problem, CancelledError):
            raise
        except MailframeError as error:
            log.warn("api: {path}: {reason}", path=printable(said.path), reason=error.reason)
            raise problem_of(error) from None
        except Exception:
            log.failure("api: {path} failed", path=printable(said.path))
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; the log says what"
            ) from None

    async def _routed(self, request: APIRequest, said: _Said) -> Answer:
        parts = said.parts()
        if parts == DOCUMENT and said.method == "GET":
            return Answer(document())
        said.token = token = self._checked_token(request, said.peer)
        route, names = find(said.method, parts)
        if route.write is not None and not token.allows(route.area, write=route.write):
            raise not_allowed(route.area, write=route.write)
        if request.too_large:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has {self.options.body_limit} octets at most"
            )
        call = said.call(token, route, names)
        answer = await self._threads.run(route.operation, self._directory, call)
        if route.waits and not answer.body["changes"] and not answer.body["more"] and "since" in call.query:
            answer = await self._waited(route, call, answer, said)
        if answer.changed:
            self._watch.look()
        return answer

    async def _waited(self, route: Route, call: Call, answer: Answer, said: _Said) -> Answer:
        """The answer when there is something to tell, or it is enough."""
        seconds = call.number("wait", 0, LONGEST_WAIT)
        if not seconds:
            return answer
        said.waited = True
        await self._watch.other_than(answer.body["version"], seconds)
        return await self._threads.run(route.operation, self._directory, call)

    def _checked_token(self, request: Request, peer: str) -> APIToken:
        """Whose request it is.

        Raises:
            Problem: nobody's.
        """
        found = self._token_of(request)
        if found is not None:
            return found
        given = _secret(request)
        metrics.WRONG_TOKENS.inc()
        if given and not self._tallies.spend(
            "api.wrong", self._network_of(peer) or peer, 1, self.options.wrong_tokens, MINUTE
        ):
            headers = {"Retry-After": str(int(MINUTE))}
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens came from there", headers=headers
            )
        challenge = 'Bearer realm="mailframe"' + (', error="invalid_token"' if given else "")
        detail = "the token is wrong, or over" if given else "a token is needed: Authorization: Bearer TOKEN"
        raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})

    def _token_of(self, request: Request) -> APIToken | None:
        given = _secret(request)
        return self._tokens.find(given) if given else None

    def _write(self, request: Request, answer: Answer, kind: bytes) -> None:
        request.setResponseCode(answer.status.value, answer.status.phrase.encode("ascii"))
        for name, value in _HEADERS:
            request.setHeader(name, value)
        for header, text in answer.headers.items():
            request.setHeader(header, text)
        body = b""
        if answer.body is not None:
            body = json.dumps(answer.body, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
            request.setHeader(b"Content-Type", kind)
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            request.setHeader(b"Content-Length", str(len(body)).encode("ascii"))
        channel, leaving = request.channel, self._leaving or getattr(request, "too_large", False)
        if leaving:
            request.setHeader(b"Connection", b"close")
        request.write(body)
        request.finish()
        if leaving:
            channel.loseConnection()


class _Said:
    """What a request says, taken apart where it is asked for."""

    def __init__(self, request: Request) -> None:
        method = request.method.decode("ascii", "replace")
        self._request = request
        self.method = "GET" if method == "HEAD" else method
        self.path = request.path.decode("utf-8", "replace")
        client: Any = request.getClientAddress()
        self.peer = client.host if isinstance(client, IPv4Address | IPv6Address) else "local"
        self.token: APIToken | None = None
        self.waited = False

    def parts(self) -> list[str]:
        """The parts of the path.

        Raises:
            Problem: they are no text.
        """
        return [_text(unquote_to_bytes(part)) for part in self._request.path.removeprefix(b"/").split(b"/")]

    def call(self, token: APIToken, route: Route, names: Mapping[str, str]) -> Call:
        """The request without HTTP.

        Raises:
            Problem: it says something that is not known here.
        """
        request = self._request
        assert request.content is not None
        query = {_text(name): _text(values[0]) for name, values in request.args.items()}
        unknown = sorted(set(query) - set(route.query))
        if unknown:
            raise wrong(f"{unknown[0]!r} is not known here; known are {', '.join(route.query) or 'none'}")
        return Call(
            token,
            names,
            query,
            request.content.read(),
            request.getHeader("If-Match") or "",
            request.getHeader("If-None-Match") or "",
        )


def _secret(request: Request) -> str:
    """The token that was shown (RFC 6750 section 2.1); "" for none."""
    scheme, _, secret = (request.getHeader("Authorization") or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _text(octets: bytes) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the address of the request is no UTF-8") from None
    if not text.isprintable():
        raise Problem(HTTPStatus.BAD_REQUEST, "the address of the request has characters that cannot be seen")
    return text
