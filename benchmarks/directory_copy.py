"""Lookups a second from a local copy of a directory, and how long that takes to be made.

    python benchmarks/directory_copy.py --accounts 1000000

The source is made up page by page, so that only the copy is measured. Lookups are of accounts at random.
Times are of the processor, so that a busy machine measures the same.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock

from mailframe.config.types import DataPath, DirectoryName
from mailframe.database.sqlite import open_connection
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Entry, key_of
from mailframe.directory.replica.copy import prepare
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.directory.replica.rows import State, page_txn, save_txn
from mailframe.directory.values import Account, Credential, Domain
from mailframe.message.address import Address

HASH = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$" + "c2FsdHNhbHQ$" + "x" * 43
PAGE = 1000


class NoFeed:
    """Is never asked."""

    def listen(self, hint: Any) -> Any:
        """No hints."""
        return lambda: None


def page(begin: int, accounts: int) -> Sequence[Entry]:
    """Some accounts in the order of a feed."""
    return [
        Credential(Account(f"u{number:08}@example.test", quota=10**9), HASH)
        for number in range(begin, min(begin + PAGE, accounts))
    ]


def fill(path: str, accounts: int) -> float:
    """Make the copy; the seconds it took."""
    prepare(path)
    connection = open_connection(path, synchronous="NORMAL")
    begun = time.process_time()
    entries: Sequence[Entry] = [Domain("example.test")]
    after = None
    begin = 0
    while entries:
        with connection:
            page_txn(connection, after, entries, 0, True)
        after = key_of(entries[-1])
        entries = page(begin, accounts)
        begin += PAGE
    with connection:
        save_txn(connection, State("1", True, 0, 0))
    taken = time.process_time() - begun
    connection.close()
    return taken


def rate(coroutines: Any, count: int) -> float:
    """How many a second."""
    begun = time.process_time()
    for coroutine in coroutines:
        try:
            coroutine.send(None)
        except StopIteration:
            continue
        raise AssertionError("it had to wait")
    return count / (time.process_time() - begun)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--lookups", type=int, default=200_000)
    parser.add_argument("--copy", default="", help="Keep the copy here, or take the one that is here.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = options.copy or os.path.join(directory, "copy.sqlite")
        if not os.path.exists(path):
            print(f"filled in {fill(path, options.accounts):.1f} s, {os.path.getsize(path) / 1e6:.0f} MB")
        made = ReplicaOptions(source=DirectoryName("x"), path=DataPath(path))
        replica = ReplicaDirectory(NoFeed(), made, Clock(), fills=False)
        replica._copy._prepared = True
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        count = options.lookups
        numbers = [random.randrange(options.accounts) for _ in range(count)]
        known = [Address(f"u{number:08}", "example.test") for number in numbers]
        unknown = [Address(f"x{number:08}", "example.test") for number in numbers]
        for _ in range(2):
            print(f"lookup, known:   {rate((replica.lookup(one) for one in known), count):9.0f} a second")
        print(f"lookup, unknown: {rate((replica.lookup(one) for one in unknown), count):9.0f} a second")
        names = [f"{one.local_part}@{one.domain}" for one in known]
        print(f"account:         {rate((replica.account(one) for one in names), count):9.0f} a second")
        print(f"credential:      {rate((replica.credential(one) for one in names), count):9.0f} a second")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"memory grew by {grown / 1000:.0f} MB")


if __name__ == "__main__":
    main()
