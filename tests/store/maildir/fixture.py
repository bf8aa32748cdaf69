"""A Maildir store without threads, whose files break on demand, and short ways to use it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import Size
from mailframe.message.content import Content
from mailframe.message.status import Status
from mailframe.store.files import Files
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop.surroundings import NO_POLICIES
from mailframe.store.values import INBOX, Delivery, Item, NewMessage, Span
from mailframe.testing.store import describe

ALICE = "alice@example.test"
BOB = "bob@example.test"
_OPERATIONS = [name for name in vars(Files) if not name.startswith("_") and name != "remove_tree"]


class FaultyFiles(Files):
    """Counts operations; the one with a given number, or each of a given name, fails."""

    __slots__ = ("at", "code", "count", "names_that_fail")

    def __init__(self) -> None:
        self.mend()

    def break_at(self, number: int, code: int = errno.EIO) -> None:
        """The operation of this number from now on fails, once."""
        self.count, self.at, self.code = 0, number, code

    def break_on(self, *names: str, code: int = errno.EIO) -> None:
        """Each operation of these names fails."""
        self.names_that_fail, self.code = set(names), code

    def mend(self) -> None:
        """No more faults."""
        self.count, self.at, self.code = 0, -1, errno.EIO
        self.names_that_fail: set[str] = set()

    def strike(self, name: str) -> None:
        self.count += 1
        if self.count == self.at or name in self.names_that_fail:
            raise OSError(self.code, os.strerror(self.code), name)


def _faulty(name: str) -> Any:
    def operation(self: FaultyFiles, *arguments: Any, **named: Any) -> Any:
        if name == "close":
            # A descriptor is closed even where the system tells of a fault.
            Files.close(self, *arguments)
            return self.strike(name)
        self.strike(name)
        return getattr(Files, name)(self, *arguments, **named)

    return operation


for _name in _OPERATIONS:
    setattr(FaultyFiles, _name, _faulty(_name))


def quick_directory(case: SynchronousTestCase) -> str:
    """A directory for one test, in memory where the system has that: a test flushes hundreds of times."""
    place = "/dev/shm"
    if not os.access(place, os.W_OK):
        return os.path.abspath(case.mktemp())
    directory = tempfile.mkdtemp(prefix="mailframe-test-", dir=place)
    case.addCleanup(shutil.rmtree, directory, ignore_errors=True)
    return directory


def numbered(number: int) -> bytes:
    """A message that differs from others."""
    return b"Subject: %d\r\n\r\nThis is message %d.\r\n" % (number, number)


class MaildirCase(SynchronousTestCase):
    """Makes a store; everything is done when it is called."""

    options = MaildirOptions(threads=0, mailboxes={"Sent": "\\Sent"}, journal_size=Size(256 * 1024))
    boot = "boot-1"
    policies = NO_POLICIES

    def setUp(self) -> None:
        self.directory = quick_directory(self)
        self.files = FaultyFiles()
        self.clock = Clock()
        self.hints = LocalHints()
        self.described = 0
        self.store = self.started()
        self.addCleanup(lambda: self.wait(self.store.stop()))

    def describe(self, pieces: Iterable[bytes]) -> Any:
        self.described += 1
        return describe(pieces)

    def started(self, boot: str = "", options: MaildirOptions | None = None) -> MaildirStore:
        store = MaildirStore(
            self.directory,
            self.describe,
            self.hints,
            self.clock,
            options or self.options,
            policies=self.policies,
            files=self.files,
            boot=boot or self.boot,
        )
        self.wait(store.start())
        return store

    def restarted(self, boot: str = "") -> None:
        """Stop and start again."""
        self.wait(self.store.stop())
        self.store = self.started(boot)

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

    def path(self, *parts: str, account: str = "alice") -> str:
        return os.path.join(self.directory, "example.test", account, *parts)

    def names(self, *parts: str, account: str = "alice") -> list[str]:
        return sorted(os.listdir(self.path(*parts, account=account)))

    def put(self, *parts: str, octets: bytes = b"Subject: other\n\nprogram\n", age: float = 0.0) -> str:
        """A file of another program."""
        path = self.path(*parts)
        with open(path, "wb") as file:
            file.write(octets)
        return path
