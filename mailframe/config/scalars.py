"""Single values of the configuration: from what TOML says to what a schema's annotation means, strictly.

Nothing is guessed: ``"false"`` is not a boolean, ``true`` is not a number, ``"5"`` is neither. Each converter takes
what ``tomllib`` made of a value and returns what the schema wants, or raises ``ValueError`` with words that say
what is allowed and what was there.
"""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from mailframe.message.address import Address, parse_mailbox

from .types import Duration, Network, Secret, Size

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?(B|[KMGT]i?B)?", re.I)
_LARGEST = 2**63 - 1
_SHOWN = 60


def shown(value: object) -> str:
    """A value of TOML in an error message: short, on one line, as it is written in the file."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            short = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
            return json.dumps(short, ensure_ascii=not short.isprintable())
        case int() if abs(value) > _LARGEST:
            return "a number that is too large"
        case int() | float():
            return str(value)
        case list():
            return "a list"
        case dict():
            return "a table"
        case datetime.datetime() | datetime.date() | datetime.time():
            return "a date or time"
    return type(value).__name__


def expected(what: str, value: object) -> ValueError:
    """The usual complaint."""
    return ValueError(f"expected {what}, got {shown(value)}")


def to_bool(value: object) -> bool:
    """``true`` or ``false``."""
    if isinstance(value, bool):
        return value
    raise expected("true or false, without quotes", value)


def to_int(value: object) -> int:
    """A whole number of at most 63 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        return value
    raise expected("a whole number", value)


def to_float(value: object) -> float:
    """A number, whole or not, but neither infinite nor "not a number"."""
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        return float(value)
    raise expected("a number", value)


def to_str(value: object) -> str:
    """A text without NUL."""
    if isinstance(value, str) and "\0" not in value:
        return value
    raise expected("a text in quotes", value)


def to_duration(value: object) -> Duration:
    """``"5m"``, ``"1h 30m"``, ``"500ms"``: seconds."""
    if isinstance(value, str):
        parts = value.split()
        found = [match for part in _joined(parts) for match in _all_of(_DURATION, part)]
        if found and all(match is not None for match in found):
            return Duration(math.fsum(float(match[1]) * _SECONDS[match[2]] for match in found if match))
    raise expected('a duration such as "90s", "5m", "2h" or "7d"', value)


def _joined(parts: Sequence[str]) -> list[str]:
    """``["5", "m"]`` is one part: a space may stand before the unit."""
    joined: list[str] = []
    for part in parts:
        if joined and part.isalpha() and joined[-1][-1:].isdigit():
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _all_of(pattern: re.Pattern[str], text: str) -> list[re.Match[str] | None]:
    """The matches that ``text`` consists of, ending with None where something else is left."""
    found: list[re.Match[str] | None] = []
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        found.append(match)
        if match is None:
            break
        at = match.end()
    return found


def to_size(value: object) -> Size:
    """``"25 MB"``, ``"1 GiB"`` or a plain number: octets. ``MB`` is a million, ``MiB`` is 1024 times 1024."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return Size(value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise expected('a size such as "512 KB", "25 MB" or "1 GiB", or a number of octets', value)
    unit = (match[2] or "B").upper()
    base = 1024 if "I" in unit else 1000
    return Size(round(float(match[1]) * base ** " KMGT".index(unit[0].replace("B", " "))))


def to_network(value: object) -> Network:
    """``"192.0.2.0/24"`` or a single address; no host bits may be set."""
    try:
        return Network(str(ipaddress.ip_network(to_str(value))))
    except ValueError as error:
        hint = "; " + str(error) if isinstance(value, str) and "host bits" in str(error) else ""
        raise ValueError(
            f'expected a network such as "192.0.2.0/24" or an IP address, got {shown(value)}{hint}'
        ) from None


def to_address(value: object) -> Address:
    """A mailbox, ``"postmaster@example.test"``."""
    try:
        return parse_mailbox(to_str(value))
    except ValueError as error:
        raise ValueError(f'expected an address such as "alice@example.test": {error}') from None


SCALARS: dict[Any, tuple[Callable[[object], Any], str]] = {
    bool: (to_bool, "``true`` or ``false``"),
    int: (to_int, "whole number"),
    float: (to_float, "number"),
    str: (to_str, "text"),
    Duration: (to_duration, "duration"),
    Size: (to_size, "size"),
    Secret: (to_str, "secret"),
    Network: (to_network, "network"),
    Address: (to_address, "address"),
}
"""Annotation -> its converter, and what the documentation calls it."""


def one_of(choices: Sequence[object], value: object) -> object:
    """One of a few values; equal is not enough, ``true`` is not 1."""
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    text = ", ".join(shown(choice) for choice in choices)
    raise ValueError(f"expected one of {text}, got {shown(value)}{did_you_mean(value, choices)}")


def did_you_mean(value: object, known: Sequence[object]) -> str:
    """``; did you mean "x"?`` where something known is close, otherwise nothing."""
    words = [word for word in known if isinstance(word, str)]
    close = difflib.get_close_matches(value, words, 1) if isinstance(value, str) else []
    return f'; did you mean "{close[0]}"?' if close else ""
