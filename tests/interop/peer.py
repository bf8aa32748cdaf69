"""What the servers have in common that tests start beside ours: a place, a log, mailboxes, a greeting."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.ports import free_port

DOMAIN = "peer.test"
USERS = ("alice", "bob", "carol", "dave")
PATIENCE = 20.0
T = TypeVar("T")


class Peer:
    """A server on loopback that takes mail for `USERS` of `DOMAIN` into Maildirs.

    Args:
        base: an empty directory that others may enter.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.mail = base / "mail"
        self.port = free_port()

    def received(self, user: str, count: int = 1) -> list[bytes]:
        """What is in a mailbox once ``count`` messages are there, oldest first."""

        def messages() -> list[bytes] | None:
            place = self.mail / user / "new"
            files = (
                sorted(place.glob("*"), key=lambda path: path.stat().st_mtime_ns) if place.is_dir() else []
            )
            return [path.read_bytes() for path in files] if len(files) >= count else None

        return self._wait_for(messages, f"{user} has not got {count} messages")

    def received_with(self, user: str, words: bytes) -> bytes:
        """The message in a mailbox that has these words, once it is there."""

        def message() -> bytes | None:
            found = (path.read_bytes() for path in (self.mail / user / "new").glob("*"))
            return next((octets for octets in found if words in octets), None)

        return self._wait_for(message, f"{user} has not got a message with {words!r}")

    def wait_for_log(self, words: str) -> str:
        """The first line of its log with these words, once it is there."""
        return self._wait_for(
            lambda: next((line for line in self.log().splitlines() if words in line), None),
            f"{words!r} is not in the log",
        )

    def log(self) -> str:
        """Its log so far."""
        path = self.base / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def greets(self) -> None:
        """Wait until somebody greets on its port."""
        self._wait_for(self._greeted, f"{type(self).__name__} does not greet")

    def _greeted(self) -> bool | None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                return connection.recv(100).startswith(b"220") or None
        except OSError:
            return None

    def _wait_for(self, look: Callable[[], T | None], complaint: str) -> T:
        deadline = time.monotonic() + PATIENCE
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"{complaint}; the log ends:\n{self.log()[-3000:]}")
            time.sleep(0.05)
        return found
