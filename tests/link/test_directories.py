"""A directory over a link: with TLS, over real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.ssl import (
    Certificate,
    DefaultOpenSSLContextFactory,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import DataPath, DirectoryName
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Batch, Key, Kind
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import ICredentialSource, IDirectory, IKeepHash, IKeepKeys, ISenderGrants
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.link.asking import Asking
from mailframe.link.directories import NAME, DirectoryService
from mailframe.link.directory_values import from_batch, from_value, to_batch, to_value
from mailframe.link.remote_directory import RemoteDirectory
from mailframe.link.server import LinkServerFactory
from mailframe.message.address import Address
from mailframe.message.networks import Networks
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.testing.directory import ALICE, HASH, KEYS
from mailframe.tls.development import make_certificate
from tests.directory.sources import Moody

KEY = "k" * 40
reactor = cast(Any, installed)


class RemoteDirectoryTests(TestCase):
    """Two sides of one process."""

    def setUp(self) -> None:
        """A directory that is served."""
        self.memory = MemoryDirectory(["example.test"], {"alice@example.test": HASH})
        self.source = Moody(self.memory)
        self.tls = self.certificate("tls")
        self.connections: list[Any] = []
        self.port = self.serve(0)

    def certificate(self, name: str) -> Path:
        """A certificate of our own for localhost."""
        path = Path(self.mktemp()) / name
        make_certificate(str(path), ["localhost"])
        return path

    def serve(self, number: int) -> Any:
        """A listening port."""
        services = {NAME: lambda: cast(Any, DirectoryService(self.source))}
        factory: Any = LinkServerFactory(KEY, services, Networks(["127.0.0.0/8"]), reactor)
        build = factory.buildProtocol

        def kept(address: Any) -> Any:
            self.connections.append(build(address))
            return self.connections[-1]

        factory.buildProtocol = kept
        context = DefaultOpenSSLContextFactory(str(self.tls / "key.pem"), str(self.tls / "certificate.pem"))
        port = reactor.listenSSL(number, factory, context, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port

    async def kill(self) -> None:
        """The node dies."""
        number = self.port.getHost().port
        await self.port.stopListening()
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.abortConnection()
        self.number = number

    def client(self, key: str = KEY, trust: Path | None = None, timeout: float = 5.0) -> RemoteDirectory:
        """The other side."""
        path = (trust or self.tls) / "certificate.pem"
        root = trustRootFromCertificates([Certificate.loadPEM(path.read_bytes())])
        host = HostnameEndpoint(reactor, "localhost", self.port.getHost().port)
        endpoint = wrapClientTLS(optionsForClientTLS("localhost", root), host)
        directory = RemoteDirectory(Asking(endpoint, key, NAME, reactor, timeout))
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        return directory

    async def cannot_say(self, coroutine: Any) -> str:
        """The reason for which a question has no answer for now."""
        with self.assertRaises(MailframeError) as caught:
            await coroutine
        self.assertEqual(CANNOT_LOOK_UP, caught.exception.status)
        return caught.exception.reason

    async def test_answers(self) -> None:
        """It answers as the other node's directory does."""
        remote = self.client()
        for interface in (IDirectory, ICredentialSource, IKeepKeys, IKeepHash, ISenderGrants, IDirectoryFeed):
            self.assertTrue(verifyObject(interface, remote))
        self.memory.grant("alice@example.test", "@example.net")
        self.assertTrue(await remote.is_local("Example.test"))
        self.assertFalse(await remote.is_local("example.org"))
        self.assertEqual(Account("alice@example.test"), await remote.lookup(ALICE))
        self.assertIsNone(await remote.account("bob\ud800@example.test"))
        self.assertTrue(await remote.granted("alice@example.test", Address("x", "example.net")))
        self.assertTrue(await remote.keep_keys("alice@example.test", HASH, [KEYS]))
        self.assertFalse(await remote.keep_hash("alice@example.test", HASH, "{PLAIN}x"))
        found = await remote.credential("alice@example.test")
        self.assertEqual(self.memory.entry(Key(Kind.ACCOUNT, "alice@example.test")), found)
        self.assertEqual(1, len(self.connections))

    async def test_trust(self) -> None:
        """Another key, or a certificate that nobody vouches for, and nothing is asked."""
        reason = await self.cannot_say(self.client(key="x" * 40).lookup(ALICE))
        self.assertIn("keys", reason)
        await self.cannot_say(self.client(trust=self.certificate("other")).lookup(ALICE))
        self.assertEqual([], self.source.asked)

    async def test_source_fails(self) -> None:
        """What the other node cannot say, nobody can; the link stays."""
        remote = self.client()
        self.source.away = True
        await self.cannot_say(remote.lookup(ALICE))
        self.source.away = False
        self.assertTrue(await remote.lookup(ALICE))
        self.assertEqual(1, len(self.connections))

    async def test_hangs(self) -> None:
        """A node that does not answer in time is given up, and asked anew later."""
        remote = self.client(timeout=0.3)
        self.assertTrue(await remote.lookup(ALICE))
        self.source.hangs = True
        self.assertIn("in time", await self.cannot_say(remote.lookup(ALICE)))
        self.source.go_on()
        self.assertTrue(await remote.lookup(ALICE))

    async def test_replica_over_a_link(self) -> None:
        """A copy on another node serves while the node is dead, and is level again soon after it came back."""
        path = DataPath(self.mktemp())
        settings = ReplicaOptions(source=DirectoryName("node"), path=path, poll=0.05)
        replica: Any = ReplicaDirectory(self.client(), settings, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(replica.stop()))
        await replica.start()
        await self.until(lambda: bool(replica._copy.is_complete))
        await self.kill()
        self.memory.add_account("bob@example.test", HASH)
        for _ in range(20):
            self.assertTrue(await replica.lookup(ALICE))
            await deferLater(reactor, 0.01, lambda: None)
        await self.until(lambda: bool(replica._filling.trouble))
        self.assertIsNone(await replica.lookup(Address("bob", "example.test")))
        self.port = self.serve(self.number)
        await self.until(lambda: not replica._filling.trouble)
        self.assertTrue(await replica.lookup(Address("bob", "example.test")))

    async def until(self, question: Any) -> None:
        """Wait until something is so."""
        for _ in range(1000):
            if question():
                return
            await deferLater(reactor, 0.01, lambda: None)
        self.fail("it never became so")


TEXT = st.text(max_size=8)
PART = st.text("abé.+", min_size=1, max_size=8)
ADDRESS = st.builds(Address, PART, st.sampled_from(["example.test", "example.org"]))
ADDRESSES = st.lists(ADDRESS, max_size=3).map(tuple)
ACCOUNTS = st.builds(
    Account,
    TEXT,
    st.booleans(),
    st.integers(0, 2**62),
    TEXT,
    ADDRESSES,
    st.booleans(),
    TEXT,
    st.integers(0, 99),
)
PASSWORDS = st.builds(AppPassword, TEXT, TEXT, TEXT, st.tuples(TEXT), st.integers(0, 99), st.integers(0, 99))
ENTRIES = st.one_of(
    st.builds(Domain, TEXT, TEXT, ADDRESSES),
    st.builds(Alias, ADDRESS, ADDRESSES),
    st.builds(Grant, TEXT, TEXT),
    st.builds(Credential, ACCOUNTS, TEXT, st.tuples(TEXT), st.lists(PASSWORDS, max_size=2).map(tuple)),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["kind", "name", "to", "hash"]), inner),
)


class ValueTests(SynchronousTestCase):
    """What is said is what is understood."""

    @given(st.lists(ENTRIES, max_size=3), ACCOUNTS, st.booleans())
    def test_round_trip(self, entries: list[Any], account: Account, more: bool) -> None:
        """Everything comes back as it was."""
        self.assertEqual(account, to_value(from_value(account)))
        batch = Batch("v1", entries, [Key(Kind.GRANT, "a b")], more)
        self.assertEqual(batch, to_batch(from_batch(batch)))
        self.assertIsNone(to_batch(from_batch(None)))

    @given(ANYTHING)
    def test_nonsense(self, said: Any) -> None:
        """What is nothing of a directory is refused with what callers expect."""
        try:
            to_value(said)
        except (KeyError, TypeError, ValueError):
            pass
