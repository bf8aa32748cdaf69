"""The queue that commands work on: its spool, opened beside the node that uses it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.queue.interfaces import ISpool, ISpoolRecords
from mailframe.queue.values import Listed, Selection

from .errors import Refused

T = TypeVar("T")
PAGE = 500
"""Messages that are asked for at a time."""


@dataclass(frozen=True, slots=True)
class OpenSpool:
    """A spool that was started.

    Attributes:
        spool: for content and figures.
        records: the same, for what administrators ask.
    """

    spool: ISpool
    records: ISpoolRecords

    def messages(self, selection: Selection) -> Iterator[Listed]:
        """What is selected, oldest first; what comes and goes meanwhile may or may not be there."""
        after = ""
        while page := wait(self.records.listing(selection, after, PAGE)):
            yield from page
            after = page[-1].message.queue_id

    def find(self, queue_id: str) -> Listed:
        """One message.

        Raises:
            Refused: there is none.
        """
        found = wait(self.records.find(queue_id))
        if found is None:
            raise Refused(unknown(queue_id))
        return found


@contextmanager
def opened(config: str) -> Iterator[OpenSpool]:
    """The spool of a configuration file, for as long as the block lasts.

    Raises:
        Refused: this node has no queue, or one that only its own process sees.
    """
    spool = spool_of(load(config))
    if spool is None:
        raise Refused(
            "This node has no queue that commands can look into: it has no role with a queue, or keeps it in memory."
        )
    wait(spool.start())
    try:
        yield OpenSpool(spool, spool)
    finally:
        wait(spool.stop())


def spool_of(configuration: Configuration) -> Any:
    """The configured spool, for use without a reactor; None where commands cannot see into it.

    Raises:
        Refused: it is a directory that no node has made yet. A command must not: the node may run as another user.
    """
    directory = getattr(configuration.spool.options, "directory", None)
    if directory is not None and not os.path.isdir(directory):
        raise Refused(f"There is no queue yet: a node that has one makes {directory} when it starts.")
    return importlib.import_module("mailframe.roles.backends").spool_for_commands(configuration)


def wait(awaitable: Awaitable[T]) -> T:
    """What something gives that needs no reactor: spools for commands do all at once.

    Raises:
        Exception: whatever it raises.
    """

    async def give() -> T:
        return await awaitable

    results: list[T | Failure] = []
    Deferred.fromCoroutine(give()).addBoth(results.append)
    if not results:
        raise RuntimeError("this spool needs a reactor, and commands have none")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def of_ids(selection: Selection, queue_ids: tuple[str, ...]) -> Selection:
    """The same, of these messages only, where there are any."""
    return replace(selection, queue_ids=tuple(dict.fromkeys(queue_ids))) if queue_ids else selection


def unknown(queue_id: str) -> str:
    """A sentence for people."""
    return f"There is no message {queue_id!r} in the queue. See: mailframe queue list"
