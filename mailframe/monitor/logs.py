"""Writing the log: where to, which levels, in which of the two forms of `mailframe.monitor.lines`.

Whole lines a write: several processes may write to one file that was opened for appending, or to one pipe, and
their lines stay whole.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any, Protocol

from twisted.logger import ILogObserver, LogLevel, globalLogBeginner
from zope.interface import implementer

from .lines import json_line, readable_line

FORMATS: dict[str, Callable[[Mapping[str, Any]], str]] = {"readable": readable_line, "json": json_line}
LEVELS: dict[str, int] = {"debug": 0, "info": 1, "warn": 2, "error": 3, "critical": 4}
Write = Callable[[bytes], object]
ATOMIC = 4096
"""Octets that go into a pipe in one piece (PIPE_BUF of Linux)."""
GATHER = 0.02
"""Seconds that a line may wait for others."""


class _Reactor(Protocol):
    """What gathering needs of it."""

    def callFromThread(self, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def callLater(self, delay: float, function: Callable[..., Any], *arguments: Any) -> Any: ...


class Levels:
    """What is important enough to be written; may be changed at any time.

    Args:
        level: one of `LEVELS`: the least that is written.
    """

    def __init__(self, level: str = "info") -> None:
        self._default = _number(level)
        self._rooms: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def set(self, level: str | None, room: str | None = None) -> None:
        """Change the level, of all or of one room.

        Args:
            level: None takes a room's own level away.
            room: ``"smtp"``, or a whole namespace such as ``"mailframe.smtp.server"`` or ``"twisted"``.

        Raises:
            ValueError: there is no such level.
        """
        if room is None:
            self._default = _number(level or "info")
        elif level is None:
            self._rooms.pop(room, None)
        else:
            self._rooms[room] = _number(level)
        self._known.clear()

    def wants(self, event: Mapping[str, Any]) -> bool:
        """Is this event important enough?"""
        namespace = event.get("log_namespace") or ""
        least = self._known.get(namespace)
        if least is None:
            least = self._least(namespace)
            if len(self._known) < 1000:
                self._known[namespace] = least
        return _RANKS.get(event.get("log_level"), 1) >= least

    def _least(self, namespace: str) -> int:
        words = namespace.split(".")
        for length in range(len(words), 0, -1):
            found = self._rooms.get(".".join(words[:length]))
            if found is not None:
                return found
        if words[0] == "mailframe" and len(words) > 1:
            return self._rooms.get(words[1], self._default)
        return self._default


@implementer(ILogObserver)
class LineObserver:
    """Writes events as lines.

    A log that cannot be written (a full disk, a closed pipe) stops nothing: lines are lost and counted in `lost`.

    Args:
        form: one of `FORMATS`.
        levels: what is written.
        write: takes the octets of one line.
    """

    def __init__(self, form: str, levels: Levels, write: Write) -> None:
        self._line = FORMATS[form]
        self.levels = levels
        self._write = write
        self.lost = 0

    def gather(self, reactor: _Reactor) -> Callable[[], None]:
        """From now on write the lines of a moment together.

        Returns:
            What writes the lines that are kept; to be called at the end.
        """
        gathered = Gathered(self._write, reactor, self._count_lost)
        self._write = gathered
        return gathered.flush

    def _count_lost(self, lines: int) -> None:
        self.lost += lines

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write one event."""
        if not self.levels.wants(event):
            return
        try:
            self._write(self._line(event).encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):
            self.lost += 1


class Gathered:
    """Lines of a moment, written together: a call of the system for some twenty lines, not for each.

    A moment is `GATHER` seconds. To write at the end of each turn of the reactor woke it 0.7 times a message, for a
    write, a poll and a read each.

    Whole lines only, and at most `ATOMIC` octets a call (a longer line by itself): so much goes into a pipe in one
    piece, and lines of several processes stay whole there too.

    Args:
        write: takes octets.
        reactor: lines may come from any thread.
        lost: told how many lines could not be written.
    """

    def __init__(self, write: Write, reactor: _Reactor, lost: Callable[[int], None]) -> None:
        self._write = write
        self._lost = lost
        self._reactor = reactor
        self._lines: deque[bytes] = deque()
        self._due = False

    def __call__(self, octets: bytes) -> None:
        """Keep a line for a moment."""
        self._lines.append(octets)
        if not self._due:
            self._due = True
            self._reactor.callFromThread(self._reactor.callLater, GATHER, self.flush)

    def flush(self) -> None:
        """Write what is kept."""
        # First, so that a line that another thread adds from here on asks for another write.
        self._due = False
        pieces: list[bytes] = []
        size = 0
        while self._lines:
            line = self._lines.popleft()
            if pieces and size + len(line) > ATOMIC:
                self._write_together(pieces)
                pieces, size = [], 0
            pieces.append(line)
            size += len(line)
        if pieces:
            self._write_together(pieces)

    def _write_together(self, pieces: list[bytes]) -> None:
        try:
            self._write(b"".join(pieces))
        except (OSError, ValueError):
            self._lost(len(pieces))


def write_all(descriptor: int, octets: bytes) -> None:
    """Write to a file descriptor, in one call where it takes all."""
    while octets:
        octets = octets[os.write(descriptor, octets) :]


def writer_to(stream: IO[str] | IO[bytes]) -> Write:
    """How to write a line to an open stream: past its buffer where it has a descriptor.

    Args:
        stream: such as ``sys.stderr``; one without a descriptor must take octets.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError):
        return stream.write  # type: ignore[return-value]
    return lambda octets: write_all(descriptor, octets)


def start(
    format: str = "readable", level: str = "info", stream: IO[str] | IO[bytes] | None = None
) -> LineObserver:
    """Begin to log, all of this process, and nothing but this.

    Args:
        format: one of `FORMATS`.
        level: one of `LEVELS`.
        stream: where to; standard error by default.

    Returns:
        The observer; its `levels` may be changed later.

    Raises:
        ValueError: there is no such format or level.
    """
    observer = make_observer(format, level, stream)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    return observer


def make_observer(
    format: str = "readable", level: str = "info", stream: IO[str] | IO[bytes] | None = None
) -> LineObserver:
    """The observer that `start` begins with, for who has a publisher of his own (twistd has)."""
    if format not in FORMATS:
        raise ValueError(f"the log's format is one of {', '.join(FORMATS)}, not {format!r}")
    return LineObserver(format, Levels(level), writer_to(stream or sys.stderr))


_RANKS: dict[Any, int] = {getattr(LogLevel, name): rank for name, rank in LEVELS.items()}


def _number(level: str) -> int:
    if level not in LEVELS:
        raise ValueError(f"a log level is one of {', '.join(LEVELS)}, not {level!r}")
    return LEVELS[level]
