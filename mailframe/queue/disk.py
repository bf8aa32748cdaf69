"""How much is free on a disk, for admission."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.threads import deferToThreadPool


def free_octets(reactor: Any, path: str) -> Callable[[], Awaitable[int]]:
    """Asks how many octets are free, in a thread: a broken disk may hang.

    Args:
        reactor: has the threads.
        path: a file or directory on the disk.
    """

    async def ask() -> int:
        return await deferToThreadPool(reactor, reactor.getThreadPool(), _free, path)

    return ask


def _free(path: str) -> int:
    facts = os.statvfs(path)
    return facts.f_bavail * facts.f_frsize
