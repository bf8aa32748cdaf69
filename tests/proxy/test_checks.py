"""Hosts of stores that do not answer are known before anybody has to wait for them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailframe.location.values import Host, Store, Transport
from mailframe.proxy import checks
from mailframe.proxy.checks import HostChecks
from mailframe.proxy.connecting import Connecting
from mailframe.proxy.hosts import AVOID, Hosts
from mailframe.proxy.settings import ProxySettings
from mailframe.tls.client import ClientContexts

from .farm import FarmCase

reactor: Any = installed
ONE, TWO = Host("one"), Host("two")
BOTH = Store("s1", (ONE, TWO))


class HostsTests(SynchronousTestCase):
    """What is remembered of hosts."""

    def setUp(self) -> None:
        """A clock that stands still."""
        self.clock = Clock()
        self.hosts = Hosts(self.clock)

    def order(self) -> str:
        """Which is tried first."""
        return self.hosts.order(BOTH)[0].name

    def test_failed(self) -> None:
        """A host that failed somebody is tried last for ten seconds."""
        self.assertEqual("one", self.order())
        self.hosts.failed(BOTH, ONE)
        self.assertEqual("two", self.order())
        self.assertEqual([], self.hosts.down([BOTH]))
        self.clock.advance(AVOID)
        self.assertEqual("one", self.order())

    def test_looked(self) -> None:
        """One that was seen not to answer is tried last until it is seen again, or lets somebody in."""
        for back in (self.hosts.looked, lambda store, host, _: self.hosts.answered(store, host)):
            self.hosts.looked(BOTH, ONE, False)
            self.clock.advance(10 * AVOID)
            self.hosts.failed(BOTH, ONE)
            self.clock.advance(10 * AVOID)
            self.assertEqual("two", self.order())
            back(BOTH, ONE, True)
            self.assertEqual("one", self.order())

    def test_down(self) -> None:
        """A store is down when all its hosts are."""
        self.hosts.looked(BOTH, ONE, False)
        self.assertEqual([], self.hosts.down([BOTH]))
        self.hosts.failed(BOTH, TWO)
        self.assertEqual(["s1"], self.hosts.down([BOTH]))

    @given(st.lists(st.tuples(st.sampled_from(["failed", "answered", "well", "ill"]), st.integers(0, 2))))
    def test_all_are_tried(self, events: list[tuple[str, int]]) -> None:
        """Whatever happened, every host is tried, once."""
        store = Store("s", (ONE, TWO, Host("three")))
        for event, number in events:
            host = store.hosts[number]
            if event in ("well", "ill"):
                self.hosts.looked(store, host, event == "well")
            else:
                getattr(self.hosts, event)(store, host)
        self.assertEqual(
            sorted(host.name for host in store.hosts), sorted(h.name for h in self.hosts.order(store))
        )


class Saying(Protocol):
    """A server that says one thing, and then nothing."""

    def connectionMade(self) -> None:
        """Say it."""
        assert self.transport is not None
        self.transport.write(self.factory.words)  # type: ignore[attr-defined]


class HostChecksTests(FarmCase):
    """Real connections."""

    def checking(self, store: Store, protocol: str = "imap", **settings: Any) -> tuple[HostChecks, Hosts]:
        """Looks at a store very often."""
        hosts = Hosts(reactor)
        connecting = Connecting(reactor, ClientContexts(), ProxySettings(**settings))
        made = HostChecks(reactor, [store], protocol, connecting, hosts, 0.05)
        self.addCleanup(made.stop)
        made.start()
        made.start()
        return made, hosts

    async def until(self, true: Any) -> None:
        """Wait for something."""
        for _ in range(400):
            if true():
                return
            await deferLater(reactor, 0.02)
        self.fail("it did not come about")

    async def test_away_and_back(self) -> None:
        """A store that goes away is noticed, and so is its return; nobody has to log in for that."""
        await self.start_store("s1")
        store = self.store("s1")
        _, hosts = self.checking(store)
        role = self.roles.pop()
        await deferLater(reactor, 0.3)
        self.assertEqual([], hosts.down([store]))
        port = self.ports["s1"]
        await role.stopService()
        await self.until(lambda: hosts.down([store]))
        self.endpoint = lambda: TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")  # type: ignore[method-assign]
        await self.start_store("s1")
        await self.until(lambda: not hosts.down([store]))
        for authenticator in self.authenticators:
            await authenticator.stop()

    async def test_wrong_certificate(self) -> None:
        """A host that is not who it should be is as one that does not answer."""
        await self.start_store("s1")
        store = self.store("s1", authorities=None)
        _, hosts = self.checking(store)
        await self.until(lambda: hosts.down([store]))

    async def test_greetings(self) -> None:
        """Of each protocol; a server that greets otherwise, or not at all, is not well."""
        for protocol, words, well in (
            ("imap", b"* OK here\r\n", True),
            ("imap", b"* BYE full\r\n", False),
            ("pop3", b"+OK here\r\n", True),
            ("pop3", b"-ERR full\r\n", False),
            ("submission", b"220 here\r\n", True),
            ("submission", b"421 full\r\n", False),
            ("managesieve", b'"IMPLEMENTATION" "x"\r\n', True),
            ("imap", b"* OK" + b"x" * 200_000, False),
            ("imap", b"", False),
        ):
            factory: Any = Factory.forProtocol(Saying)
            factory.words = words
            factory.noisy = False
            port = await self.endpoint().listen(factory)
            self.addCleanup(port.stopListening)
            host = Host("127.0.0.1", {protocol: port.getHost().port})
            store = Store("s1", (host,), Transport.NONE)
            made, hosts = self.checking(store, protocol, store_timeout=0.3)
            if well:
                await deferLater(reactor, 0.2)
            else:
                await self.until(lambda: hosts.is_down(store, host))  # noqa: B023 - called at once
            self.assertEqual(well, not hosts.down([store]), words[:20])
            made.stop()
            await port.stopListening()

    async def test_many(self) -> None:
        """Never are more looked at than a few at the same time."""
        self.patch(checks, "AT_ONCE", 3)
        asked: list[Deferred[Any]] = []

        class Slow:
            """Takes its time."""

            async def connect(self, *_: object) -> Any:
                asked.append(Deferred())
                return await asked[-1]

        store = Store("s1", tuple(Host(f"h{number}") for number in range(10)))
        clock = Clock()
        slow: Any = Slow()
        made = HostChecks(clock, [store], "imap", slow, Hosts(clock), 1.0)
        made.start()
        clock.pump([0.1] * 50)
        self.assertEqual(3, len(asked))
        made.stop()
        self.assertEqual([], clock.getDelayedCalls())
