"""Dates of header fields: reading them with all their mistakes, and writing them (RFC 5322 section 3.3)."""

from __future__ import annotations

import re
import time
from datetime import date
from functools import lru_cache
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = tuple(month.capitalize() for month in _MONTHS)
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# RFC 5322 section 4.3; what is not here is -0000, as that section asks.
_ZONES = {
    b"UT": 0,
    b"GMT": 0,
    b"Z": 0,
    b"UTC": 0,
    b"EDT": -4,
    b"EST": -5,
    b"CDT": -5,
    b"CST": -6,
    b"MDT": -6,
    b"MST": -7,
    b"PDT": -7,
    b"PST": -8,
}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LENGTH_LIMIT = 200

_COMMENT = re.compile(rb"\([^()]*+\)")
_USUAL = re.compile(
    rb"(?:[A-Za-z]{3,9}\s*[,.]?\s*)?"  # day of the week
    rb"(\d{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]{0,6}\.?[\s-]+(\d{2,4})"
    rb"(?:[\s,]+(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:\.\d+)?)?"
    rb"(?:\s*([+-]\d{4})|\s*([A-Za-z]{1,5})(?:\s*([+-]\d{4}))?)?)?"
)
# asctime: "Mon Mar  2 10:00:00 2026"
_ASCTIME = re.compile(
    rb"[A-Za-z]{3,9}\s*,?\s+([A-Za-z]{3})[A-Za-z]{0,6}\s+(\d{1,2})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?"
    rb"(?:\s+[A-Za-z]{1,5})?\s+(\d{4})(?:\s+([+-]\d{4}))?"
)


class SentDate(NamedTuple):
    """The date of a message.

    Attributes:
        seconds: since the epoch, UTC.
        day: ``datetime.date.toordinal`` of the date as written, disregarding time and zone (what SENTON
            compares, RFC 9051 section 6.4.4).
    """

    seconds: int
    day: int


def parse_date(octets: bytes) -> SentDate | None:
    """Read the body of a Date field, in today's, obsolete and some broken forms; None when it is no date."""
    text = octets[:_LENGTH_LIMIT].strip()
    if b"(" in text:
        text = _COMMENT.sub(b" ", text).strip()
    match = _USUAL.match(text)
    if match is not None:
        day, month, year, hour, minute, second, offset, zone, zone_offset = match.groups()
        return _date(year, month, day, (hour, minute, second), _offset(offset or zone_offset, zone))
    match = _ASCTIME.match(text)
    if match is not None:
        month, day, hour, minute, second, year, offset = match.groups()
        return _date(year, month, day, (hour, minute, second), _offset(offset, None))
    return None


def _offset(offset: bytes | None, zone: bytes | None) -> int:
    """Seconds east of UTC."""
    if offset is not None:
        seconds = int(offset[1:3]) * 3600 + int(offset[3:5]) * 60
        return -seconds if offset.startswith(b"-") else seconds
    return _ZONES.get((zone or b"").upper(), 0) * 3600


def _date(
    year: bytes, month: bytes, day: bytes, clock: tuple[bytes | None, bytes | None, bytes | None], offset: int
) -> SentDate | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 50 else 1900  # RFC 5322 section 4.3
    elif len(year) == 3:
        number += 1900
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        ordinal = date(number, _MONTHS.index(month.decode("ascii").lower()) + 1, int(day)).toordinal()
    except ValueError:
        return None
    if hour > 24 or minute > 59 or second > 60:
        return None
    return SentDate((ordinal - _EPOCH_DAY) * 86400 + hour * 3600 + minute * 60 + second - offset, ordinal)


@lru_cache(maxsize=64)
def _format(seconds: int, offset: int) -> str:
    moment = time.gmtime(seconds + offset * 60)
    sign, minutes = ("-", -offset) if offset < 0 else ("+", offset)
    return (
        f"{_DAY_NAMES[moment.tm_wday]}, {moment.tm_mday:02d} {_MONTH_NAMES[moment.tm_mon - 1]} {moment.tm_year:04d} "
        f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} {sign}{minutes // 60:02d}{minutes % 60:02d}"
    )


def format_date(seconds: float, offset: int = 0) -> str:
    """A date-time as header fields have it: ``Mon, 02 Mar 2026 10:00:00 +0000``.

    The text of a second is kept, since many messages get the same Received date.

    Args:
        seconds: since the epoch, UTC.
        offset: minutes east of UTC to write it in.
    """
    return _format(int(seconds // 1), offset)
