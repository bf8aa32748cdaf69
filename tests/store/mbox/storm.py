"""A process that works in one mailbox until it is killed; it writes down what it was answered for."""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.values import INBOX, SEEN, Delivery, FlagChange, NewMessage
from mailframe.testing.store import describe

ALICE = "alice@example.test"


async def deliver(store: MboxStore, label: str, client: int) -> None:
    """One client that sends mail."""
    number = 0
    while True:
        number += 1
        name = f"{label}-{client}-{number}"
        octets = f"Subject: {name}\r\n\r\n{'From x' * (number % 300)}\r\n".encode()
        (status,) = await store.deliver([Delivery(ALICE, NewMessage(Content.of(octets)))])
        if status.success:
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()


async def work(store: MboxStore) -> None:
    """A session that flags messages, and removes those that it has appended."""
    account = await store.account(ALICE)
    mailbox = await account.open(INBOX)
    while True:
        appended = await account.append(INBOX, [NewMessage(Content.of(b"Subject: to be removed\r\n\r\n"))])
        snapshot = await mailbox.snapshot()
        await mailbox.store(snapshot.uids, FlagChange.ADD, frozenset({SEEN}))
        await mailbox.remove(appended.uids)


async def run(directory: str, label: str) -> None:
    """Three clients and a session."""
    store = MboxStore(directory, describe, LocalHints(), reactor, MboxOptions(delivery_threads=2))
    await store.start()
    tasks = [deliver(store, label, client) for client in range(3)]
    for task in [*tasks, work(store)]:
        Deferred.fromCoroutine(task).addErrback(lambda failure: failure.printTraceback())


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run(*sys.argv[1:3])))
    reactor.run()
