"""Writing the ingest log. Blocking; for all delivering threads of one process.

Each process writes files of its own, named by the time they were begun, so that nobody waits for anybody. A copy that
cannot be made is told and counted, and never keeps a message out of its mailbox.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.logger import Logger

from mailframe.message.content import Content

from . import metrics
from .options import IngestOptions
from .records import MAGIC, Record, line_of

SUFFIX = ".ingest"
SECONDS = 3600
"""A file is ended after this time: what is expired goes file by file."""

log = Logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that was accepted.

    Attributes:
        content: its octets.
        queue_id: names it in the log.
        mailboxes: accounts and mailboxes that it was put into.
        how: ``"delivered"`` or ``"appended"``.
    """

    content: Content
    queue_id: str
    mailboxes: Sequence[tuple[str, str]]
    how: str = "delivered"


class IngestLog:
    """The log of one process.

    Args:
        options: where and how.
        seconds: the time, since the epoch.
    """

    def __init__(self, options: IngestOptions, seconds: Callable[[], float] = time.time) -> None:
        self._directory = str(options.directory)
        self._options = options
        self._seconds = seconds
        self._guard = threading.Lock()
        self._descriptor = -1
        self._begun = 0.0
        self._size = self._whole = self._files = 0
        self.appended = options.appended
        """Is what clients append copied, too?"""

    def add(self, accepted: Sequence[Accepted]) -> None:
        """Copy messages; raises nothing."""
        if not accepted:
            return
        with self._guard:
            try:
                self._add(accepted)
            except Exception:
                self._cut()
                metrics.FAILED.inc(len(accepted))
                log.failure("{count} messages are not in the ingest log", count=len(accepted))

    def close(self) -> None:
        """End the file; a later `add` begins another."""
        with self._guard:
            self._end()

    def expire(self) -> int:
        """Remove files whose messages are all too old; how many."""
        limit = self._seconds() - self._options.keep - SECONDS
        removed = 0
        for name in _names(self._directory):
            path = os.path.join(self._directory, name)
            try:
                if os.stat(path).st_mtime < limit:
                    os.unlink(path)
                    removed += 1
            except FileNotFoundError:
                # Another process was first.
                continue
            except OSError as fault:
                # New copies are no worse for it.
                log.error("{path} is too old and cannot be removed: {fault}", path=path, fault=fault)
        metrics.EXPIRED.inc(removed)
        return removed

    def _add(self, accepted: Sequence[Accepted]) -> None:
        now = self._seconds()
        if self._descriptor < 0 or now >= self._begun + SECONDS or self._size >= self._options.file_size:
            self._begin(now)
        for each in accepted:
            self._write(each, int(now))
            self._whole = self._size
        if self._options.flush:
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                # The next flush of this file would say nothing of what this one lost.
                self._end()
                raise

    def _begin(self, now: float) -> None:
        self._end()
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        path = os.path.join(self._directory, f"{stamp}-{self._files:06}-{secrets.token_hex(4)}{SUFFIX}")
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._begun, self._size, self._whole = now, 0, 0
        self._files += 1
        try:
            self._put(MAGIC)
        except BaseException:
            # With a full disk there would be one for each message.
            self._end()
            os.unlink(path)
            raise
        self._whole = self._size
        if self._options.flush:
            _flush_directory(self._directory)
        self.expire()

    def _end(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            os.close(descriptor)
        except OSError as fault:
            # It is closed all the same. A network's file system may tell only now that the disk is full.
            log.error("a file of the ingest log may be damaged: {fault}", fault=fault)

    def _cut(self) -> None:
        """Take half a record away, and go on with the file; with a full disk each message would begin another."""
        try:
            if self._descriptor >= 0:
                os.ftruncate(self._descriptor, self._whole)
                self._size = self._whole
        except OSError:
            self._end()

    def _write(self, accepted: Accepted, now: int) -> None:
        content = accepted.content
        digest, size = hashlib.sha256(), 0
        for piece in content.chunks():
            digest.update(piece)
            size += len(piece)
        record = Record(now, accepted.queue_id, accepted.mailboxes, size, digest.hexdigest(), accepted.how)
        self._put(line_of(record))
        for piece in content.chunks():
            self._put(piece)
        self._put(b"\n")
        metrics.MESSAGES.inc()
        metrics.OCTETS.inc(size)

    def _put(self, octets: bytes) -> None:
        view = memoryview(octets)
        while view:
            written = os.write(self._descriptor, view)
            self._size += written
            view = view[written:]


def files_of(directory: str) -> list[str]:
    """Paths of a log's files, the oldest first."""
    return [os.path.join(directory, name) for name in sorted(_names(directory))]


def _names(directory: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []


def _flush_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
