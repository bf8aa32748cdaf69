"""How fast messages come into a store, durably, and what one costs.

    python benchmarks/store_deliver.py [--store maildir|sqlite|mbox|postgresql] [--append] [--directory DIR]
        [--size OCTETS] [--messages N] [--no-journal] [--address ADDRESS] [--profile]

With ``--append`` clients append to their INBOX, as IMAP does, in as many accounts as there are clients. For
``postgresql`` an empty database of a server that flushes is given by ``--address``. Each message differs from the
others, so that none is shared. mbox has no journal.

Prints, for each number of concurrent deliveries: messages a second, CPU microseconds a message (user and system, of
the whole process: catalogue row, description, reactor, threads).
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import os
import pstats
import shutil
import sys
import tempfile
import threading
import time
from email.message import EmailMessage

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from mailframe.config.types import Secret
from mailframe.imap.wire.description import describe
from mailframe.message.content import Content
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop.store import MaildropStore
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.store.values import Delivery, NewMessage

ACCOUNTS = [f"user{number}@example.test" for number in range(10)]
STORES = ("maildir", "sqlite", "mbox", "postgresql")
numbers = itertools.count(10_000_000)


def message(size: int) -> bytes:
    """An ordinary message of about this many octets."""
    made = EmailMessage()
    made["From"] = "Alice <alice@example.test>"
    made["To"] = "bob@example.test"
    made["Subject"] = "A message for the benchmark"
    made["Date"] = "Mon, 02 Nov 2026 10:00:00 +0000"
    made["Message-ID"] = "<1@example.test>"
    made.set_content("The quick brown fox jumps over the lazy dog, again.\n" * (max(0, size - 400) // 52))
    return made.as_bytes().replace(b"\n", b"\r\n")


async def one_after_another(store: MaildropStore, octets: bytes, account: str, count: int) -> None:
    """A client: each delivery begins when the one before is answered."""
    for _ in range(count):
        (status,) = await store.deliver([Delivery(account, NewMessage(numbered(octets), queue_id="Q"))])
        if not status.success:
            raise RuntimeError(str(status))


async def append(store: MaildropStore, octets: bytes, account: str, count: int) -> None:
    """A client that appends."""
    opened = await store.account(account)
    for _ in range(count):
        await opened.append("INBOX", [NewMessage(numbered(octets))])


def numbered(octets: bytes) -> Content:
    """The message with a number of its own."""
    return Content.of(octets.replace(b"<1@", b"<%d@" % next(numbers), 1))


def made(kind: str, directory: str, address: str, journal: bool) -> MaildropStore:
    """A store that is not started."""
    if kind == "postgresql":
        # The library need not be installed for the others.
        from mailframe.store.postgresql.options import PostgreSQLStoreOptions
        from mailframe.store.postgresql.store import PostgresStore

        return PostgresStore(describe, LocalHints(), reactor, PostgreSQLStoreOptions(address=Secret(address)))
    if kind == "mbox":
        return MboxStore(directory, describe, LocalHints(), reactor, MboxOptions())
    if kind == "sqlite":
        return SQLiteStore(directory, describe, LocalHints(), reactor, SQLiteStoreOptions(journal=journal))
    return MaildirStore(directory, describe, LocalHints(), reactor, MaildirOptions(journal=journal))


async def measure(store: MaildropStore, octets: bytes, clients: int, messages: int, appending: bool) -> None:
    """One line of the table."""
    await store.start()
    work = append if appending else one_after_another
    accounts = [f"user{number}@example.test" for number in range(clients)] if appending else ACCOUNTS
    for account in accounts:
        await work(store, octets, account, 2)
    each = messages // clients
    before, wall = os.times(), time.perf_counter()
    await gatherResults(
        [
            Deferred.fromCoroutine(work(store, octets, accounts[n % len(accounts)], each))
            for n in range(clients)
        ]
    )
    after, wall = os.times(), time.perf_counter() - wall
    count = each * clients
    user, system = after.user - before.user, after.system - before.system
    each_us = [seconds / count * 1e6 for seconds in (user + system, user, system)]
    print(f"{clients:8d} {count / wall:12.0f}" + "".join(f"{us:8.0f}" for us in each_us), flush=True)
    await store.stop()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", choices=STORES, default="maildir")
    parser.add_argument("--append", action="store_true", help="append, rather than deliver")
    parser.add_argument("--directory", default=None, help="where to write; a real disk, not tmpfs")
    parser.add_argument("--size", type=int, default=5000)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 16, 32, 64])
    parser.add_argument("--no-journal", action="store_true", help="flush each file and directory instead")
    parser.add_argument("--address", default="", help="of a PostgreSQL database")
    parser.add_argument("--profile", action="store_true", help="profile the delivering threads")
    arguments = parser.parse_args()
    octets = message(arguments.size)
    started = time.perf_counter()
    for _ in range(1000):
        describe([octets])
    print(
        f"{len(octets)} octets a message; describing one takes {(time.perf_counter() - started) * 1e3:.0f} us"
    )
    print(f"{'clients':>8} {'messages/s':>12} {'CPU us':>8}{'user':>8}{'system':>8}")
    profiles: list[cProfile.Profile] = []
    if arguments.profile:
        profile_threads(profiles)

    # Removed at the very end: ext4 spends up to a millisecond of CPU on each new file while it steps over inodes
    # that were freed in the last half minute, which measures the removal of the run before.
    base = tempfile.mkdtemp(prefix="mailframe-bench-", dir=arguments.directory)

    async def run() -> None:
        for clients in arguments.clients:
            count = arguments.messages if clients > 1 else arguments.messages // 4
            await measure(
                made(arguments.store, f"{base}/{clients}", arguments.address, not arguments.no_journal),
                octets,
                clients,
                count,
                arguments.append,
            )

    def stop(result: object) -> None:
        if result is not None:
            print(result, file=sys.stderr)
        reactor.stop()

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()).addBoth(stop))
    reactor.run()
    shutil.rmtree(base)
    for profile in profiles:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def profile_threads(profiles: list[cProfile.Profile]) -> None:
    """Profile each thread that delivers."""
    run = threading.Thread.run

    def profiled(thread: threading.Thread) -> None:
        if not thread.name.startswith(("deliver", "mailboxes")):
            run(thread)
            return
        profile = cProfile.Profile()
        profiles.append(profile)
        profile.runcall(run, thread)

    threading.Thread.run = profiled  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
