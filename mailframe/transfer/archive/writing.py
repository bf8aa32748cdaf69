"""Writing an archive, from start to end. Blocking."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import BinaryIO, cast

from mailframe.store.values import TakenMessage
from mailframe.transfer.values import Folder, TransferError, digest

from . import records
from .wire import END, SIZE_LIMIT, Entry, header, padding


class ArchiveTarget:
    """An archive that is being written; see `Target`.

    Args:
        path: where; None for standard output. A file appears whole, when it is finished and on stable storage.
        account: whose mail it is.
        made: seconds since the epoch.
    """

    def __init__(self, path: Path | None, account: str, made: int) -> None:
        self._path = path
        self._made = made
        self._hash = hashlib.sha256()
        self._folder = self._messages = self._octets = 0
        if path is None:
            self._file: BinaryIO = sys.stdout.buffer
        else:
            self._partial = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            self._file = cast(BinaryIO, os.fdopen(descriptor, "wb"))
        self._whole("archive.json", records.beginning(records.Beginning(account, made)))

    def begin(self, folder: Folder) -> None:
        """See `Target.begin`."""
        self._folder += 1
        self._whole(f"mailboxes/{self._folder:05}.json", records.folder(folder))

    def add(self, message: TakenMessage) -> None:
        """See `Target.add`."""
        content = message.content
        if content is None or content.size > SIZE_LIMIT:
            raise TransferError("a message is too large for an archive")
        name = f"mailboxes/{self._folder:05}/{message.uid:010}"
        self._whole(f"{name}.json", records.message(message, digest(content)))
        self._write(header(Entry(f"{name}.eml", content.size, message.internal_date)))
        for piece in content.chunks():
            self._write(piece)
        self._write(bytes(padding(content.size)))
        self._messages += 1
        self._octets += content.size

    def finish(self, subscriptions: frozenset[str]) -> None:
        """See `Target.finish`."""
        self._whole("subscriptions.json", records.subscriptions(subscriptions))
        end = records.End(self._messages, self._octets, self._hash.hexdigest())
        self._whole("end.json", records.end(end))
        self._write(END)
        self._file.flush()
        if self._path is None:
            return
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._partial, self._path)
        _flush_directory(self._path.parent)

    def abandon(self) -> None:
        """See `Target.abandon`."""
        if self._path is not None and not self._file.closed:
            self._file.close()
            self._partial.unlink(missing_ok=True)

    def _whole(self, name: str, octets: bytes) -> None:
        self._write(header(Entry(name, len(octets), self._made)))
        self._write(octets + bytes(padding(len(octets))))

    def _write(self, octets: bytes) -> None:
        self._hash.update(octets)
        self._file.write(octets)


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
