"""What waits for a quiet second: octets of removed messages leave the file, and it becomes smaller. Blocking."""

from __future__ import annotations

import time

import apsw
from twisted.logger import Logger

from mailframe.store.maildrop.maildrop import Maildrop

from . import metrics
from .account import AccountFile

STEP_OCTETS = 4 * 1024 * 1024
"""Octets removed in one transaction (10 ms)."""
STEP_PAGES = 256
"""Pages given back in one transaction (2 to 8 ms)."""
SECONDS = 0.05
"""How long one rest may take of each second: whoever waits for the thread waits no longer than that."""

log = Logger()


def rest(drop: Maildrop, file: AccountFile) -> bool:
    """Do some of it; whether there is more."""
    deadline = time.monotonic() + SECONDS
    try:
        while more := _step(drop, file):
            if time.monotonic() >= deadline:
                break
    except (OSError, apsw.Error) as fault:
        # A full disk, or another process at work: nothing is lost, and the next change brings us here again.
        log.warn(
            "space in the file of {account} is not given back: {fault}", account=drop.account, fault=fault
        )
        return False
    return more


def _step(drop: Maildrop, file: AccountFile) -> bool:
    if file.contents.unused():
        with drop.writing(0):
            metrics.SWEPT_OCTETS.inc(file.contents.sweep(STEP_OCTETS))
        return True
    if not file.spare_pages():
        return False
    with drop.writing(0):
        metrics.SHRUNK_PAGES.inc(file.shrink(STEP_PAGES))
    if file.spare_pages():
        return True
    file.write_back()
    return False
