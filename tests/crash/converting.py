"""Converts an account, in a process that is killed in the middle: ``python -m tests.crash.converting OLD NEW``."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.task import Clock

from mailframe.cli.queue_spool import wait
from mailframe.store.hints import LocalHints
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from mailframe.testing.store.fixture import ALICE, describe
from mailframe.transfer import converting


def old_store(place: str) -> Any:
    """Where the account is: Maildir."""
    return MaildirStore(place, describe, LocalHints(), Clock(), MaildirOptions(threads=0, journal=False))


def new_store(place: str) -> Any:
    """Where it goes: SQLite."""
    return SQLiteStore(place, describe, LocalHints(), Clock(), SQLiteStoreOptions(threads=0, journal=False))


def main(old: str, new: str) -> None:
    """Convert, in small batches, so that there are many moments to be killed in."""
    converting.BATCH_MESSAGES = 3
    before, after = old_store(old), new_store(new)
    wait(before.start())
    wait(after.start())
    wait(converting.Conversion(wait(before.account(ALICE)), wait(after.account(ALICE))).run())
    wait(after.stop())
    wait(before.stop())


if __name__ == "__main__":
    print("begun", flush=True)
    main(*sys.argv[1:])
