"""Large contents in files: on stable storage before the row that tells of them. Every function blocks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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
            OSError: the disk cannot take it; nothing is left.
        """
        path = self._file(queue_id)
        place = os.path.dirname(path)
        if not os.path.isdir(place):
            os.makedirs(place, mode=0o700, exist_ok=True)
            _flush(os.path.dirname(place))
            _flush(os.path.dirname(self._path))
        try:
            with open(path, "xb", opener=_private) as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            _flush(place)
        except FileExistsError:
            # Whoever was in doubt adds again; what is kept is whole, and is not touched.
            return
        except BaseException:
            self.remove(queue_id)
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

    def sweep(self, known: Callable[[str], bool], seconds: Callable[[], float] = time.time) -> int:
        """Throw away files whose message never came to be, or is gone; how many that were.

        Args:
            known: is there a message of this id?
            seconds: the time of day.
        """
        count = 0
        for place, _, names in os.walk(self._path):
            for name in names:
                path = os.path.join(place, name)
                with suppress(OSError):
                    if seconds() - os.stat(path).st_mtime > UNFINISHED and not known(name):
                        os.unlink(path)
                        count += 1
        return count

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
