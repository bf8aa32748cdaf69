"""A generator of load for servers that give mail out: processes that go through sessions until time is up.

Each is a process of its own with a blocking socket and octets that were made before the clock starts. Its own
processor time is told with each figure: where all cores are busy, it has to be a small part of the server's.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import load
import peers


@dataclass(frozen=True)
class Rate:
    """How it went.

    Attributes:
        a_second: sessions (or whatever was counted) a second.
        server: milliseconds of the server's processor time for each.
        generator: the same of the generator's.
    """

    a_second: float
    server: float
    generator: float


class Line:
    """One connection that waits for ends of answers.

    Args:
        port: on loopback.
        tls: from the start, without a ticket, as a client that comes for the first time.
    """

    def __init__(self, port: int, tls: bool = False) -> None:
        self._socket: Any = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)

    def send(self, octets: bytes) -> None:
        """Send."""
        self._socket.sendall(octets)

    def imap(self, command: bytes, tag: bytes = b"a ") -> bytes:
        """Send a command of IMAP (without tag and line end) and wait for OK.

        Raises:
            RuntimeError: it is not OK.
        """
        self._socket.sendall(tag + command + b"\r\n")
        return self.until(lambda got: _tagged(got, tag), tag + b"OK")

    def greeting(self) -> bytes:
        """One line."""
        return self.until(lambda got: got.endswith(b"\r\n"), b"OK")

    def pop3(self, command: bytes, multi: bool = False) -> bytes:
        """Send a command of POP3 and wait for its answer.

        Raises:
            RuntimeError: it is not +OK.
        """
        self._socket.sendall(command + b"\r\n")
        return self.until(_dotted if multi else lambda got: got.endswith(b"\r\n"), b"+OK")

    def until(self, whole: Callable[[bytes], bool], good: bytes) -> bytes:
        """Read until an answer is whole, and look for words that it must have."""
        got = b""
        while True:
            got += self.some()
            if whole(got):
                break
        if good not in got:
            raise RuntimeError(f"{good!r} was expected, not {got[-200:]!r}")
        return got

    def some(self) -> bytes:
        """What comes next.

        Raises:
            RuntimeError: the server hung up.
        """
        piece: bytes = self._socket.recv(1 << 18)
        if not piece:
            raise RuntimeError("the server hung up")
        return piece

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def _tagged(got: bytes, tag: bytes) -> bool:
    return got.endswith(b"\r\n") and got.startswith(tag, got.rfind(b"\n", 0, -1) + 1)


def _dotted(got: bytes) -> bool:
    return got.endswith(b"\r\n.\r\n") or (got.startswith(b"-ERR") and got.endswith(b"\r\n"))


def _loop(cycle: Callable[[int], int], number: int, seconds: float, ready: Any, go: Any, total: Any) -> None:
    ready.release()
    go.wait()
    until = time.monotonic() + seconds
    done = 0
    while time.monotonic() < until:
        done += cycle(number)
    with total.get_lock():
        total.value += done


def during(seconds: float, processes: int, server: int, cycle: Callable[[int], int]) -> Rate:
    """Go through ``cycle`` in some processes for some seconds.

    Args:
        seconds: how long.
        processes: how many at the same time.
        server: the first process of the server.
        cycle: one session or the like; is given its process's number, says what it counts for.

    Raises:
        RuntimeError: a process failed.
    """
    ready, go, total = load.CONTEXT.Semaphore(0), load.CONTEXT.Event(), load.CONTEXT.Value("q", 0)
    running = [
        load.CONTEXT.Process(target=_loop, args=(cycle, number, seconds, ready, go, total))
        for number in range(processes)
    ]
    for process in running:
        process.start()
    for _ in running:
        if not ready.acquire(timeout=60):
            raise RuntimeError("a process did not begin")
    own, used = load.children_cpu(), peers.cpu_seconds(server)
    begun = time.monotonic()
    go.set()
    for process in running:
        process.join(seconds + 120)
    taken = time.monotonic() - begun
    if any(process.exitcode != 0 for process in running) or not total.value:
        raise RuntimeError("a process failed")
    each = 1000 / total.value
    server_cpu, own_cpu = peers.cpu_seconds(server) - used, load.children_cpu() - own
    return Rate(total.value / taken, server_cpu * each, own_cpu * each)
