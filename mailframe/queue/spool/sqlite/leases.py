"""Runners and their leases, and how the dead are told from the living: by a locked file, which the system lets go."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress

import apsw

from mailframe.queue.values import Place

from .places import wait_txn, wake_txn
from .rows import every, first

UNKNOWN = 3600.0
"""Seconds after which the file of a runner that nobody holds is looked at."""


class Locks:
    """A locked file for each living runner of this machine. Every method blocks, but not for long.

    Args:
        path: their directory.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._held: dict[str, int] = {}

    def hold(self) -> str:
        """A new name, whose file is locked from now on.

        Raises:
            OSError: the file cannot be made.
        """
        os.makedirs(self._path, mode=0o700, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        descriptor = os.open(self._file(name), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[name] = descriptor
        return name

    def let_go(self, name: str) -> None:
        """A runner of ours is no more."""
        descriptor = self._held.pop(name, None)
        if descriptor is not None:
            self._remove(name)
            os.close(descriptor)

    def dead(self, name: str) -> bool:
        """Is nobody left who holds this name? Its file goes, too."""
        if name in self._held:
            return False
        try:
            descriptor = os.open(self._file(name), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            self._remove(name)
            return True
        finally:
            os.close(descriptor)

    def sweep(self, now: float) -> None:
        """Remove files of runners that died before anybody knew of them."""
        try:
            entries = list(os.scandir(self._path))
        except OSError:
            return
        for entry in entries:
            with suppress(OSError):
                # Not a young one: it may be about to be locked.
                if now - entry.stat().st_mtime > UNKNOWN:
                    self.dead(entry.name)

    def close(self) -> None:
        """Let go of all."""
        for name in list(self._held):
            self.let_go(name)

    def _remove(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(self._file(name))

    def _file(self, name: str) -> str:
        return os.path.join(self._path, name)


def number_txn(connection: apsw.Connection, runner: str | None) -> int | None:
    """A runner's number; None for one whose lease is over and taken over."""
    if runner is None:
        return None
    row = first(connection, "SELECT id FROM runner WHERE name = ?", (runner,))
    return None if row is None else int(row[0])


def release_txn(connection: apsw.Connection, number: int, now: float) -> int:
    """What a runner has is due at once, and the runner is no more; how many recipients that were."""
    rows = every(
        connection,
        # What was given up by an administrator stays so: it is never due, but to be reviewed.
        "UPDATE recipient SET state = 0, runner = NULL, due = iif(due < 9e999, min(due, ?), due)"
        " WHERE runner = ? AND state = 1 RETURNING queue, destination, lane, due",
        (now, number),
    )
    for queue, destination, lane, due in set(rows):
        wait_txn(connection, Place(destination, queue), lane, due)
    probed = every(
        connection,
        "UPDATE closed SET prober = NULL WHERE prober = ? RETURNING queue, destination",
        (number,),
    )
    for queue, destination in probed:
        wake_txn(connection, Place(destination, queue))
    connection.execute("DELETE FROM runner WHERE id = ?", (number,))
    return len(rows)


def take_over_one_txn(connection: apsw.Connection, number: int, dead: bool, now: float) -> int:
    """The same for a runner of others, unless it has renewed its lease meanwhile."""
    row = first(connection, "SELECT ends FROM runner WHERE id = ?", (number,))
    if row is None or (row[0] >= now and not dead):
        return 0
    return release_txn(connection, number, now)


def alive_txn(connection: apsw.Connection, number: int | None) -> bool:
    """Is this runner's lease its own still?"""
    found = first(connection, "SELECT 1 FROM runner WHERE id = ?", (number,))
    return found is not None
