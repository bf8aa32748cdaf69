"""Whole sessions, one after another, by several processes: what `imap.py` and `pop3.py` count.

Each process has its own connection at a time, and sends octets that were made before: the client costs a tenth of the
server at most, and its processor time is told.
"""

from __future__ import annotations

import multiprocessing
import resource
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Dialogue = Callable[[Any], None]
"""Holds one session over a connected socket, up to its end."""


@dataclass(frozen=True)
class Counted:
    """Attributes: sessions a second; processor seconds of the clients a session."""

    rate: float
    client_cpu: float


def count(dialogue: Dialogue, port: int, sessions: int, processes: int, tls: bool = False) -> Counted:
    """Hold so many sessions in all."""
    ready = multiprocessing.Barrier(processes + 1)
    cpu: multiprocessing.Queue[float] = multiprocessing.Queue()
    running = [
        multiprocessing.Process(target=_client, args=(dialogue, port, sessions // processes, ready, cpu, tls))
        for _ in range(processes)
    ]
    for process in running:
        process.start()
    ready.wait()
    begun = time.perf_counter()
    used = sum(cpu.get() for _ in running)
    seconds = time.perf_counter() - begun
    for process in running:
        process.join()
        if process.exitcode:
            raise RuntimeError("a client failed")
    done = sessions // processes * processes
    return Counted(done / seconds, used / done)


def until(connection: Any, end: bytes) -> bytes:
    """Read up to an end that comes once in an answer."""
    octets = b""
    while end not in octets:
        piece = connection.recv(1 << 18)
        if not piece:
            raise RuntimeError(f"the connection was closed after {octets[-200:]!r}")
        octets += piece
    return octets


def _client(dialogue: Dialogue, port: int, sessions: int, ready: Any, cpu: Any, tls: bool) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    ready.wait()
    before = _used()
    for _ in range(sessions):
        connection: Any = socket.create_connection(("127.0.0.1", port), 60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            connection = context.wrap_socket(connection)
        dialogue(connection)
        connection.close()
    cpu.put(_used() - before)


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
