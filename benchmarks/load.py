"""A load generator for what ``smtp-source`` cannot (TLS, BDAT, many recipients), and for what it can, as a check.

Each session is a process of its own with a blocking socket and octets that were made before the clock starts, so
there is no event loop to be slow. Whether it holds a server back is told by its own processor time (`Run.cpu`): with
all cores busy it has to be a small part of the server's, and the same workload by ``smtp-source`` has to give a like
rate.
"""

from __future__ import annotations

import multiprocessing
import resource
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LINE = b"The quick brown fox jumps over the lazy dog, and does so once more.\r\n"
HEADER = b"From: <sender@sender.test>\r\nTo: <someone@example.test>\r\nSubject: a measure\r\n\r\n"
CONTEXT = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Load:
    """What is sent.

    Attributes:
        port: of the server, on loopback.
        recipients: one tuple of recipients a session, in turn.
        messages: in all.
        size: octets of each.
        sessions: at the same time.
        each: a session a message.
        tls: STARTTLS first.
        bdat: by BDAT instead of DATA.
    """

    port: int
    recipients: Sequence[tuple[str, ...]]
    messages: int
    size: int
    sessions: int
    each: bool = False
    tls: bool = False
    bdat: bool = False


@dataclass(frozen=True)
class Run:
    """How it went: ``seconds`` from the first command to the last answer, and the generator's processor time."""

    seconds: float
    cpu: float


class Client:
    """One connection.

    Raises:
        RuntimeError: another answer than the one that is due.
    """

    def __init__(self, load: Load) -> None:
        self._socket: Any = socket.create_connection(("127.0.0.1", load.port), 120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read(b"220")
        self.keywords = self.ask(b"EHLO client.test\r\n", b"250")
        if load.tls:
            self.ask(b"STARTTLS\r\n", b"220")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
            self.keywords = self.ask(b"EHLO client.test\r\n", b"250")

    def ask(self, octets: bytes, code: bytes) -> bytes:
        """Send, and read one reply."""
        self._socket.sendall(octets)
        return self._read(code)

    def send(self, recipients: Sequence[str], content: bytes, bdat: bool) -> None:
        """One message."""
        self.ask(b"MAIL FROM:<sender@sender.test>\r\n", b"250")
        for recipient in recipients:
            self.ask(b"RCPT TO:<%s>\r\n" % recipient.encode(), b"250")
        if bdat:
            # One chunk, in one call with its command: no copy of the content.
            self._socket.sendall(b"BDAT %d LAST\r\n" % len(content))
            self.ask(content, b"250")
        else:
            self.ask(b"DATA\r\n", b"354")
            self._socket.sendall(content)
            self.ask(b".\r\n", b"250")

    def quit(self) -> None:
        """Say goodbye."""
        self.ask(b"QUIT\r\n", b"221")
        self._socket.close()

    def _read(self, code: bytes) -> bytes:
        reply = b""
        while not _whole(reply):
            piece = self._socket.recv(65536)
            if not piece:
                raise RuntimeError("the server hung up")
            reply += piece
        if not reply.startswith(code):
            raise RuntimeError(f"{code.decode()} was expected, not {reply[:200]!r}")
        return reply


def _whole(reply: bytes) -> bool:
    if not reply.endswith(b"\n"):
        return False
    last = reply[reply.rfind(b"\n", 0, -1) + 1 :]
    return last[3:4] != b"-"


def content_of(size: int) -> bytes:
    """A message of this many octets."""
    return (HEADER + LINE * (size // len(LINE) + 1))[: size - 2] + b"\r\n"


def offers(port: int, keyword: bytes) -> bool:
    """Does a server offer an extension?"""
    client = Client(Load(port, [()], 0, 0, 1))
    client.quit()
    return keyword in client.keywords


def _session(load: Load, number: int, ready: Any, go: Any) -> None:
    content, recipients = content_of(load.size), load.recipients[number % len(load.recipients)]
    share = load.messages // load.sessions
    client = None if load.each else Client(load)
    ready.release()
    go.wait()
    for _ in range(share):
        current = client or Client(load)
        current.send(recipients, content, load.bdat)
        if client is None:
            current.quit()
    if client is not None:
        client.quit()


def run(load: Load) -> Run:
    """Send it all; the clock starts when all sessions are ready.

    Raises:
        RuntimeError: a session failed.
    """
    ready, go = CONTEXT.Semaphore(0), CONTEXT.Event()
    processes = [
        CONTEXT.Process(target=_session, args=(load, number, ready, go)) for number in range(load.sessions)
    ]
    before = children_cpu()
    for process in processes:
        process.start()
    for _ in processes:
        if not ready.acquire(timeout=60):
            raise RuntimeError("a session did not begin")
    began = time.monotonic()
    go.set()
    for process in processes:
        process.join(600)
    seconds = time.monotonic() - began
    if any(process.exitcode != 0 for process in processes):
        raise RuntimeError("a session failed")
    return Run(seconds, children_cpu() - before)


def children_cpu() -> float:
    """Processor time of child processes that were waited for, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
