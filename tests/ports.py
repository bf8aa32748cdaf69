"""Ports for tests: free, and for one test process at a time, so that suites running side by side do not meet."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

RANGE = range(10_000, 32_000)
"""Below those that the system gives to clients (32768 and up on Linux): one of these may be taken by anybody's
connection before the test's own server listens."""
_book: IO[bytes] | None = None
_ours: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on and no other test process has."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on and no other test process has, each another."""
    found: list[int] = []
    for port in random.SystemRandom().sample(RANGE, 2000):
        if claim([port]):
            found.append(port)
            if len(found) == count:
                return found
    raise AssertionError("there are no free ports")


def claim(ports: Iterable[int]) -> bool:
    """Have these ports for as long as this process lives, if all of them are free.

    A port is an octet of a file that all test processes lock; the system gives it back when a process ends. Where one
    is taken, the others are given back at once.
    """
    global _book
    if _book is None:
        _book = open(Path(tempfile.gettempdir()) / f"mailframe-test-ports-{os.getuid()}", "ab")  # noqa: SIM115
    claimed: list[int] = []
    for port in ports:
        if port in _ours or not _claim(_book, port):
            for other in claimed:
                _give_back(_book, other)
            return False
        claimed.append(port)
        _ours.add(port)
    return True


def _claim(book: IO[bytes], port: int) -> bool:
    try:
        fcntl.lockf(book, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    with socket.socket() as probe:
        # As servers listen: thousands of ports may hold nothing but connections that a test has closed.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            _give_back(book, port)
            return False
    return True


def _give_back(book: IO[bytes], port: int) -> None:
    _ours.discard(port)
    fcntl.lockf(book, fcntl.LOCK_UN, 1, port)
