"""A process that delivers in a loop until it is killed; it writes down what was answered with success."""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.values import Delivery, NewMessage
from mailframe.testing.store import describe


async def deliver(store: MaildirStore, label: str, client: int) -> None:
    """One client; every third message goes to both accounts or to none."""
    number = 0
    while True:
        number += 1
        name = f"{label}-{client}-{number}"
        message = NewMessage(Content.of(f"Subject: {name}\r\n\r\n{'x' * (number % 3000)}\r\n".encode()))
        accounts = ["alice@example.test", "bob@example.test"] if number % 3 == 0 else ["alice@example.test"]
        statuses = await store.deliver([Delivery(account, message) for account in accounts], atomic=True)
        for account, status in zip(accounts, statuses, strict=True):
            if status.success:
                sys.stdout.write(f"{account} {name}\n")
        sys.stdout.flush()


async def run(directory: str, label: str) -> None:
    """Ten clients at once."""
    store = MaildirStore(directory, describe, LocalHints(), reactor, MaildirOptions(delivery_threads=2))
    await store.start()
    for client in range(10):
        Deferred.fromCoroutine(deliver(store, label, client)).addErrback(
            lambda failure: failure.printTraceback()
        )


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run(*sys.argv[1:3])))
    reactor.run()
