"""A log event as one line of text: readable, or JSON. No output here, and no clock.

Whatever a peer said can be logged: no text breaks out of its line, because everything that is not printable
(control characters, line ends of any kind, bidirectional overrides, lone surrogates) is written as an escape.

Keys come in a fixed order: time, level, room, message, then the fields of `FIELDS` in that order, then others by
name, then the traceback.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from twisted.logger import LogLevel, formatEvent
from twisted.python.failure import Failure

FIELDS = (
    "session_id",
    "queue_id",
    "peer",
    "login",
    "account",
    "mailbox",
    "reverse_path",
    "forward_path",
    "reply",
    "delay",
    "size",
)
"""The names that mean the same in every room."""

LONGEST_VALUE = 2000
"""Characters of one value; more is cut."""
LONGEST_TRACEBACK = 20_000

_MARKS = re.compile("[ =\"'\\\\]")
"""What must not stand in a value without quotes."""

# What Twisted's old logging system adds to an event; of no use to a reader.
_LEGACY = frozenset({"format", "isError", "logLevel", "message", "printed", "system", "time", "why"})
_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode


def json_line(event: Mapping[str, Any]) -> str:
    """An event as one JSON object (RFC 8259), ASCII only, with a line end."""
    record: dict[str, Any] = {
        "time": _time(event),
        "level": _level(event),
        "room": room_of(event.get("log_namespace")),
        "message": _cut(_message(event), LONGEST_VALUE),
    }
    for name in _order(tuple(event)):
        record[name] = _plain(event[name])
    traceback = _traceback(event)
    if traceback is not None:
        record["traceback"] = traceback
    return _ENCODE(record) + "\n"


def readable_line(event: Mapping[str, Any]) -> str:
    """An event for people: one line, and one more for each line of a traceback.

    Fields that the message has already are not said again, and those that are None or empty are not said at all. The
    lines of a traceback begin with two spaces and a bar, which no first line does.
    """
    parts = [
        _time(event),
        _level(event).ljust(8),
        room_of(event.get("log_namespace")).ljust(9),
        printable(_cut(_message(event), LONGEST_VALUE)),
    ]
    template = event.get("log_format")
    unsaid = _unsaid(template if isinstance(template, str) else None, tuple(event))
    parts.extend(
        [
            f"{shown}={_readable(_plain(event[name]))}"
            for name, shown in unsaid
            if not _is_nothing(event[name])
        ]
    )
    lines = [" ".join(parts)]
    traceback = _traceback(event)
    if traceback is not None:
        lines.extend("  | " + printable(line) for line in traceback.splitlines())
    return "\n".join(lines) + "\n"


def printable(text: str) -> str:
    """The text with everything that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


@lru_cache(maxsize=1024)
def room_of(namespace: str | None) -> str:
    """The room a namespace belongs to: ``mailframe.smtp.server`` is ``smtp``; of others the first word."""
    words = printable(namespace or "?").split(".")
    return words[1] if words[0] == "mailframe" and len(words) > 1 else words[0]


def _time(event: Mapping[str, Any]) -> str:
    moment = event.get("log_time")
    if not isinstance(moment, int | float) or not 0 <= moment < 2**36:
        moment = 0.0
    seconds = int(moment)
    return f"{_second(seconds)}.{int((moment - seconds) * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _level(event: Mapping[str, Any]) -> str:
    level = event.get("log_level") or LogLevel.info
    return str(getattr(level, "name", "info"))


def _message(event: Mapping[str, Any]) -> str:
    template = event.get("log_format")
    if isinstance(template, str):
        try:
            return template.format_map(event)
        except Exception:
            # Formats that call something, or miss a field: Twisted knows how, or says what is wrong.
            return formatEvent(dict(event))
    if template is None and "log_failure" in event:
        return "failure"
    return formatEvent(dict(event))


@lru_cache(maxsize=1024)
def _order(names: tuple[str, ...]) -> tuple[str, ...]:
    """The fields among an event's keys, in the order they are written."""
    fields = [name for name in FIELDS if name in names]
    others = (name for name in names if not name.startswith("log_"))
    rest = sorted(set(others) - set(FIELDS) - _LEGACY - {"failure"} - _OWN)
    return tuple(fields + rest)


@lru_cache(maxsize=1024)
def _unsaid(template: str | None, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The fields that are not in the message, each with its name as it is shown."""
    said = _names_in(template)
    return tuple((name, printable(name)) for name in _order(names) if name not in said)


_OWN = frozenset({"level", "room", "traceback"})
"""Keys of ours that a field must not take the place of."""


@lru_cache(maxsize=1024)
def _names_in(template: str | None) -> frozenset[str]:
    """The fields that a format names."""
    if not isinstance(template, str):
        return frozenset()
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        return frozenset()
    return frozenset(name.partition(".")[0].partition("[")[0] for _, name, _, _ in parsed if name)


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it; what JSON has not, as text."""
    kind = type(value)
    if kind is str:
        return _cut(value, LONGEST_VALUE)
    if value is None or kind is int or kind is bool:
        return value
    if kind is float:
        return value if -1e300 < value < 1e300 else repr(value)
    if isinstance(value, bytes):
        return _cut(value.decode("utf-8", "backslashreplace"), LONGEST_VALUE)
    if isinstance(value, tuple | list | set | frozenset) and depth < 2:
        return [_plain(item, depth + 1) for item in list(value)[:100]]
    if kind is dict and depth < 2:
        return {
            _cut(_text(name), LONGEST_VALUE): _plain(value[name], depth + 1) for name in list(value)[:100]
        }
    return _cut(_text(value), LONGEST_VALUE)


def _text(value: object) -> str:
    """What a value says of itself, whatever it is."""
    try:
        return str(value)
    except Exception:
        return f"<a {type(value).__name__} that cannot be written>"


def _is_nothing(value: Any) -> bool:
    """Whether a field has nothing to say. Zero, false and an empty text do say something."""
    return value is None or (isinstance(value, tuple | list | dict | set | frozenset) and not value)


def _readable(value: Any) -> str:
    if isinstance(value, str):
        bare = value and value.isprintable() and _MARKS.search(value) is None
        return value if bare else printable(repr(value))
    return printable(str(value))


def _traceback(event: Mapping[str, Any]) -> str | None:
    failure = event.get("log_failure")
    if not isinstance(failure, Failure):
        return None
    try:
        text = failure.getTraceback()
    except Exception:
        text = f"a {type(failure.value).__name__} whose traceback cannot be written"
    return text if len(text) <= LONGEST_TRACEBACK else "..." + text[-LONGEST_TRACEBACK:]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "..."


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
