"""Messages of the mail system to an account's owner, such as that it is nearly full. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from email.header import Header
from email.utils import formatdate

from .quota import Limit, Usage

_UNITS = ("octets", "KB", "MB", "GB", "TB")


def warning(
    account: str,
    percent: int,
    limit: Limit,
    usage: Usage,
    *,
    subject: str,
    text: str,
    hostname: str,
    now: float,
) -> bytes:
    """The message, with CRLF line ends.

    Args:
        account: whom it is for.
        percent: which was passed.
        limit, usage: how the account stands.
        subject, text: what it says, with ``{percent}``, ``{used}`` and ``{limit}``.
        hostname: of the server that says so.
        now: seconds since the epoch.
    """
    words = {"percent": str(percent), "used": used_text(limit, usage), "limit": limit_text(limit, usage)}
    return notice_to_owner(account, subject, text, words, "quota", hostname, now)


def notice_to_owner(
    account: str, subject: str, text: str, words: Mapping[str, str], kind: str, hostname: str, now: float
) -> bytes:
    """A message from the mail system to an account's owner, with CRLF line ends.

    Args:
        account: whom it is for.
        subject, text: what it says.
        words: what stands for what is in braces there.
        kind: what it is about, for its Message-ID.
        hostname: of the server that says so.
        now: seconds since the epoch.
    """
    domain = account.rpartition("@")[2] or hostname
    subject = _filled(subject, words)
    lines = [
        f"From: Mail system <postmaster@{domain}>",
        f"To: <{account}>",
        f"Subject: {Header(subject, 'us-ascii' if subject.isascii() else 'utf-8').encode()}",
        f"Date: {formatdate(now)}",
        f"Message-ID: <{kind}.{int(now * 1000)}.{zlib.crc32(account.encode()):08x}@{hostname}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        *_filled(text, words).splitlines(),
        "",
    ]
    return "\r\n".join(lines).encode("utf-8", "replace")


def used_text(limit: Limit, usage: Usage) -> str:
    """What is used, as people say it: of whichever is fuller."""
    return octets_text(usage.octets) if _by_octets(limit, usage) else f"{usage.messages} messages"


def limit_text(limit: Limit, usage: Usage) -> str:
    """What may be used, of the same."""
    return octets_text(limit.octets) if _by_octets(limit, usage) else f"{limit.messages} messages"


def octets_text(octets: int) -> str:
    """``1.5 GB``."""
    amount, unit = float(octets), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if amount >= 10 or not unit else f"{amount:.1f} {_UNITS[unit]}"


def _by_octets(limit: Limit, usage: Usage) -> bool:
    if not limit.messages:
        return True
    return bool(limit.octets) and usage.octets * limit.messages >= usage.messages * limit.octets


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Not by `str.format`: a brace in somebody's own text is no mistake."""
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text
