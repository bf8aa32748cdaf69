"""The line that begins each message of an mbox file: ``From SENDER DATE`` (RFC 4155 appendix A).

Programs write the date in many ways: with a zone before or behind the year, by number or by name, without seconds, or
with ``remote from HOST`` at the end. All that UW-IMAP and Dovecot take are taken here. A line without such a date
begins no message: unquoted text says «From my house» rather often.
"""

from __future__ import annotations

import calendar
import re
import time

FROM = b"From "
LENGTH_LIMIT = 1000
"""Octets of the longest line that is looked at."""
NOBODY = b"MAILER-DAEMON"
"""The sender where there is none."""

_DAYS = b"Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_ZONE = rb"(?:[+-]\d{4}|[A-Za-z]{3,5}(?: DST)?)"
# The sender may be anything, even with blanks in it, or be missing (UW-IMAP and Dovecot look from the end, too).
_LINE = re.compile(
    rb"From .*?(?:%(days)s),? +"
    rb"(?:(?P<month>%(months)s) +(?P<day>\d{1,2})|(?P<day_first>\d{1,2})[ -](?P<month_last>%(months)s))"
    rb"(?:,? (?P<early_year>\d{4}))? +"
    rb"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
    rb"(?: +(?P<early_zone>%(zone)s))?(?: +(?P<year>\d{4}|\d\d(?!\d)))?(?: +(?P<zone>%(zone)s))?"
    rb"(?: +remote from .*)?[ \t]*\r?\n?"
    % {b"days": b"|".join(_DAYS), b"months": b"|".join(_MONTHS), b"zone": _ZONE}
)


def date_of(line: bytes) -> int | None:
    """When the message came, by its separator line.

    Args:
        line: the whole line; with its line end, or without.

    Returns:
        Seconds since the epoch; None where the line is no separator. A date without a numeric zone is UTC, as RFC
        4155 has it.
    """
    if len(line) > LENGTH_LIMIT or not line.startswith(FROM):
        return None
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    year = _year(match["year"] or match["early_year"])
    day, hour, minute = int(match["day"] or match["day_first"]), int(match["hour"]), int(match["minute"])
    second = int(match["second"] or 0)
    if year is None or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    month = _MONTHS.index(match["month"] or match["month_last"]) + 1
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    return max(0, seconds - _offset(match["zone"] or match["early_zone"]))


def is_separator(line: bytes) -> bool:
    """Does this line begin a message?"""
    return date_of(line) is not None


def compose(sender: bytes, date: int) -> bytes:
    """The line for a new message.

    Args:
        sender: its reverse-path; `NOBODY` is written for what would not be one word.
        date: when it came, seconds since the epoch.
    """
    if not sender or len(sender) > 320 or any(octet <= 32 or octet >= 127 for octet in sender):
        sender = NOBODY
    moment = time.gmtime(min(max(date, 0), 253402300799))
    return b"From %s %s %s %2d %02d:%02d:%02d %04d\n" % (
        sender, _DAYS[moment.tm_wday], _MONTHS[moment.tm_mon - 1], moment.tm_mday,
        moment.tm_hour, moment.tm_min, moment.tm_sec, moment.tm_year,
    )  # fmt: skip


def _year(year: bytes | None) -> int | None:
    """In four digits; ``time`` before 1970 is nobody's mail."""
    if year is None:
        return None
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= 69 else 2000
    return number if number >= 1970 else None


def _offset(zone: bytes | None) -> int:
    """Seconds east of UTC; names of zones are ambiguous, and count as UTC."""
    if zone is None or zone[:1] not in b"+-":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return -seconds if zone.startswith(b"-") else seconds
