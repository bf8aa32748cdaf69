"""A quick IMAP client for measuring: sends commands as octets, reads responses, understands nothing but literals."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Refused(Exception):
    """A command was not answered OK."""


class IMAPClient:
    """One connection, logged in.

    Args:
        port: on loopback.
        user: whom to log in.
        password: with what.
        timeout: seconds that an answer may take.
    """

    def __init__(self, port: int, user: str, password: str, timeout: float = 600.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 16)
        self._number = 0
        self._line()
        self.command(f"LOGIN {user} {password}")

    def command(self, text: str) -> list[bytes]:
        """Send a command and wait for its answer; the untagged lines before it."""
        self._socket.sendall(self._tagged(text))
        return self.answer()

    def swallow(self, text: str) -> int:
        """Send a command and read its answer without looking at it, so that the reader is not measured; its octets.

        Raises:
            Refused: the answer is not OK.
        """
        self._socket.sendall(self._tagged(text))
        tag = b"m%d " % self._number
        count, tail = 0, b""
        while True:
            piece = self._socket.recv(1 << 18)
            if not piece:
                raise Refused("the connection was closed")
            count += len(piece)
            tail = (tail + piece if len(piece) < 1024 else piece)[-1024:]
            last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
            if tail.endswith(b"\r\n") and last.startswith(tag):
                if not last.startswith(tag + b"OK"):
                    raise Refused(last.decode("latin-1"))
                return count

    def append(self, mailbox: str, messages: Iterable[bytes]) -> None:
        """Append messages, all sent before the first answer is read (LITERAL+)."""
        count = 0
        pieces = []
        for message in messages:
            pieces.append(self._tagged(f"APPEND {mailbox} {{{len(message)}+}}") + message + b"\r\n")
            count += 1
        self._socket.sendall(b"".join(pieces))
        for _ in range(count):
            self.answer()

    def answer(self) -> list[bytes]:
        """Read until a tagged response.

        Raises:
            Refused: it is not OK.
        """
        lines: list[bytes] = []
        while True:
            line = self._line()
            if line.startswith(b"m"):
                if line.split(b" ", 2)[1] != b"OK":
                    raise Refused(line.decode("latin-1"))
                return lines
            lines.append(line)

    def close(self) -> None:
        """Leave without a word."""
        self._file.close()
        self._socket.close()

    def _tagged(self, text: str) -> bytes:
        self._number += 1
        return f"m{self._number} {text}\r\n".encode()

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise Refused("the connection was closed")
        while (match := _LITERAL.search(line)) is not None:
            line += self._file.read(int(match[1])) + self._file.readline()
        return line
