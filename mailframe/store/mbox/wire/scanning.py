"""Where each message of an mbox file lies. Reads through a function that it is given; no I/O of its own.

A message ends where ``Content-Length`` says, if a message or the end of the file follows there, and else before the
next line that is a separator (`mailframe.store.mbox.wire.separator`). The blank line before a separator belongs to
nobody.

Messages that are being appended begin with `UNFINISHED` in the place of the first octet, until they are on stable
storage: after a crash they are told from those of other programs, which may be cut off as well and are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .fields import HEADER_LIMIT, Marks, header_length, parse
from .separator import LENGTH_LIMIT, date_of

Read = Callable[[int, int], bytes]
"""Gives octets: how many at most, from which offset; fewer at the end of the file only."""

UNFINISHED = b"\0"
_LOOK = 4
"""Octets behind a message that are looked at first: line ends, and no more of them as a rule."""
WINDOW = 256 * 1024
"""Octets that are looked at in one go."""
_SEPARATOR = re.compile(rb"^From ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one message lies.

    Attributes:
        offset: where its separator begins.
        separator: octets of that line.
        header: octets of the header section, with the blank line.
        body: octets of the body, without the blank line that follows.
        end: where the next separator begins, or the end of the file.
        date: of the separator, seconds since the epoch.
        marks: what its hidden fields tell.
        finished: was it written to its end? Only what `UNFINISHED` marks may be not.
        appending: it is marked so.
    """

    offset: int
    separator: int
    header: int
    body: int
    end: int
    date: int
    marks: Marks
    finished: bool = True
    appending: bool = False

    @property
    def text(self) -> int:
        """Where the header section begins."""
        return self.offset + self.separator

    @property
    def body_offset(self) -> int:
        """Where the body begins."""
        return self.text + self.header


class NotMbox(Exception):
    """There is something else where a message should begin.

    Attributes:
        offset: where.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"no message begins at octet {offset}")
        self.offset = offset


def places(read: Read, start: int, end: int) -> Iterator[Place]:
    """All messages, in order.

    Args:
        read: gives the file's octets.
        start: where a message begins, perhaps behind blank lines.
        end: of the file.

    Raises:
        NotMbox: no message begins there.
    """
    start = _behind_blank_lines(read, start, end)
    blank = _blank_from(read, start, end)
    while start < end:
        place = _place(read, start, end, blank)
        yield place
        start = _behind_blank_lines(read, place.end, end)


def begins_at(read: Read, offset: int, end: int) -> bool:
    """Does a message begin at this offset, or the file end?"""
    return offset == end or _separator_at(read, offset) is not None


def _blank_from(read: Read, start: int, end: int) -> int:
    """From where on there are only blank lines, as an interrupted writer leaves them at the end of a file."""
    while start < end:
        count = min(WINDOW, end - start)
        octets = read(count, end - count).rstrip(b"\r\n")
        end -= count - len(octets)
        if octets:
            break
    return end


def _place(read: Read, start: int, end: int, blank: int) -> Place:
    found = _separator_at(read, start)
    if found is None:
        raise NotMbox(start)
    length, date, appending = found
    text = start + length
    window = read(min(HEADER_LIMIT, end - text), text)
    header = header_length(window)
    # Of a header section without a blank line the next message's separator is the end.
    early = _next_separator(window[:header], 0)
    if early is not None:
        header = early
    marks = parse(window[:header])
    body = text + header
    told = _told_end(read, marks, body, end, blank)
    if told is not None:
        return Place(start, length, header, told[0] - body, told[1], date, marks, True, appending)
    following = body if early is not None else _following(read, body, end)
    last = _without_blank_line(read, body, following)
    return Place(start, length, header, last - body, following, date, marks, not appending, appending)


def _separator_at(read: Read, offset: int) -> tuple[int, int, bool] | None:
    """Length and date of the separator at an offset, and whether it is marked."""
    octets = read(LENGTH_LIMIT, offset)
    appending = octets.startswith(UNFINISHED)
    if appending:
        octets = b"F" + octets[1:]
    line = octets[: octets.find(b"\n") + 1]
    date = date_of(line) if line else None
    return None if date is None else (len(line), date, appending)


def _told_end(read: Read, marks: Marks, body: int, end: int, blank: int) -> tuple[int, int] | None:
    """Where the body and the message end by ``Content-Length``, where that can be believed."""
    if marks.content_length is None or body + marks.content_length > end:
        return None
    last = body + marks.content_length
    behind = read(_LOOK, last)
    newlines = len(behind) - len(behind.lstrip(b"\r\n"))
    if marks.content_length and newlines == 0 and read(1, last - 1) != b"\n":
        return (last, end) if last == end else None
    if last + newlines >= blank:
        return last, end
    for skipped in range(newlines, -1, -1):
        if begins_at(read, last + skipped, end):
            return last, last + skipped
    if newlines == _LOOK:
        # A writer was interrupted before it cut its blank lines off, and another program appended behind them.
        behind_all = _behind_blank_lines(read, last, end)
        if begins_at(read, behind_all, end):
            return last, behind_all
    return None


def _following(read: Read, start: int, end: int) -> int:
    """Where the next separator begins, at a line's start at or behind ``start``; ``end`` when there is none."""
    at, line_start = start, True
    while at < end:
        window = read(min(WINDOW + LENGTH_LIMIT, end - at), at)
        if not window:
            return end
        last = at + len(window) >= end
        found = _next_separator(window, 0 if line_start else window.find(b"\n") + 1 or len(window))
        if found is not None:
            return at + found
        if last:
            return end
        # Go on at the beginning of a line, so that no separator is cut.
        newline = window.rfind(b"\n", 0, WINDOW)
        line_start = newline >= 0
        at += newline + 1 if line_start else WINDOW
    return end


def _next_separator(window: bytes, start: int) -> int | None:
    for match in _SEPARATOR.finditer(window, start):
        at = match.start()
        line_end = window.find(b"\n", at, at + LENGTH_LIMIT)
        if date_of(window[at : line_end + 1 if line_end >= 0 else at + LENGTH_LIMIT]) is not None:
            return at
    return None


def _without_blank_line(read: Read, body: int, end: int) -> int:
    """The end of a body, without the blank line before a separator."""
    tail = read(min(3, end - body), max(body, end - 3))
    if tail in (b"\n", b"\r\n"):
        return body
    if tail.endswith(b"\n\r\n"):
        return end - 2
    return end - 1 if tail.endswith(b"\n\n") else end


def _behind_blank_lines(read: Read, start: int, end: int) -> int:
    while start < end:
        octets = read(min(1024, end - start), start)
        newlines = len(octets) - len(octets.lstrip(b"\r\n"))
        start += newlines
        if newlines < len(octets) or not octets:
            break
    return start
