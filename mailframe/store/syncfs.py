"""``syncfs``: one system call that flushes a whole file system, which Python does not offer."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable
from functools import cache

OLDEST_LINUX = (5, 8)
"""Since then the call tells of octets that could not be written (before, it flushed and kept silent)."""


def can_flush_file_systems() -> bool:
    """Is there such a call here, and does it tell the truth?"""
    if not sys.platform.startswith("linux"):
        return False
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return version is not None and tuple(map(int, version.groups())) >= OLDEST_LINUX and _syncfs() is not None


def flush_file_system(descriptor: int) -> None:
    """Put everything in the file system of an open file on stable storage.

    Raises:
        OSError: something could not be written.
    """
    syncfs = _syncfs()
    if syncfs is None:
        raise OSError("there is no syncfs here")
    if syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), "syncfs")


@cache
def _syncfs() -> Callable[[int], int] | None:
    # Through ctypes the call lets go of the interpreter's lock, as it must: it takes tens of milliseconds.
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
