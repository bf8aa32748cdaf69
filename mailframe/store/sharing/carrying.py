"""Octets of messages on their way from one account into another: in memory where they are few, else in one file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

from mailframe.database.sqlite import storage_status
from mailframe.message.content import CHUNK, Content, FileBody
from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.store.interfaces import IMailbox
from mailframe.store.values import Message, Span

WINDOW = 1024 * 1024
"""Octets that are read at a time."""
IN_MEMORY = 1024 * 1024
"""If there are more in all, they go by way of a file."""


class _Body(FileBody):
    """One of many in a file; of ten thousand messages the heads alone would fill the memory."""

    __slots__ = ()

    @property
    def head(self) -> bytes:
        """Read again each time, in the thread that wants it."""
        return os.pread(self._file.fileno(), min(CHUNK, self._size), self._start)


class Carried:
    """Messages with their octets; use it as `carrying` gives it.

    Args:
        file: takes octets; None: they stay in memory.
    """

    def __init__(self, file: BinaryIO | None) -> None:
        self.found: list[tuple[Message, Content]] = []
        """Those that were still there."""
        self._file = file

    async def load(self, source: IMailbox, messages: Sequence[Message]) -> None:
        """Read the octets of messages; what was expunged meanwhile is passed over.

        Raises:
            MailframeError: temporary.
        """
        group: list[Message] = []
        for message in messages:
            if group and sum(each.size for each in group) + message.size > WINDOW:
                await self._load(source, group)
                group = []
            group.append(message)
        if group:
            await self._load(source, group)

    async def _load(self, source: IMailbox, group: Sequence[Message]) -> None:
        if len(group) == 1 and self._file is not None:
            await self._stream(source, group[0])
            return
        for message, octets in zip(group, await source.read([Span(each.uid) for each in group]), strict=True):
            if octets is not None and self._file is None:
                self.found.append((message, Content.of(octets)))
            elif octets is not None:
                self._write(octets)
                self._add(message, len(octets))

    async def _stream(self, source: IMailbox, message: Message) -> None:
        offset, piece = 0, b"-"
        while piece:
            (read,) = await source.read([Span(message.uid, offset, WINDOW)])
            if read is None:
                # Half a message is none.
                return
            piece = read
            self._write(piece)
            offset += len(piece)
        self._add(message, offset)

    def _write(self, octets: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(octets)
            self._file.flush()
        except OSError as fault:
            raise MailframeError(storage_status(fault) or UNAVAILABLE, str(fault)) from fault

    def _add(self, message: Message, size: int) -> None:
        assert self._file is not None
        start = self._file.tell() - size
        self.found.append((message, Content(_Body(self._file, size, b"", start))))


@contextmanager
def carrying(octets: int) -> Iterator[Carried]:
    """Room for so many octets, while the block lasts.

    Raises:
        MailframeError: temporary: there is none.
    """
    if octets <= IN_MEMORY:
        yield Carried(None)
        return
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError as fault:
        raise MailframeError(storage_status(fault) or UNAVAILABLE, str(fault)) from fault
    with file:
        yield Carried(cast(BinaryIO, file))
