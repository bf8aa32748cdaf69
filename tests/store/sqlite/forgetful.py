"""A disk that forgets what was not flushed, for accounts' files: the file and its log as they were at the last flush.

What the log has got since may be there as well, up to any octet: disks write when they like.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from mailframe.database.sqlite import flush_log
from mailframe.store.sqlite.backend import FILE
from tests.store.maildir.forgetful import ForgetfulFiles

from .fixture import SQLiteCase

ROOMS = ("catalogue.sqlite.catalogue", "maildrop.threads", "maildrop.shelf")


class NoticingFiles(ForgetfulFiles):
    """Tells when the whole file system is flushed."""

    __slots__ = ("flushed_all",)

    def __init__(self, flushed_all: Callable[[], None]) -> None:
        super().__init__()
        self.flushed_all = flushed_all

    def flush_all(self, path: str) -> None:
        super().flush_all(path)
        self.flushed_all()


class ForgetfulCase(SQLiteCase):
    """A store on such a disk."""

    def setUp(self) -> None:
        super().setUp()
        self.begin_anew()

    def begin_anew(self) -> None:
        """An empty disk, and a store on it."""
        self.wait(self.store.stop())
        self.files = NoticingFiles(self.note_all)
        self.on_disk: dict[str, tuple[bytes, bytes]] = {}
        self.boots = 1
        for room in ROOMS:
            patched = mock.patch(f"mailframe.store.{room}.flush_log", self.flush_log)
            patched.start()
            self.addCleanup(patched.stop)
        self.store = self.started()

    def cut_power(self, share: float = 0.0) -> None:
        """The machine stops without a warning, and comes back.

        Args:
            share: of what logs have got since the last flush, so much is there.
        """
        self.files.cut_power(self.directory)
        for path in self.paths():
            self.forget(path, share)
        # What the machine forgot, the store that was running must not find and mend.
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.boots += 1
        self.store = self.started(f"boot-{self.boots}")

    def paths(self) -> list[str]:
        return [str(path) for path in Path(self.directory).glob(f"*/*/{FILE}")]

    def flush_log(self, path: str) -> None:
        flush_log(path)
        self.note(path)

    def note_all(self) -> None:
        for path in self.paths():
            self.note(path)

    def note(self, path: str) -> None:
        self.on_disk[path] = (_read(path), _read(path + "-wal"))

    def forget(self, path: str, share: float) -> None:
        file, log = self.on_disk.get(path, (b"", b""))
        now, log_now = _read(path), _read(path + "-wal")
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)
        if not file:
            return
        if now == file and log_now.startswith(log):
            log += log_now[len(log) : len(log) + int(share * (len(log_now) - len(log)))]
        Path(path).write_bytes(file)
        Path(path + "-wal").write_bytes(log)
        self.on_disk[path] = file, log


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""
