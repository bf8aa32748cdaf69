"""A process that makes an account's file anew, again and again: ``python -m tests.crash.repairing DIRECTORY``."""

from __future__ import annotations

import sys

from twisted.internet.task import Clock

from mailframe.cli.queue_spool import wait
from mailframe.store.hints import LocalHints
from mailframe.store.sqlite import backend
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.testing.store import describe
from mailframe.testing.store.fixture import ALICE


def started(directory: str) -> SQLiteStore:
    """A store without threads."""
    options = SQLiteStoreOptions(threads=0, journal=False)
    store = SQLiteStore(directory, describe, LocalHints(), Clock(), options)
    wait(store.start())
    return store


def main() -> None:
    """Say that it begins, and do it until somebody kills it."""
    backend.SETTLE_SECONDS = 0.0
    file = started(sys.argv[1]).file(ALICE)
    assert file is not None
    print("repairing", flush=True)
    while True:
        file.rebuild()


if __name__ == "__main__":
    main()
