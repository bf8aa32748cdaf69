"""What other programs deliver reaches sessions that wait, without their asking."""

from __future__ import annotations

import os
import select
import shutil
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailframe.store.hints import LocalHints
from mailframe.store.maildir import look, notices
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildir.watching import FIRST_SECONDS, NOTICED_SECONDS
from mailframe.testing.store import describe

from .fixture import ALICE, BOB, MaildirCase, numbered, quick_directory


@implementer(IReactorFDSet)
class Reactor(Clock):
    """A clock with descriptors: what can be read is read when it advances."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: Any) -> None:
        raise NotImplementedError

    def removeWriter(self, writer: Any) -> None:
        raise NotImplementedError

    def removeAll(self) -> list[Any]:
        raise NotImplementedError

    def getReaders(self) -> list[Any]:
        return list(self.readers)

    def getWriters(self) -> list[Any]:
        return []

    def turn(self, seconds: float = 2 * NOTICED_SECONDS) -> None:
        """Read what there is, and let time pass."""
        for reader in tuple(self.readers):
            if select.select([reader.fileno()], [], [], 0)[0]:
                reader.doRead()
        self.advance(seconds)


class WatchingCase(MaildirCase):
    """A store on that clock, with one session that listens."""

    watches = 2

    def setUp(self) -> None:
        self.patch(look, "UNSETTLED_SECONDS", 0.0)
        self.patch(look, "UNSETTLED_SHARE", 0)
        self.patch(look, "SHARE", 0)
        super().setUp()
        self.told = 0

    def started(self, boot: str = "", options: MaildirOptions | None = None) -> MaildirStore:
        self.clock: Any = Reactor()
        return super().started(boot, MaildirOptions(threads=0, watches=self.watches, scan=30.0))

    def listening(self, mailbox: str = "INBOX", account: str = ALICE) -> Any:
        opened = self.opened(mailbox, account)
        self.wait(opened.snapshot())
        opened.listen(self.tell)
        self.clock.turn(FIRST_SECONDS)
        self.clock.turn()
        self.told = 0
        return opened

    def tell(self) -> None:
        self.told += 1


class NoticeTests(WatchingCase):
    """The system tells."""

    def test_delivery(self) -> None:
        """A session hears of a file that another program has put into new/."""
        self.listening()
        self.put("tmp", "1700000000.1.other")
        self.clock.turn()
        self.assertEqual(self.told, 0)
        os.rename(self.path("tmp", "1700000000.1.other"), self.path("new", "1700000000.1.other"))
        self.clock.turn()
        self.assertEqual(self.told, 1)

    def test_delivery_by_link(self) -> None:
        """So it does where the program links the file, as old ones do."""
        self.listening()
        path = self.put("tmp", "1700000000.1.other")
        os.link(path, self.path("new", "1700000000.1.other"))
        self.clock.turn()
        self.assertEqual(self.told, 1)

    def test_flags_and_removal(self) -> None:
        """Another program's flags and removals are told as well."""
        self.deliver(numbered(1))
        self.listening()
        (name,) = self.names("cur")
        os.rename(self.path("cur", name), self.path("cur", name + "S"))
        self.clock.turn()
        self.assertEqual(self.told, 1)
        os.unlink(self.path("cur", name + "S"))
        self.clock.turn()
        self.assertEqual(self.told, 2)

    def test_own_delivery_is_told_once(self) -> None:
        """What the store itself delivers is not told a second time."""
        self.listening()
        self.deliver(numbered(1))
        for _ in range(5):
            self.clock.turn(1.0)
        self.assertEqual(self.told, 1)

    def test_between_the_look_and_the_watch(self) -> None:
        """What comes after the first visit has looked, and before the watches stand, is told when they do."""
        watch = notices.Notices.watch

        def late(self_: notices.Notices, path: str) -> int:
            if path.endswith("new"):
                self.put("new", "1700000000.1.other")
            return watch(self_, path)

        self.patch(notices.Notices, "watch", late)
        opened = self.opened()
        self.wait(opened.snapshot())
        opened.listen(self.tell)
        self.clock.advance(FIRST_SECONDS)
        self.assertEqual(self.told, 1)

    def test_renamed_mailbox(self) -> None:
        """A mailbox that is renamed is still watched, and so is a new one of its old name."""
        self.wait(self.account().create("Work"))
        self.listening("Work")
        self.wait(self.account().rename("Work", "Done"))
        self.wait(self.account().create("Work"))
        new = self.opened("Work")
        heard: list[int] = []
        new.listen(lambda: heard.append(1))
        self.clock.turn(FIRST_SECONDS)
        self.clock.turn()
        self.told = 0
        self.put(".Done", "new", "1700000000.1.other")
        self.clock.turn()
        self.assertEqual((self.told, heard), (1, []))
        self.put(".Work", "new", "1700000000.2.other")
        self.clock.turn()
        self.assertEqual((self.told, heard), (1, [1]))

    def test_replaced_directories(self) -> None:
        """Where somebody removes directories, or puts others in their place, the new ones are watched."""
        self.listening()
        shutil.rmtree(self.path("new"))
        self.clock.turn()
        self.clock.turn(FIRST_SECONDS)
        self.put("new", "1700000000.1.other")
        self.clock.turn()
        self.assertEqual(self.told, 1)
        os.rename(self.path("new"), self.path("new.old"))
        os.makedirs(self.path("new"))
        self.put("new", "1700000000.2.other")
        self.clock.turn()
        self.clock.turn(FIRST_SECONDS)
        self.told = 0
        self.put("new", "1700000000.3.other")
        self.clock.turn()
        self.assertEqual((self.told, len(self.contents())), (1, 2))
        self.assertEqual(len(self.store.hints._watched), 2)

    def test_overflow(self) -> None:
        """When the system could not tell of all, every watched mailbox is looked at."""
        self.listening()
        (reader,) = self.clock.readers
        self.put("new", "1700000000.1.other")
        os.read(reader.fileno(), 1 << 16)
        self.patch(notices.os, "read", lambda *_: notices._HEAD.pack(-1, 0x4000, 0, 0))
        reader.doRead()
        self.clock.advance(1)
        self.assertEqual(self.told, 1)

    def test_end(self) -> None:
        """When the last session has left, nothing is watched; and nothing after the store has stopped."""
        first, second = self.listening(), self.listening()
        first.close()
        watched = self.store.hints._watched
        self.assertEqual(len(watched), 2)
        second.close()
        self.clock.turn(5)
        self.assertEqual((watched, self.clock.getDelayedCalls()), ({}, []))
        self.listening()
        self.wait(self.store.stop())
        self.assertEqual((self.clock.readers, self.clock.getDelayedCalls()), (set(), []))

    def test_removed_account(self) -> None:
        """An account that is removed while somebody listens does no harm."""
        opened = self.listening()
        self.wait(self.store.remove_account(ALICE))
        self.clock.turn(60)
        self.clock.turn(60)
        opened.close()
        self.clock.turn(5)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ScanTests(WatchingCase):
    """The system does not tell, or not of all."""

    watches = 0

    def setUp(self) -> None:
        super().setUp()
        # Else a mailbox in which something has just happened is looked at once more after a second.
        self.patch(look, "SETTLED_NANOSECONDS", 0)

    def test_scan(self) -> None:
        """Without notices a mailbox is looked at every so often."""
        self.listening()
        self.put("new", "1700000000.1.other")
        self.clock.turn(29)
        self.assertEqual(self.told, 0)
        self.clock.turn(2)
        self.assertEqual(self.told, 1)

    def test_fault(self) -> None:
        """A mailbox that cannot be reached for a while is looked at later."""
        self.listening()
        shutil.move(self.path(), self.path() + ".away")
        self.clock.turn(31)
        shutil.move(self.path() + ".away", self.path())
        self.put("new", "1700000000.1.other")
        self.clock.turn(61)
        self.clock.turn(61)
        self.assertEqual(self.told, 1)


class LimitTests(WatchingCase):
    """So many are watched, and no more."""

    watches = 1

    def test_limit(self) -> None:
        """One above the limit is looked at every so often; when one leaves, another takes its place."""
        first, _ = self.listening(), self.listening(account=BOB)
        self.put("new", "1700000000.1.other", account="bob")
        self.clock.turn()
        self.assertEqual(self.told, 0)
        self.clock.turn(31)
        self.assertEqual(self.told, 1)
        first.close()
        self.clock.turn(31)
        self.put("new", "1700000000.2.other", account="bob")
        self.clock.turn()
        self.assertEqual(self.told, 2)

    def test_no_more_watches(self) -> None:
        """When the system gives no more watches, mailboxes are looked at every so often."""
        self.patch(notices.Notices, "watch", _refuse)
        self.listening()
        self.put("new", "1700000000.1.other")
        self.clock.turn(31)
        self.assertEqual(self.told, 1)

    def put(self, *parts: str, octets: bytes = b"x\n", age: float = 0.0, account: str = "alice") -> str:
        path = self.path(*parts, account=account)
        with open(path, "wb") as file:
            file.write(octets)
        return path


def _refuse(self: object, path: str) -> int:
    raise OSError(28, "no space")


class RealTests(TestCase):
    """On the real reactor, with threads."""

    timeout = 20

    async def test_delivery(self) -> None:
        """A session hears of another program's delivery within moments."""
        directory = quick_directory(self)
        store = MaildirStore(directory, describe, LocalHints(), reactor, MaildirOptions(threads=1))
        await store.start()
        try:
            account = await store.account(ALICE)
            opened = await account.open("INBOX")
            heard: Deferred[None] = Deferred()
            opened.listen(lambda: None if heard.called else heard.callback(None))
            while not store.hints._watched:
                wait: Deferred[None] = Deferred()
                reactor.callLater(0.05, wait.callback, None)
                await wait
            with open(f"{directory}/example.test/alice/new/1700000000.1.other", "wb") as file:
                file.write(b"Subject: x\n\nbody\n")
            await heard
            opened.close()
        finally:
            await store.stop()
