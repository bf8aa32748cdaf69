"""A process whose sessions change mailboxes until it is killed: ``python -m tests.crash.working KIND DIRECTORY LABEL``.

Each line that it writes is ``begin`` or ``done``, what is done, and the names of messages or of a mailbox.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IMailAccount
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop.store import MaildropStore
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.reactor import Reactor
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.store.values import FLAGGED, INBOX, FlagChange, NewMessage
from mailframe.testing.store import describe
from mailframe.testing.store.fixture import ALICE

KINDS = ("maildir", "mbox", "mbox in place", "sqlite")
SESSIONS = 3
TEXT = b"From here it goes on.\r\n>From there, too.\r\n"


def made(kind: str, directory: str, clock: Reactor, threads: int) -> MaildropStore:
    """A store that is not started.

    Args:
        kind: one of `KINDS`.
        directory: where mail lies.
        clock: its reactor.
        threads: 0: everything is done when it is called.
    """
    if kind == "maildir":
        return MaildirStore(directory, describe, LocalHints(), clock, MaildirOptions(threads=threads))
    if kind == "sqlite":
        return SQLiteStore(directory, describe, LocalHints(), clock, SQLiteStoreOptions(threads=threads))
    options = MboxOptions(threads=threads, rewriting="in_place" if kind.endswith("place") else "rename")
    return MboxStore(directory, describe, LocalHints(), clock, options)


def octets_of(name: str) -> bytes:
    """The message of a name, of one line or of thousands."""
    return f"Subject: {name}\r\n\r\n".encode() + TEXT * (1 + 40 * (sum(name.encode()) % 50))


class Session:
    """Appends, copies, moves, flags and removes messages; makes, renames and deletes a mailbox of its own.

    Args:
        account: whose mail it is.
        label: what the names begin with.
    """

    def __init__(self, account: IMailAccount, label: str) -> None:
        self._account = account
        self._label = label

    async def work(self) -> None:
        """Until the end."""
        number = 0
        inbox = await self._account.open(INBOX)
        await self._account.create(f"Box-{self._label}-0")
        while True:
            names = [f"{self._label}-{number}-{each}" for each in range(4)]
            box = f"Box-{self._label}-{number}"
            _say("begin", "append", *names)
            messages = [NewMessage(Content.of(octets_of(name))) for name in names]
            uids = (await self._account.append(INBOX, messages)).uids
            _say("done", "append", *names)
            await inbox.store(uids[:2], FlagChange.ADD, frozenset({FLAGGED, "$Work"}))
            _say("begin", "copy", *names[:2])
            await inbox.copy(uids[:2], "Copies")
            _say("done", "copy", *names[:2])
            _say("begin", "move", *names[1:3])
            await inbox.move(uids[1:3], box)
            _say("done", "move", *names[1:3])
            _say("begin", "remove", names[3])
            await inbox.remove(uids[3:])
            _say("done", "remove", names[3])
            number += 1
            await self._account.rename(box, f"Box-{self._label}-{number}")
            await self._doomed(number)

    async def _doomed(self, number: int) -> None:
        """A mailbox that is made and deleted."""
        name = f"Doomed-{self._label}-{number}"
        await self._account.create(name)
        await self._account.append(name, [NewMessage(Content.of(octets_of(name)))])
        _say("done", "fill", name)
        _say("begin", "delete", name)
        await self._account.delete(name)
        _say("done", "delete", name)


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def run(kind: str, directory: str, label: str) -> None:
    """Some sessions at once."""
    store = made(kind, directory, reactor, 2)
    await store.start()
    account = await store.account(ALICE)
    with suppress(MailframeError):
        # Another process, or one before, has made it.
        await account.create("Copies")
    for session in range(SESSIONS):
        work = Session(account, f"{label}s{session}").work()
        Deferred.fromCoroutine(work).addErrback(lambda failure: failure.printTraceback())


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run(*sys.argv[1:4])))
    reactor.run()
