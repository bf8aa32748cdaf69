"""An mbox store without threads, whose files break on demand, and short ways to use it."""

from __future__ import annotations

import errno
import os
from collections.abc import Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.content import Content
from mailframe.message.status import Status
from mailframe.store.files import Files
from mailframe.store.hints import LocalHints
from mailframe.store.mbox.files import MboxFiles
from mailframe.store.mbox.names import MESSAGES
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.values import INBOX, Delivery, Item, NewMessage, Span
from mailframe.testing.store import describe
from tests.store.maildir.fixture import numbered, quick_directory

ALICE = "alice@example.test"
BOB = "bob@example.test"
FROM = b"From bob@example.test Tue Nov 14 22:13:20 2023\n"
_TIMES = ("now", "monotonic", "sleep", "lives", "remove_tree", "exists", "is_directory", "close")

__all__ = ["ALICE", "BOB", "FROM", "FaultyFiles", "MboxCase", "numbered"]


class FaultyFiles(MboxFiles):
    """Counts operations; the one with a given number fails, or all from there on, as after a crash. Time is its own."""

    __slots__ = ("at", "code", "count", "dead", "time_is")

    def __init__(self) -> None:
        self.time_is = 1000.0
        self.mend()

    def break_at(self, number: int, code: int = errno.EIO, dead: bool = False) -> None:
        """The operation of this number from now on fails; ``dead``: and all that follow."""
        self.count, self.at, self.code, self.dead = 0, number, code, dead

    def mend(self) -> None:
        """No more faults."""
        self.count, self.at, self.code, self.dead = 0, -1, errno.EIO, False

    def strike(self, name: str) -> None:
        self.count += 1
        if self.count == self.at or (self.dead and self.count > self.at):
            raise OSError(self.code, os.strerror(self.code), name)

    def close(self, descriptor: int) -> None:
        """Even a process that dies closes its files."""
        try:
            self.strike("close")
        finally:
            super().close(descriptor)

    def now(self) -> float:
        return self.time_is

    def monotonic(self) -> float:
        return self.time_is

    def sleep(self, seconds: float) -> None:
        self.time_is += seconds


def _faulty(name: str) -> Any:
    def operation(self: FaultyFiles, *arguments: Any, **named: Any) -> Any:
        self.strike(name)
        return getattr(MboxFiles, name)(self, *arguments, **named)

    return operation


for _name in {*vars(Files), *vars(MboxFiles)}:
    if not _name.startswith("_") and _name not in _TIMES:
        setattr(FaultyFiles, _name, _faulty(_name))


class MboxCase(SynchronousTestCase):
    """Makes a store; everything is done when it is called."""

    options = MboxOptions(threads=0, mailboxes={"Sent": "\\Sent"})
    boot = "boot-1"

    def setUp(self) -> None:
        self.directory = quick_directory(self)
        self.files = FaultyFiles()
        self.clock = Clock()
        self.hints = LocalHints()
        self.store = self.started()
        self.addCleanup(lambda: self.wait(self.store.stop()))

    def started(self, boot: str = "", options: MboxOptions | None = None) -> MboxStore:
        store = MboxStore(
            self.directory, describe, self.hints, self.clock, options or self.options,
            files=self.files, boot=boot or self.boot,
        )  # fmt: skip
        self.wait(store.start())
        return store

    def restarted(self, boot: str = "", options: MboxOptions | None = None) -> None:
        """Stop and start again."""
        self.wait(self.store.stop())
        self.store = self.started(boot, options)

    def crashed(self) -> None:
        """Go on with what is there, as another process would; nothing is written any more by the one before."""
        self.files.break_at(1, dead=True)
        before, self.files = self.store, FaultyFiles()
        self.addCleanup(lambda: self.wait(before.stop()))
        for place, _, names in os.walk(self.directory):
            for name in names:
                if name.endswith(".lock"):
                    os.unlink(os.path.join(place, name))
        self.store = self.started("boot-1")

    def rest(self) -> None:
        """Time goes by, and what can wait is done."""
        for _ in range(5):
            self.files.time_is += 1.0
            self.clock.advance(1.0)

    def wait(self, awaitable: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(awaitable))

    def fails(self, awaitable: Coroutine[Any, Any, Any], *kinds: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(awaitable), *kinds).value

    def account(self, name: str = ALICE) -> Any:
        return self.wait(self.store.account(name))

    def opened(self, mailbox: str = INBOX, account: str = ALICE, read_only: bool = False) -> Any:
        return self.wait(self.account(account).open(mailbox, read_only))

    def deliver(self, *octets: bytes, account: str = ALICE, **arguments: Any) -> list[Status]:
        deliveries = [
            Delivery(account, NewMessage(Content.of(each), queue_id="Q"), **arguments) for each in octets
        ]
        return list(self.wait(self.store.deliver(deliveries)))

    def append(self, *octets: bytes, mailbox: str = INBOX, flags: Iterable[str] = ()) -> list[int]:
        messages = [NewMessage(Content.of(each), frozenset(flags)) for each in octets]
        return list(self.wait(self.account().append(mailbox, messages)).uids)

    def messages(self, mailbox: str = INBOX, account: str = ALICE) -> dict[int, bytes]:
        """UIDs and octets of all messages."""
        opened = self.opened(mailbox, account, read_only=True)
        uids = list(self.wait(opened.snapshot()).uids)
        return dict(zip(uids, self.wait(opened.read([Span(uid) for uid in uids])), strict=True))

    def contents(self, mailbox: str = INBOX, account: str = ALICE) -> list[bytes]:
        return list(self.messages(mailbox, account).values())

    def flags(self, mailbox: str = INBOX) -> dict[int, frozenset[str]]:
        opened = self.opened(mailbox, read_only=True)
        uids = self.wait(opened.snapshot()).uids
        return {message.uid: message.flags for message in self.wait(opened.fetch(uids, Item.FLAGS))}

    def path(self, mailbox: str = INBOX, account: str = "alice") -> str:
        return os.path.join(self.directory, "example.test", account, mailbox, MESSAGES)

    def file(self, mailbox: str = INBOX) -> bytes:
        """The file of a mailbox."""
        with open(self.path(mailbox), "rb") as file:
            return file.read()

    def put(self, octets: bytes, mailbox: str = INBOX) -> None:
        """Another program writes a file anew."""
        os.makedirs(os.path.dirname(self.path(mailbox)), exist_ok=True)
        with open(self.path(mailbox), "wb") as file:
            file.write(octets)

    def add(self, octets: bytes, mailbox: str = INBOX) -> None:
        """Another program appends."""
        with open(self.path(mailbox), "ab") as file:
            file.write(octets)
