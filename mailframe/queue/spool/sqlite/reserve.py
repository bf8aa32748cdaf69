"""Room on the disk that is kept for what empties the queue.

A full disk must not only refuse new mail: what is there must still go out, and writing that down takes room, too.
So a file without meaning lies beside the queue. It is given up when a claim or a conclusion finds the disk full, and
until it can be made again no new mail is taken.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

RESERVE: Final = 16 * 1024 * 1024
"""Octets: four times what SQLite lets its log grow to before it is used again from the start."""


class Reserve:
    """The file. Every method may block for a moment.

    Args:
        path: where it is.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def there(self) -> bool:
        """Is the room kept?"""
        return os.path.exists(self._path)

    def make(self) -> bool:
        """Keep the room, if there is so much; is it kept now?"""
        unfinished = f"{self._path}.{os.getpid()}"
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE)
            finally:
                os.close(descriptor)
            os.rename(unfinished, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished)
        return self.there

    def spend(self) -> bool:
        """Give it up; was there any?"""
        try:
            os.unlink(self._path)
        except OSError:
            return False
        return True
