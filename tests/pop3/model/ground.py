"""What hypothesis' POP3 clients stand on: the mail that there must be, and what each client must be told of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailframe.message.status import MailframeError
from mailframe.pop3.server import POP3ServerFactory
from mailframe.store.interfaces import IMailAccount, IMailbox, IMailStore
from mailframe.store.values import INBOX, SEEN, Item, Span
from mailframe.testing.store.fixture import ALICE
from mailframe.testing.transports import MemoryTransport

LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"Dear Alice,", b"\xc3\xa9\xff"]), max_size=6)
Start = Callable[[], tuple[Sequence[IMailStore], Sequence[POP3ServerFactory], Clock]]


@dataclass(eq=False)
class Mail:
    """A message of INBOX.

    Attributes:
        gone: it is in INBOX no more.
        uidl: what it was called when somebody asked first.
    """

    octets: bytes
    uid: int
    flags: frozenset[str] = frozenset()
    gone: bool = False
    uidl: str = ""


@dataclass(eq=False)
class Visit:
    """A session that is logged in.

    Attributes:
        listing: what there was when it came, in order.
    """

    client: Client
    listing: Sequence[Mail]
    deleted: set[Mail] = field(default_factory=set)
    retrieved: set[Mail] = field(default_factory=set)

    def marked(self, number: int) -> bool:
        """Is it marked deleted?"""
        return self.listing[number - 1] in self.deleted

    @property
    def left(self) -> list[tuple[int, Mail]]:
        """What is not marked deleted, with its number."""
        return [(n, mail) for n, mail in enumerate(self.listing, 1) if mail not in self.deleted]


class Client:
    """Speaks to a server."""

    def __init__(self, server: POP3ServerFactory) -> None:
        self._protocol = server.buildProtocol(None)
        self.transport = MemoryTransport()
        self._protocol.makeConnection(self.transport)
        assert self.heard().startswith(b"+OK")

    def heard(self) -> bytes:
        """What the server said."""
        return self.transport.take()

    def say(self, *lines: str) -> bytes:
        """Send lines in one segment; the answers."""
        self._protocol.dataReceived("".join(f"{line}\r\n" for line in lines).encode())
        return self.heard()

    def lose(self) -> None:
        """The connection is gone."""
        self._protocol.connectionLost(Failure(ConnectionDone()))


class Ground(RuleBasedStateMachine):
    """One account's INBOX, its POP3 sessions, and others that change it.

    Args:
        start: makes stores over one empty account, and a server for each.
        stop: they are done with.
        lock: the maildrop is locked.
    """

    def __init__(self, start: Start, stop: Callable[[], None], lock: bool) -> None:
        super().__init__()
        self._stores, self._servers, self.clock = start()
        self._stop = stop
        self._turn = self._number = self._last_uid = 0
        self.lock = lock
        self.inbox: list[Mail] = []
        self.visits: list[Visit] = []
        self.named: dict[str, Mail] = {}

    def teardown(self) -> None:
        """Nobody said QUIT: nothing may change."""
        try:
            while self.visits:
                self.visits.pop().client.lose()
            self.as_it_must_be()
        finally:
            self._stop()

    @invariant()
    def as_it_must_be(self) -> None:
        """INBOX is what the model says: messages, contents, flags."""
        found = self.done(self._look)
        wanted = [(mail.uid, mail.octets, mail.flags) for mail in self.inbox]
        assert found == wanted, f"{found} is {wanted}"

    # Ways to do it.

    def client(self) -> Client:
        """A connection, to one server after the other."""
        self._turn += 1
        return Client(self._servers[self._turn % len(self._servers)])

    def done(self, action: Callable[[IMailAccount], Awaitable[Any]]) -> Any:
        """What somebody else does with the account, at one store after the other."""
        self._turn += 1
        return finished(self._with_account(self._stores[self._turn % len(self._stores)], action))

    def with_inbox(self, action: Callable[[IMailbox], Awaitable[Any]]) -> Any:
        """What somebody else does with INBOX."""

        async def opened(account: IMailAccount) -> Any:
            return await action(await account.open(INBOX))

        return self.done(opened)

    def store(self) -> IMailStore:
        """One store after the other."""
        self._turn += 1
        return self._stores[self._turn % len(self._stores)]

    def new_octets(self, lines: Sequence[bytes], body: bool) -> bytes:
        """Content like no other."""
        self._number += 1
        head = b"Subject: %d\r\n" % self._number
        return head + b"\r\n" + b"".join(line + b"\r\n" for line in lines) if body else head

    def arrived(self, octets: bytes, flags: frozenset[str] = frozenset(), uidl: str = "") -> None:
        """There is a new message at the end, with a UID above all before."""
        uids = [uid for uid, _, _ in self.done(self._look)]
        assert len(uids) == len(self.inbox) + 1
        assert uids[-1] > self._last_uid, f"UID {uids[-1]} is not above all before"
        self._last_uid = uids[-1]
        mail = Mail(octets, uids[-1], flags, uidl=uidl)
        self.inbox.append(mail)
        if uidl:
            self.named[uidl] = mail

    def removed(self, mails: Sequence[Mail]) -> None:
        """These are there no more."""
        for mail in mails:
            mail.gone = True
        self.inbox = [mail for mail in self.inbox if not mail.gone]

    def quit(self, visit: Visit) -> None:
        """What QUIT must do: what was marked goes, what was retrieved and stays is seen."""
        self.visits.remove(visit)
        self.removed([mail for mail in visit.deleted if not mail.gone])
        for mail in visit.retrieved - visit.deleted:
            mail.flags |= {SEEN}

    async def _with_account(self, store: IMailStore, action: Callable[[IMailAccount], Awaitable[Any]]) -> Any:
        account = await store.account(ALICE)
        try:
            return await action(account)
        finally:
            account.close()

    @staticmethod
    async def _look(account: IMailAccount) -> list[tuple[int, bytes | None, frozenset[str]]]:
        mailbox = await account.open(INBOX, read_only=True)
        found = []
        for message in await mailbox.fetch((await mailbox.snapshot()).uids, Item.FLAGS | Item.SIZE):
            (octets,) = await mailbox.read([Span(message.uid, 0, message.size)])
            found.append((message.uid, octets, frozenset(message.flags)))
        return found


def finished(awaitable: Awaitable[Any]) -> Any:
    """The result of what needs no waiting."""

    async def awaited() -> Any:
        return await awaitable

    results: list[Any] = []
    Deferred.fromCoroutine(awaited()).addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        if result.check(MailframeError):
            raise AssertionError(f"refused: {result.value}")
        result.raiseException()
    return result


def top(octets: bytes, lines: int) -> bytes:
    """The header, the empty line, and so many lines."""
    head, empty, body = octets.partition(b"\r\n\r\n")
    return head + empty + b"".join(body.splitlines(keepends=True)[:lines])


def unstuffed(answer: bytes) -> bytes:
    """A multi-line answer's octets; it must be whole."""
    first, _, rest = answer.partition(b"\r\n")
    assert first.startswith(b"+OK"), first
    lines = rest.split(b"\r\n")
    assert lines[-2:] == [b".", b""], answer[-100:]
    assert b"." not in lines[:-2], "the end comes too soon"
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])
