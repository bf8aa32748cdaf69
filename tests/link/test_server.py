"""The side that answers, and the one that asks, over real sockets."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from mailframe.link.accounts import AccountService
from mailframe.link.client import LinkClient, LinkPeer
from mailframe.link.remote_account import RemoteAccount
from mailframe.link.server import LinkServerFactory
from mailframe.link.store_values import READ_LIMIT
from mailframe.message.networks import Networks
from mailframe.message.status import MailframeError
from mailframe.store.memory import MemoryStore
from mailframe.store.values import INBOX, Item, Span
from mailframe.testing.store.fixture import ALICE, describe, new
from mailframe.transfer.comparing import compare_accounts
from mailframe.transfer.converting import Conversion

KEY = "k" * 40
reactor = cast(Any, installed)


class LinkTests(TestCase):
    """Two sides of one process."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.store = MemoryStore(describe)
        account = await self.store.account(ALICE)
        await account.append(INBOX, [new(b"Subject: one\r\n\r\none\r\n"), new(b"x" * 3_000_000)])
        await account.set_access(INBOX, "bob@example.test", frozenset("lr"))
        await account.set_metadata(INBOX, {"/shared/comment": b"\x00\xff"})
        account.close()
        self.port = self.listen(["127.0.0.0/8"])

    def listen(self, networks: list[str]) -> int:
        """A server, for some networks."""

        async def exists(name: str) -> bool:
            return name == ALICE

        services = {"accounts": lambda: AccountService(self.store, exists)}
        factory = LinkServerFactory(KEY, services, Networks(networks), cast(IReactorTime, reactor))
        port = cast(IReactorTCP, reactor).listenTCP(0, cast(Any, factory), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(cast(Any, port.getHost()).port)

    def peer(self, key: str = KEY, port: int = 0) -> LinkPeer:
        return LinkPeer("127.0.0.1", port or self.port, key, None, 10.0)

    async def refused(self, peer: LinkPeer, service: str = "accounts") -> str:
        """Why a link cannot be made."""

        def ask() -> str:
            try:
                LinkClient(peer, service).close()
            except MailframeError as error:
                return error.reason
            return ""

        return await deferToThread(ask)

    async def test_whole_account(self) -> None:
        """An account read over a link is the account: its image has no difference."""

        def copy() -> list[str]:
            other = MemoryStore(describe)

            async def work() -> list[str]:
                source: Any = RemoteAccount(self.peer(), ALICE)
                image = await other.account(ALICE)
                await Conversion(source, image).run()
                found = await compare_accounts(source, image)
                source.close()
                return found

            return run(work())

        self.assertEqual([], await deferToThread(copy))

    async def test_facts_and_octets(self) -> None:
        """Pieces come as they are asked for; of what is gone there are none."""

        def look() -> Any:
            account = RemoteAccount(self.peer(), ALICE)
            try:
                mailbox = run(account.open(INBOX))
                pieces = run(mailbox.read([Span(1, 2, 4), Span(99, 0, 5), Span(2, 2_999_999, 10)]))
                facts = run(mailbox.fetch([1, 2, 3], Item.FLAGS))
                mailbox.close()
                return pieces, [message.uid for message in facts], run(account.identifiers())
            finally:
                account.close()

        pieces, uids, identifiers = await deferToThread(look)
        self.assertEqual([b"bjec", None, b"x"], pieces)
        self.assertEqual(([1, 2], frozenset({"bob@example.test"})), (uids, identifiers))

    async def test_unknown_account(self) -> None:
        """An account without mail is not made by asking for it."""

        def ask() -> str:
            error = self.assertRaises(MailframeError, RemoteAccount, self.peer(), "bob@example.test")
            return str(error.status.word)

        self.assertEqual("NONEXISTENT", await deferToThread(ask))

    async def test_strangers(self) -> None:
        """Whoever has another key, comes from elsewhere or wants something else is turned away."""
        with capturedLogs() as events:
            self.assertIn("shared keys are not the same", await self.refused(self.peer("foreign" * 9)))
        self.assertNotIn("foreign", repr(events))
        self.assertIn("no such service", await self.refused(self.peer(), "mail"))
        port = self.listen(["192.0.2.0/24"])
        self.assertIn("not for this address", await self.refused(self.peer(port=port)))

    async def test_nobody(self) -> None:
        """Where nobody listens, or something else does, that is said."""
        self.assertIn("refused", await self.refused(LinkPeer("127.0.0.1", 1, KEY, None)))

    async def test_bad_calls(self) -> None:
        """What cannot be asked is refused, and the next call is answered."""

        def ask() -> list[str]:
            link = LinkClient(self.peer(), "accounts")
            reasons = []
            for header in (
                {},
                {"call": "delete"},
                {"call": "mailboxes"},
                {"call": "account", "name": 5},
                {"call": "open", "name": INBOX},
                {"call": "snapshot", "mailbox": 7},
            ):
                reasons.append(self.assertRaises(MailframeError, link.call, header).reason)
            link.call({"call": "account", "name": ALICE})
            mailbox = link.call({"call": "open", "name": INBOX}).header["mailbox"]
            for spans in ([[1, 0, READ_LIMIT + 1]], [[1, -1, 5]], [[1, 0, None]], [["1", 0, 1]], [1]):
                request = {"call": "read", "mailbox": mailbox, "spans": spans}
                reasons.append(self.assertRaises(MailframeError, link.call, request).reason)
            self.assertTrue(link.call({"call": "mailboxes"}).header["mailboxes"])
            link.close()
            return reasons

        reasons = await deferToThread(ask)
        self.assertEqual({"127.0.0.1: This cannot be asked"}, set(reasons))
        self.flushLoggedErrors()


def run(coroutine: Any) -> Any:
    """What a coroutine gives that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")
