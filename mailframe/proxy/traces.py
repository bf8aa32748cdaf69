"""What passes between some users' clients and their stores, written down for a while, for whoever looks for a fault.

Logins are not in it, as they come before the splice; mail is. So it ends by itself, is bounded, and nobody but the
server's own user may read it. It is remembered by the running workers only: a restart ends it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final
from urllib.parse import quote

from twisted.logger import Logger

from .values import ProxiedSession

LONGEST: Final = 24 * 3600.0
"""Seconds for which an account can be traced."""
ACCOUNTS_LIMIT: Final = 100
SESSIONS_LIMIT: Final = 200
"""Sessions that are written down, of one account and in one worker."""
OCTETS_LIMIT: Final = 16 * 1024 * 1024
"""Octets of the file of one session."""
LINE_LIMIT: Final = 2000
"""Octets of a line of which all is shown."""
_SHOWN: Final = bytes(range(0x20, 0x7F)).replace(b"\\", b"")
_ESCAPES: Final = [chr(octet) if octet in _SHOWN else f"\\x{octet:02x}" for octet in range(256)]

Receive = Callable[[bytes], None]
log = Logger()


class Traces:
    """Knows whose sessions are written down.

    Args:
        directory: where; None for nowhere.
        seconds: the time, since 1970.
    """

    def __init__(self, directory: str | None, seconds: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self._seconds = seconds
        self._until: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    @property
    def accounts(self) -> Mapping[str, float]:
        """Whose, and until when, in seconds since 1970."""
        now = self._seconds()
        self._until = {name: until for name, until in self._until.items() if until > now}
        return self._until

    def set(self, account: str, seconds: float) -> None:
        """Write an account's sessions down that begin from now on.

        Args:
            seconds: for how long; 0 to end it.
        """
        if seconds <= 0 or self.directory is None:
            self._until.pop(account, None)
        elif len(self.accounts) < ACCOUNTS_LIMIT or account in self._until:
            self._until[account] = self._seconds() + min(seconds, LONGEST)
            self._counts[account] = 0

    def begin(self, session: ProxiedSession) -> Trace | None:
        """A session begins.

        Returns:
            What writes it down; None where nobody asked for that.
        """
        account = session.account
        if not self._until or account not in self.accounts or self._counts[account] >= SESSIONS_LIMIT:
            return None
        assert self.directory is not None
        self._counts[account] += 1
        place = os.path.join(self.directory, quote(account, safe="@"))
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._seconds()))
        path = os.path.join(place, f"{stamp}-{session.protocol}-{session.session_id}.log")
        try:
            os.makedirs(place, mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            return Trace(os.fdopen(descriptor, "wb", buffering=0), self._seconds)
        except OSError as error:
            _failed(error)
            return None


class Trace:
    """One session, being written down.

    Args:
        file: takes it.
        seconds: the time, since 1970.
    """

    def __init__(self, file: BinaryIO, seconds: Callable[[], float]) -> None:
        self._file: BinaryIO | None = file
        self._seconds = seconds
        self._left = OCTETS_LIMIT

    def tee(self, who: str, receive: Receive) -> Receive:
        """What takes octets, and writes them down besides.

        Args:
            who: ``C`` for the client, ``S`` for the store.
            receive: takes them.
        """

        def both(data: bytes) -> None:
            self._write(who, data)
            receive(data)

        return both

    def close(self) -> None:
        """The session has ended."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self, who: str, data: bytes) -> None:
        if self._file is None:
            return
        now = self._seconds()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03}Z"
        text = "".join(f"{stamp} {who}: {_line(line)}\n" for line in data.splitlines(keepends=True))
        if len(text) > self._left:
            text = f"{stamp} this is long enough: what follows is not written down\n"
            self._left = 0
        try:
            self._file.write(text.encode("ascii"))
        except OSError as error:
            _failed(error)
            self.close()
        self._left -= len(text)
        if self._left <= 0:
            self.close()


def _line(line: bytes) -> str:
    """One line, or what came of it so far, on one line of printable ASCII."""
    shown = (
        "".join(map(_ESCAPES.__getitem__, line[:LINE_LIMIT])).replace("\\x0d", "\\r").replace("\\x0a", "\\n")
    )
    return shown if len(line) <= LINE_LIMIT else f"{shown} ... ({len(line)} octets)"


def _failed(error: OSError) -> None:
    """The session goes on without."""
    log.error("a session cannot be written down: {reason}", reason=str(error))
