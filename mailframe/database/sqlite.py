"""Opening SQLite files, and what their faults mean. Blocking: called in a lane's thread or by a command."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal

import apsw

from mailframe.message.status import STORAGE_FULL, UNAVAILABLE, MailframeError, Status

Synchronous = Literal["NORMAL", "FULL"]
"""FULL: a commit is on stable storage when it returns. NORMAL: it survives the process, and a lost power supply
when the log file was flushed since; the file is whole in both."""

OLDEST_SQLITE: Final = (3, 51, 3)
"""Every SQLite before this can corrupt a WAL file that two connections write or checkpoint at one instant."""
BUSY_SECONDS: Final = 10.0
"""How long a statement waits for another process's transaction before it gives up."""

_FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class UnusableDatabase(Exception):
    """This program must not touch this file, or any: its text tells an administrator what to do."""


def check_version(version: str | None = None) -> None:
    """Refuse an SQLite library that corrupts files.

    Args:
        version: ``"3.51.3"``; the library in use where None.

    Raises:
        UnusableDatabase: it is older than `OLDEST_SQLITE`.
    """
    version = version or apsw.sqlite_lib_version()
    numbers = tuple(int(number) for number in version.split(".")[:3])
    if numbers < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise UnusableDatabase(
            f"SQLite {version} can corrupt files that several processes write; {oldest} or newer is needed"
            f" (pip install --upgrade 'apsw>={oldest}')"
        )


def open_connection(
    path: str,
    *,
    synchronous: Synchronous = "FULL",
    read_only: bool = False,
    busy_seconds: float = BUSY_SECONDS,
    cache_octets: int = 2 * 1024 * 1024,
    page_octets: int = 0,
) -> apsw.Connection:
    """Open one SQLite file in WAL mode, making it where it is missing.

    Args:
        path: the file.
        synchronous: see `Synchronous`.
        read_only: the connection refuses to write (``query_only``); the file must exist.
        busy_seconds: how long to wait for another writer.
        cache_octets: how much of the file this connection keeps in memory.
        page_octets: the size of a new file's pages, which then gives space back when it is asked to
            (``incremental_vacuum``); 0: SQLite's own, and all space is kept.

    Raises:
        UnusableDatabase: the SQLite library is too old.
        apsw.Error: the file cannot be opened; see `storage_status`.
    """
    check_version()
    flags = apsw.SQLITE_OPEN_READWRITE | (0 if read_only else apsw.SQLITE_OPEN_CREATE)
    connection = apsw.Connection(path, flags=flags)
    try:
        connection.set_busy_timeout(int(busy_seconds * 1000))
        if page_octets:
            connection.pragma("page_size", page_octets)
            connection.pragma("auto_vacuum", "INCREMENTAL")
        _use_wal(connection, busy_seconds)
        connection.pragma("synchronous", synchronous)
        connection.pragma("foreign_keys", True)
        connection.pragma("cache_size", -(cache_octets // 1024))
        if read_only:
            connection.pragma("query_only", True)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: apsw.Connection, busy_seconds: float) -> None:
    """Choose the mode, which stays in the file; asking first spares a lock on every open but the first.

    SQLite does not wait here when another process does the same to a new file, but says at once that it is busy.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            if connection.pragma("journal_mode") != "wal":
                connection.pragma("journal_mode", "wal")
            return
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.005)


def close(connection: apsw.Connection) -> None:
    """Close a connection, whatever its disk says: what was committed is safe, and nobody waits for an answer."""
    with suppress(apsw.Error):
        connection.close()


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """A writing transaction: committed at the end, rolled back when anything is raised.

    It takes the write lock at once (``BEGIN IMMEDIATE``): a transaction that reads first and writes later could be
    refused in the middle when another process wrote in between.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: apsw.Connection) -> None:
    """Roll back where a transaction is open: SQLite has ended it already after some faults (a full disk)."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def storage_status(fault: BaseException) -> Status | None:
    """What a peer is told of a fault of the disk or the database; None when it is not one.

    Never permanent: mail is not refused for good because a disk is full or broken.
    """
    if isinstance(fault, apsw.FullError):
        return STORAGE_FULL
    if isinstance(fault, OSError):
        return STORAGE_FULL if fault.errno in _FULL_ERRNOS else UNAVAILABLE
    if isinstance(fault, (*_AWAY, UnusableDatabase)):
        return UNAVAILABLE
    return None


def storage_error(fault: Exception) -> Exception:
    """The fault as a temporary `MailframeError` where the disk or the database is to blame, else itself."""
    status = storage_status(fault)
    if status is None:
        return fault
    error = MailframeError(status, f"{type(fault).__name__}: {fault}")
    error.__cause__ = fault
    return error


def flush_log(path: str) -> None:
    """Put on stable storage what ``synchronous=NORMAL`` transactions have committed to a file.

    One flush of the log file does it: cheaper than a checkpoint, which also flushes the file itself.

    Raises:
        OSError: it could not be flushed.
    """
    try:
        descriptor = os.open(path + "-wal", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # The last connection was closed, and SQLite then moves everything into the file and flushes that.
        return
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


_AWAY: Final = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.NoMemError,
    apsw.InterruptError,
    apsw.AbortError,
)
