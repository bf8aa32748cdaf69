"""Large contents beside the database: files are written before the row that tells of them, and go after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

import apsw
from twisted.internet.defer import Deferred

from mailframe.database.file import Database
from mailframe.database.lanes import CallFromThread, DirectLane, Lane, each
from mailframe.database.sqlite import storage_error
from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.queue.values import NewMessage

from .bodies import Bodies
from .rows import first

T = TypeVar("T")


class Files:
    """Contents in files, worked on in a thread of their own.

    Args:
        path: their directory.
        reactor: None to do all at once in the caller's thread.
        database: knows which messages there are.
        row_limit: octets of content up to which a message needs no file.
    """

    def __init__(self, path: str, reactor: CallFromThread | None, database: Database, row_limit: int) -> None:
        self._bodies = Bodies(path)
        self._database = database
        self._row_limit = row_limit
        self._lane: Lane[Callable[[], Any], Any] | DirectLane[Callable[[], Any], Any]
        if reactor is None:
            self._lane = DirectLane(each)
        else:
            self._lane = Lane(reactor, each, f"files {path}", linger=0.0)

    async def write(self, messages: Iterable[NewMessage]) -> frozenset[str]:
        """Write the contents that are too large for a row, durably.

        Returns:
            The ids of the messages that have a file now.

        Raises:
            MailframeError: temporary: the disk cannot take them.
        """
        written: list[str] = []
        try:
            for message in messages:
                if message.message.size > self._row_limit:
                    await self._write(message)
                    written.append(message.message.queue_id)
        except BaseException:
            self.remove(*written)
            raise
        return frozenset(written)

    async def _write(self, message: NewMessage) -> None:
        queue_id, content = message.message.queue_id, message.mail.content
        await self._do(lambda: self._bodies.write(queue_id, content))

    async def read(self, queue_id: str, size: int) -> Content:
        """The octets of a message.

        Raises:
            MailframeError: temporary: they cannot be read, or are not as many as they should be.
        """
        return await self._do(lambda: self._bodies.read(queue_id, size))

    def remove(self, *queue_ids: str) -> None:
        """Messages are gone; nobody waits for the files to go."""
        for queue_id in queue_ids:
            removed = self._lane.submit(partial(self._bodies.remove, queue_id))
            removed.addErrback(lambda failure: None)

    async def undo(self, queue_ids: Iterable[str]) -> None:
        """Something went wrong: `remove_unknown`, but where that cannot be told now, the sweep will do it."""
        with suppress(MailframeError):
            await self.remove_unknown(queue_ids)

    async def remove_unknown(self, queue_ids: Iterable[str]) -> int:
        """Remove the files of messages that are not in the spool; how many that were.

        Whether they are is asked in the lane that writes: after whatever was to add them.
        """
        names = list(queue_ids)
        if not names:
            return 0

        def unknown_txn(connection: apsw.Connection) -> list[str]:
            return [
                name
                for name in names
                if first(connection, "SELECT 1 FROM message WHERE queue_id = ?", (name,)) is None
            ]

        unknown = await self._database.run(unknown_txn)
        self.remove(*unknown)
        return len(unknown)

    async def sweep(self) -> int:
        """Remove files of messages that never came to be, or are gone; how many that were."""
        count, now = 0, time.time()
        for place in await self._do(self._bodies.places):
            count += await self.remove_unknown(await self._do(partial(self._bodies.old, place, now)))
        return count

    async def stop(self) -> None:
        """Do what waits."""
        await self._lane.stop()

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await cast("Deferred[T]", self._lane.submit(work))
        except OSError as error:
            raise storage_error(error) from error
