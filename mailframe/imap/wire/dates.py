"""Dates of IMAP: date, date-time and INTERNALDATE (RFC 3501 section 9). Pure arithmetic, no time zones of ours."""

from __future__ import annotations

import datetime
import functools
import re

from .parser import Parser, bad

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_BY_NAME = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME = re.compile(
    rb"( [0-9]|[0-9]{2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()


def date(parser: Parser) -> int:
    """Take a date, quoted or not; return its ``datetime.date.toordinal`` number."""
    text = parser.quoted() if parser.peek() == b'"' else parser.atom()
    match = _DATE.fullmatch(text)
    if match is None:
        raise bad("Expected a date such as 1-Feb-2026")
    day, month, year = match.groups()
    return _ordinal(day, month, year)


def date_time(parser: Parser) -> int:
    """Take a date-time; return seconds since the epoch, UTC."""
    match = _DATE_TIME.fullmatch(parser.quoted())
    if match is None:
        raise bad('Expected a date and time such as " 1-Feb-2026 12:00:00 +0000"')
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60 or int(zone_minutes) > 59:
        raise bad("There is no such time of day")
    zone = int(zone_hours) * 3600 + int(zone_minutes) * 60
    clock = int(hour) * 3600 + int(minute) * 60 + int(second)
    local = (_ordinal(day.strip(), month, year) - _EPOCH_DAY) * 86400 + clock
    return local + zone if sign == b"-" else local - zone


def render_date_time(seconds: int) -> bytes:
    """A date-time in UTC, quoted, as INTERNALDATE wants it."""
    days, rest = divmod(seconds, 86400)
    hour, rest = divmod(rest, 3600)
    return b'"%b %02d:%02d:%02d +0000"' % (_render_day(days), hour, rest // 60, rest % 60)


@functools.lru_cache(maxsize=4096)
def _render_day(days: int) -> bytes:
    # Years 1 to 9999 are all the grammar has; a store with a stranger date is shown the nearest there is.
    day = datetime.date.fromordinal(min(max(days + _EPOCH_DAY, 1), datetime.date.max.toordinal()))
    return b"%2d-%b-%04d" % (day.day, MONTHS[day.month - 1], day.year)


def _ordinal(day: bytes, month: bytes, year: bytes) -> int:
    try:
        return datetime.date(int(year), _BY_NAME[month.lower()], int(day)).toordinal()
    except (KeyError, ValueError):
        raise bad("There is no such date") from None
