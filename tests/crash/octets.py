"""A client that keeps nothing: large messages are made while they are sent, and counted while they are read."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

MEGABYTE = 1024 * 1024
_RAW = bytes(range(57))
_LINES = 10_000
_HEAD = (
    b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n"
    b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)
_TAIL = b"--x--\r\n"
_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n$")


@dataclass(frozen=True)
class Octets:
    """So many octets, and what they are.

    Attributes:
        digest: SHA-256.
    """

    size: int
    digest: bytes


class Large:
    """A message whose second part is a large attachment in base64, of the same 57 octets again and again.

    Args:
        megabytes: how large about.
    """

    def __init__(self, megabytes: int) -> None:
        line = base64.b64encode(_RAW) + b"\r\n"
        self._blocks = max(1, megabytes * MEGABYTE // (len(line) * _LINES))
        self._block = line * _LINES
        self.whole = count(self.pieces())
        self.decoded = count(_RAW * _LINES for _ in range(self._blocks))

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces."""
        yield _HEAD
        for _ in range(self._blocks):
            yield self._block
        yield _TAIL

    def part(self, offset: int, length: int) -> Octets:
        """What BODY[]<offset.length> is."""
        return count(_cut(self.pieces(), offset, length))


def _cut(pieces: Iterator[bytes], offset: int, length: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[offset : offset + length] if offset < len(piece) else b""
        length -= max(0, min(len(piece) - offset, length))
        offset = max(0, offset - len(piece))


def count(pieces: Iterator[bytes]) -> Octets:
    """Take them all."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return Octets(size, digest.digest())


class Wire:
    """A connection, by lines and by octets.

    Args:
        port: of loopback.
        greeting: what the server's first line begins with.
    """

    def __init__(self, port: int, greeting: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 120)
        self._file = self.socket.makefile("rb", 256 * 1024)
        self.expect(greeting)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()

    def say(self, *pieces: bytes) -> None:
        """Send."""
        for piece in pieces:
            self.socket.sendall(piece)

    def send(self, pieces: Iterator[bytes]) -> None:
        """Send what is made meanwhile."""
        for piece in pieces:
            self.socket.sendall(piece)

    def expect(self, beginning: bytes) -> bytes:
        """The next line, which must begin so."""
        line = self._file.readline()
        if not line.startswith(beginning):
            raise AssertionError(f"{line!r} does not begin with {beginning!r}")
        return line

    def octets(self, size: int) -> Octets:
        """The next octets."""
        return count(self._taken(size))

    def lines(self) -> Octets:
        """Lines up to the one that is a dot, unstuffed."""
        return count(self._unstuffed())

    def fetched(self, tag: bytes) -> list[Octets]:
        """The literals of an answer, up to the tagged line, which must be OK."""
        found = []
        while not (line := self._file.readline()).startswith(tag + b" "):
            if not line:
                raise AssertionError("the server closed the connection")
            if literal := _LITERAL.search(line):
                found.append(self.octets(int(literal[1])))
        if not line.startswith(tag + b" OK"):
            raise AssertionError(line)
        return found

    def _taken(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._file.read1(min(size, 256 * 1024))
            if not piece:
                raise AssertionError(f"{size} octets are missing")
            size -= len(piece)
            yield piece

    def _unstuffed(self) -> Iterator[bytes]:
        while (line := self._file.readline()) != b".\r\n":
            if not line:
                raise AssertionError("the server closed the connection")
            yield line.removeprefix(b".")
