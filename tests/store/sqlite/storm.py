"""A process that changes mailboxes in a loop until it is killed; it writes down what was answered."""

from __future__ import annotations

import random
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.store.values import Delivery, FlagChange, NewMessage
from mailframe.testing.store import describe

ALICE = "alice@example.test"


def message(name: str, size: int) -> NewMessage:
    """A message that tells its name."""
    return NewMessage(Content.of(f"Subject: {name}\r\n\r\n{'x' * size}\r\n".encode()))


def tell(*words: str) -> None:
    """Write down what was answered."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def arrive(store: SQLiteStore, label: str) -> None:
    """Messages of all sizes are delivered and appended; every third one to two accounts or to none."""
    number = 0
    account = await store.account(ALICE)
    while True:
        number += 1
        name = f"{label}-{number}"
        new = message(name, 400_000 if number % 17 == 0 else number % 3000)
        if number % 2:
            await account.append("INBOX", [new])
            tell("came", ALICE, name)
            continue
        names = [ALICE, "bob@example.test"] if number % 3 == 0 else [ALICE]
        statuses = await store.deliver([Delivery(each, new) for each in names], atomic=True)
        for each, status in zip(names, statuses, strict=True):
            if status.success:
                tell("came", each, name)


async def change(store: SQLiteStore, seed: int) -> None:
    """Copies, moves, flags and removals among what is there."""
    chance = random.Random(seed)
    account = await store.account(ALICE)
    await account.create(f"Box{seed}")
    while True:
        inbox = await account.open("INBOX")
        uids = list((await inbox.snapshot()).uids)
        some = chance.sample(uids, min(len(uids), chance.randrange(1, 6)))
        await inbox.copy(some, f"Box{seed}")
        await inbox.store(some, FlagChange.ADD, frozenset({"\\Seen"}))
        box = await account.open(f"Box{seed}")
        copies = list((await box.snapshot()).uids)
        await box.remove(copies[::2])
        await box.move(copies[1:2], "Sent")
        await account.rename(f"Box{seed}", f"Boxes/{seed}")
        await account.rename(f"Boxes/{seed}", f"Box{seed}")
        inbox.close()
        box.close()


async def run(directory: str, label: str, seed: int) -> None:
    """Several clients at once."""
    store = SQLiteStore(directory, describe, LocalHints(), reactor, SQLiteStoreOptions(threads=2))
    await store.start()
    work = [arrive(store, f"{label}-{client}") for client in range(4)] + [change(store, seed)]
    for one in work:
        Deferred.fromCoroutine(one).addErrback(lambda failure: failure.printTraceback())


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
    reactor.run()
