"""Policies over HTTPS, from a real server."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailframe.delivery.protection.mta_sts.fetching import HTTPSPolicyFetcher
from mailframe.delivery.protection.mta_sts.interfaces import FetchFailed
from mailframe.delivery.protection.mta_sts.policy import parse_policy
from mailframe.dns.values import RecordType
from mailframe.tls.client import ClientContexts
from mailframe.tls.errors import Result
from tests.delivery.protection.https_server import SERVER_HOST, Answering, Raw, serve
from tests.delivery.protection.zone import Zone
from tests.tls.authorities import stranger, trusted

from .test_policy import TEXT


class HTTPSPolicyFetcherTests(TestCase):
    """What is read, and what is not."""

    def setUp(self) -> None:
        self.zone = Zone()
        self.zone.put(SERVER_HOST, RecordType.A, "127.0.0.1")
        self.contexts = ClientContexts(trusted(self.mktemp()))

    async def fetch(self, resource: Answering, *, timeout: float = 5.0, **certificate: Any) -> Any:
        fetcher = HTTPSPolicyFetcher(
            reactor,
            self.zone,
            self.contexts,
            timeout=timeout,
            size_limit=2000,
            port=serve(self, resource, **certificate),
        )
        try:
            return await fetcher.fetch("example.test")
        finally:
            # Connections end a moment after the answer.
            await _moment()

    async def refused(self, result: Result, *arguments: Any, **more: Any) -> None:
        try:
            await self.fetch(*arguments, **more)
        except FetchFailed as failed:
            self.assertIs(result, failed.result, str(failed))
        else:
            self.fail("a policy was read")

    async def test_read(self) -> None:
        """A policy is read from where the RFC wants it."""
        resource = Answering(TEXT)
        self.assertEqual(parse_policy(TEXT), await self.fetch(resource))
        self.assertEqual((b"GET", b"/.well-known/mta-sts.txt"), resource.requests[0][:2])

    async def test_certificates(self) -> None:
        """A certificate of a stranger, for another name or past its end gives no policy."""
        for certificate in ({"ca": stranger()}, {"name": "example.test"}, {"expired": True}):
            resource = Answering(TEXT)
            await self.refused(Result.STS_WEBPKI_INVALID, resource, **certificate)
            self.assertEqual([], resource.requests)

    async def test_redirect(self) -> None:
        """A redirect is not followed, and another answer than 200 is none."""
        for code in (301, 302, 404, 500):
            await self.refused(Result.STS_POLICY_FETCH_ERROR, Answering(TEXT, code))

    async def test_kind(self) -> None:
        """What is not plain text, and what is no policy, is invalid."""
        await self.refused(Result.STS_POLICY_INVALID, Answering(TEXT, kind="text/html"))
        await self.refused(Result.STS_POLICY_INVALID, Answering(b"hello"))

    async def test_large(self) -> None:
        """An answer above the bound is not read to its end."""
        await self.refused(Result.STS_POLICY_FETCH_ERROR, Answering(TEXT + b"x" * 3000))

    async def test_endless_fields(self) -> None:
        """Fields without end, like answers before the answer without end, are not read for long."""
        for octets in (
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000,
            b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000,
        ):
            resource = Raw(octets)
            with self.assertRaises(FetchFailed) as caught:
                await self.fetch(resource)
            self.assertIn("more than 2000 octets", str(caught.exception))

    async def test_slow(self) -> None:
        """A server that does not answer is not waited for longer than is allowed."""
        await self.refused(Result.STS_POLICY_FETCH_ERROR, Answering(None), timeout=0.3)

    async def test_nobody(self) -> None:
        """A host without an address, or whose address nobody can tell, has no policy."""
        self.zone.forget(SERVER_HOST, RecordType.A)
        await self.refused(Result.STS_POLICY_FETCH_ERROR, Answering(TEXT))
        self.zone.fail(SERVER_HOST, RecordType.A)
        await self.refused(Result.STS_POLICY_FETCH_ERROR, Answering(TEXT))

    async def test_next_address(self) -> None:
        """When one address does not answer, the next is asked."""
        self.zone.put(SERVER_HOST, RecordType.A, "127.0.0.2", "127.0.0.1")
        self.assertEqual(parse_policy(TEXT), await self.fetch(Answering(TEXT)))


def _moment() -> Deferred[None]:
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0.02, lambda: None)  # type: ignore[arg-type]
