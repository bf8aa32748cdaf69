"""Directories and files that appear whole or not at all. Blocking."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mailframe.message.content import CHUNK
from mailframe.transfer.values import TransferError


class NewDirectory:
    """A directory that is being filled beside its place, and moved there when it is finished.

    Args:
        path: its place; nothing may be there, or an empty directory.

    Raises:
        TransferError: something is.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise TransferError(f"{path} is there already; name a directory that is not, or that is empty.")
        self._path = path
        self.partial = path.with_name(f".{path.name}.{os.getpid()}")
        self.partial.mkdir(mode=0o700, parents=True)

    def finish(self) -> None:
        """Put all on stable storage, and the directory in its place."""
        for place, _, files in os.walk(self.partial):
            for name in files:
                flush(Path(place, name))
            flush(Path(place))
        os.replace(self.partial, self._path)
        flush(self._path.parent)

    def abandon(self) -> None:
        """Remove what was made; safe after `finish`."""
        shutil.rmtree(self.partial, ignore_errors=True)


def flush(path: Path) -> None:
    """Put a file or directory on stable storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pieces(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Octets of an open file."""
    file.seek(start)
    left = end - start if end is not None else 1 << 62
    while left > 0 and (piece := file.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece


def small(path: Path, limit: int = 64 * 1024 * 1024) -> bytes | None:
    """A small file's octets; None where there is none.

    Raises:
        TransferError: it is not small.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(octets) > limit:
        raise TransferError(f"{path} is too large to be what its name says.")
    return octets
