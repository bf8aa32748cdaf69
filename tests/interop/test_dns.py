"""Our resolver asks a real one that validates: unbound."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.delivery.protection.dane import DANE
from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.options import DNSOptions
from mailframe.dns.stub import StubResolver
from mailframe.dns.values import Found, MXRecord, RecordType, SRVRecord
from mailframe.tls.policies import Level
from tests.docs.pages import DOCS, blocks

from .service import SKIP, run
from .unbound import DIGEST, Unbound

TLSA = b"\x03\x01\x01" + bytes.fromhex(DIGEST)


@functools.cache
def unbound() -> Unbound:
    """One for all tests, started at first use."""
    base = Path(tempfile.mkdtemp(prefix="mf-unbound-"))
    server = Unbound(base)
    server.start()
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    atexit.register(server.stop)
    return server


class UnboundTests(TestCase):
    """What unbound says is what we tell."""

    skip = SKIP
    timeout = 60.0

    def setUp(self) -> None:
        self.resolver = self.make_resolver()

    def make_resolver(self) -> StubResolver:
        """A resolver that remembers nothing yet."""
        options = DNSOptions(servers=[str(unbound().server)], timeout=1.0, rounds=2)
        resolver = StubResolver(reactor, options)
        self.addCleanup(resolver.stop)
        return resolver

    async def test_signed(self) -> None:
        """All types of records of a signed zone are right, and proved."""
        for name, kind, records in (
            ("signed.test", RecordType.MX, {MXRecord(10, "mx.signed.test"), MXRecord(20, "mx.plain.test")}),
            ("signed.test", RecordType.TXT, {b"v=spf1 mx -all"}),
            ("signed.test", RecordType.NS, {"ns.signed.test"}),
            ("mx.signed.test", RecordType.A, {"192.0.2.1"}),
            ("mx.signed.test", RecordType.AAAA, {"2001:db8::1"}),
            ("www.signed.test", RecordType.CNAME, {"mx.signed.test"}),
            ("www.signed.test", RecordType.A, {"192.0.2.1"}),
            ("_imaps._tcp.signed.test", RecordType.SRV, {SRVRecord(0, 1, 993, "mx.signed.test")}),
            ("_25._tcp.mx.signed.test", RecordType.TLSA, {TLSA}),
            ("x.wild.signed.test", RecordType.MX, {MXRecord(10, "mx.signed.test")}),
        ):
            answer = await self.resolver.lookup(name, kind)
            self.assertEqual(
                (records, Found.RECORDS, True), (set(answer.records), answer.found, answer.secure), name
            )

    async def test_nothing(self) -> None:
        """That there is nothing in a signed zone is proved too, and remembered as long as the zone says."""
        for name, kind, found in (
            ("nobody.signed.test", RecordType.A, Found.NO_NAME),
            ("mx.signed.test", RecordType.MX, Found.NO_RECORDS),
            ("_tcp.signed.test", RecordType.A, Found.NO_RECORDS),
            ("_26._tcp.mx.signed.test", RecordType.TLSA, Found.NO_NAME),
        ):
            answer = await self.resolver.lookup(name, kind)
            self.assertEqual((found, (), True), (answer.found, answer.records, answer.secure), name)
            self.assertLessEqual(answer.expires, reactor.seconds() + 120.0)

    async def test_unsigned(self) -> None:
        """Nothing of an unsigned zone is proved, nor what an alias from a signed zone leads to."""
        null = await self.resolver.lookup("plain.test", RecordType.MX)
        self.assertEqual(((MXRecord(0, ""),), False), (null.exchanges, null.secure))
        away = await self.resolver.lookup("away.signed.test", RecordType.A)
        self.assertEqual((("192.0.2.2",), "mx.plain.test", False), (away.texts, away.canonical, away.secure))
        self.assertTrue((await self.resolver.lookup("away.signed.test", RecordType.CNAME)).secure)
        self.assertIs(Found.NO_NAME, (await self.resolver.lookup("nobody.plain.test", RecordType.A)).found)

    async def test_forged(self) -> None:
        """What was changed on the way is a failure, never an answer."""
        with self.assertRaises(LookupFailed) as caught:
            await self.resolver.lookup("forged.signed.test", RecordType.A)
        self.assertTrue(caught.exception.servfail)

    async def test_long(self) -> None:
        """An answer of 200 addresses, behind an alias, comes whole (by TCP)."""
        answer = await self.resolver.lookup("many.plain.test", RecordType.A)
        self.assertEqual((200, "more.plain.test"), (len(answer.texts), answer.canonical))

    async def test_dane(self) -> None:
        """DANE finds what a signed zone publishes, and believes nothing of one that is not signed."""
        policy = await DANE(self.resolver).policy("signed.test", "mx.signed.test")
        assert policy is not None
        self.assertEqual((Level.DANE, 1), (policy.level, len(policy.tlsa)))
        self.assertIsNone(await DANE(self.resolver).policy("plain.test", "mx.plain.test"))

    def test_documented(self) -> None:
        """unbound takes the configuration that the documentation shows."""
        (shown,) = [block.text for block in blocks(DOCS / "dns.rst") if block.language == "text"]
        path = Path(self.mktemp())
        path.write_text(f'{shown}\n  chroot: ""\n  directory: ""\n  trust-anchor-file: ""\n')
        self.assertIn(b"no errors", run("unbound-checkconf", path))

    async def test_restart(self) -> None:
        """While unbound is away questions fail for now; when it is back, they are answered."""
        unbound().stop()
        try:
            with self.assertRaises(LookupFailed) as caught:
                await self.resolver.lookup("signed.test", RecordType.MX)
            self.assertFalse(caught.exception.servfail)
            self.assertIn("nobody is there", str(await self.resolver.check()))
        finally:
            unbound().start()
        answer = await self.make_resolver().lookup("signed.test", RecordType.MX)
        self.assertEqual(2, len(answer.exchanges))
