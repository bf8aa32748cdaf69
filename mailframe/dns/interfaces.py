"""Who may be asked about names."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from mailframe.message.status import MailframeError, Status

from .values import Answer, RecordType

CANNOT_RESOLVE = Status((4, 4, 3), "The DNS cannot be asked right now; try again later")


class LookupFailed(MailframeError):
    """Nobody can say now: no resolver answered, or it could not find out. Never a reason to refuse for good.

    Attributes:
        servfail: a resolver answered that it failed (SERVFAIL), as it also does where DNSSEC finds a forgery;
            otherwise nobody answered. RFC 7672 section 2.1: for TLSA, that host must not be used.
    """

    def __init__(self, reason: str, servfail: bool = False) -> None:
        super().__init__(CANNOT_RESOLVE, reason)
        self.servfail = servfail


class IResolver(Interface):
    """Answers questions about names. Answers are shared and cached; ask each time."""

    def lookup(name: str, kind: RecordType) -> Awaitable[Answer]:
        """What the DNS says.

        Args:
            name: a domain name as A-labels, with or without the last dot; never searched in other domains.
            kind: the type of records; the alias (CNAME) of a name is followed.

        Returns:
            An answer, which may well be that there is nothing.

        Raises:
            LookupFailed: temporary.
            ValueError: that can be no name (too long, empty labels).
        """
