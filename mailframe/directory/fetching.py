"""One small answer from a web server, with a bound on its size and on the time it takes."""

from __future__ import annotations

from typing import Any, Final, cast
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from mailframe.message.origin import ip_address

LIMIT: Final = 256 * 1024
"""Octets of an answer."""
AT_ONCE: Final = 64
"""Questions under way to one server."""
_KEPT: Final = 8


class FetchError(Exception):
    """There is no answer, or none that can be used. The text is for the log."""


class Fetcher:
    """Asks web servers; connections are kept for a while.

    Args:
        reactor: of this process.
        timeout: seconds a whole question may take.
    """

    def __init__(self, reactor: Any, timeout: float) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = _KEPT
        self._agent = Agent(reactor, connectTimeout=timeout, pool=self._pool)
        self._under_way: set[Deferred[bytes]] = set()

    async def fetch(
        self, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """GET, or POST of a form.

        Args:
            url: checked by `checked_url`.
            body: the form; None to GET.
            headers: besides the usual ones.

        Raises:
            FetchError: there is no answer in time, or it is too long, or says anything else than 200.
        """
        if len(self._under_way) >= AT_ONCE:
            raise FetchError(f"{AT_ONCE} questions are under way already")
        work = Deferred.fromCoroutine(self._fetch(url, body, headers or {}))
        self._under_way.add(work)
        work.addTimeout(self._timeout, self._reactor)
        try:
            return await work
        except FetchError:
            raise
        except Exception as error:
            raise FetchError(f"{_host(url)} does not answer: {str(error) or type(error).__name__}") from error
        finally:
            self._under_way.discard(work)

    async def stop(self) -> None:
        """Ask no more, and close the connections that were kept."""
        for work in tuple(self._under_way):
            work.cancel()
        await self._pool.closeCachedConnections()

    async def _fetch(self, url: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        fields = Headers({b"User-Agent": [b"Mailframe"], b"Accept": [b"application/json"]})
        for name, value in headers.items():
            fields.addRawHeader(name, value)
        if body is None:
            response = await self._agent.request(b"GET", url.encode("ascii"), fields)
        else:
            fields.addRawHeader("Content-Type", "application/x-www-form-urlencoded")
            form = cast(IBodyProducer, _Form(body))
            response = await self._agent.request(b"POST", url.encode("ascii"), fields, form)
        octets = await _body(response)
        if response.code != 200:
            raise FetchError(f"{_host(url)} answers {response.code}")
        return octets


def checked_url(url: str) -> str:
    """A URL that secrets may be sent to: HTTPS, or HTTP on this machine.

    Raises:
        ValueError: it is another.
    """
    parts = urlsplit(url)
    address = ip_address(parts.hostname or "")
    here = parts.hostname == "localhost" or (address is not None and address.is_loopback)
    if (
        not url.isascii()
        or not parts.hostname
        or not (parts.scheme == "https" or (parts.scheme == "http" and here))
    ):
        raise ValueError(f"{url!r} is no https: URL")
    return url


async def _body(response: Any) -> bytes:
    collector = _Collector()
    finished: Deferred[bytes] = Deferred(lambda cancelled: collector.cut())
    collector.finished = finished
    response.deliverBody(collector)
    return await finished


@implementer(IBodyProducer)
class _Form:
    """A body that is small enough to be sent at once."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._octets)
        return succeed(None)

    def pauseProducing(self) -> None:
        """All is written already."""

    def resumeProducing(self) -> None:
        """All is written already."""

    def stopProducing(self) -> None:
        """All is written already."""


class _Collector(Protocol):
    """Keeps what arrives, up to `LIMIT`."""

    def __init__(self) -> None:
        self.finished: Deferred[bytes] | None = None
        self._octets = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > LIMIT:
            self._fail(FetchError(f"the answer has more than {LIMIT} octets"))
            self.cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone, PotentialDataLoss) is None:
            self._fail(ConnectionLost())
            return
        finished, self.finished = self.finished, None
        if finished is not None:
            finished.callback(bytes(self._octets))

    def cut(self) -> None:
        """Read no more."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _fail(self, error: Exception) -> None:
        finished, self.finished = self.finished, None
        if finished is not None:
            finished.errback(error)


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
