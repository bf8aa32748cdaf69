"""What a client may send, before login and after it."""

from __future__ import annotations

from .settings import IMAPSettings
from .wire.reader import UNASKED_ANY, UNASKED_SMALL, Limits

BEFORE_LOGIN = Limits(line=16 * 1024, literal=1024, literals=4, command=24 * 1024, discard=256 * 1024)
"""What a stranger may send: a line of AUTHENTICATE may have a token of 9 KB (RFC 4954 section 4 has 12288 octets)."""


def after_login(settings: IMAPSettings) -> Limits:
    """What somebody we know may send."""
    return Limits(
        settings.line_limit,
        settings.literal_limit,
        settings.literals_limit,
        settings.command_limit,
        settings.discard_limit,
        UNASKED_ANY if settings.literal_plus else UNASKED_SMALL,
    )
