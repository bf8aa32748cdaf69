"""What a role asks of the things it depends on."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool

from mailframe.delivery.interfaces import INextHop
from mailframe.directory.interfaces import IDirectory
from mailframe.monitor.health import Check

FREE_OCTETS = 64 * 1024 * 1024
"""Less free space than this is a fault: the next large message would not fit."""


def directory_answers(directory: IDirectory, clock: IReactorTime) -> Check:
    """Asks the directory something; a directory that cannot be asked raises."""

    async def check() -> str | None:
        # Another name each time: an answer that is remembered says nothing of the directory.
        await directory.is_local(f"health-{int(clock.seconds())}.invalid")
        return None

    return check


def next_hop_answers(delivery: INextHop) -> Check:
    """Asks a delivery what it knows of the hosts that it hands mail to."""

    async def check() -> str | None:
        return delivery.unreachable()

    return check


def disk_writable(reactor: Any, path: str, free: int = FREE_OCTETS) -> Check:
    """Writes a file, in a thread: a broken disk may hang."""

    async def check() -> str | None:
        return await deferToThreadPool(reactor, reactor.getThreadPool(), _try_disk, path, free)

    return check


def _try_disk(path: str, free: int) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
            file.flush()
        facts = os.statvfs(path)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"
    available = facts.f_bavail * facts.f_frsize
    if available < free:
        return f"{path} has only {available // 1_000_000} MB left"
    return None
