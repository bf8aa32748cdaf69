"""Large contents in files: on stable storage before the row that tells of them. Every function blocks."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO, cast

from mailframe.message.content import CHUNK, Content, FileBody

UNFINISHED = 3600.0
"""Seconds after which a file that no row tells of is nobody's: its message never came to be."""


class Bodies:
    """A directory of contents, spread over subdirectories so that none grows large.

    Args:
        path: the directory.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def write(self, queue_id: str, content: Content) -> None:
        """Keep the octets of a message, durably.

        Raises:
            OSError: the disk cannot take it; what is left is swept some day.
        """
        path = self._file(queue_id)
        place = os.path.dirname(path)
        if not os.path.isdir(place):
            os.makedirs(place, mode=0o700, exist_ok=True)
            _flush(os.path.dirname(place))
            _flush(os.path.dirname(self._path))
        unfinished = f"{path}.new"
        try:
            with open(unfinished, "wb", opener=_private) as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            # Whoever was in doubt adds again: what is there is the same, and whoever reads it goes on reading.
            os.replace(unfinished, path)
            _flush(place)
        except BaseException:
            with suppress(OSError):
                os.unlink(unfinished)
            raise

    def read(self, queue_id: str, size: int) -> Content:
        """The octets of a message; the file stays readable to whoever has it open.

        Raises:
            OSError: it cannot be read, or has not as many octets as it should.
        """
        file = open(self._file(queue_id), "rb", buffering=0)  # noqa: SIM115
        try:
            if os.fstat(file.fileno()).st_size != size:
                raise OSError(f"{file.name} has not {size} octets")
            head = os.pread(file.fileno(), CHUNK, 0)
        except BaseException:
            file.close()
            raise
        return Content(FileBody(cast(BinaryIO, file), size, head))

    def remove(self, queue_id: str) -> None:
        """A message is gone; no error where the file is."""
        with suppress(OSError):
            os.unlink(self._file(queue_id))

    def places(self) -> list[str]:
        """The subdirectories that there are."""
        try:
            return sorted(os.listdir(self._path))
        except FileNotFoundError:
            return []

    def old(self, place: str, now: float) -> list[str]:
        """Names of files in a subdirectory that are so old that their message has come to be, or never will.

        Args:
            now: the time of day, as the file system has it.
        """
        found = []
        with suppress(OSError):
            for entry in os.scandir(os.path.join(self._path, place)):
                with suppress(OSError):
                    if now - entry.stat().st_mtime > UNFINISHED:
                        found.append(entry.name)
        return found

    def _file(self, queue_id: str) -> str:
        # Ids ascend with time: their last characters are chance, and spread evenly.
        return os.path.join(self._path, queue_id[-2:], queue_id)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
