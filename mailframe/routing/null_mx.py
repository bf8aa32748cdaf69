"""Domains that take no mail, and say so: the null MX of RFC 7505, and the statuses of RFC 7504 and 7505.

A domain's one MX record whose exchange is the root, ``MX 0 .``, means that mail to it is refused at once instead of
being tried for days, and that nobody can answer mail from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mailframe.message.status import Status

RECIPIENT_TAKES_NO_MAIL: Final = Status(
    (5, 1, 10), "The recipient's domain takes no mail (null MX)", reply_code=556
)
"""For a forward-path whose domain has a null MX (RFC 7505 section 4.1), in session and in a DSN."""
SENDER_TAKES_NO_MAIL: Final = Status(
    (5, 7, 27), "The sender's domain takes no mail (null MX)", reply_code=550
)
"""For a reverse-path whose domain has a null MX (RFC 7505 section 4.2): no reply could ever reach it."""
HOST_TAKES_NO_MAIL: Final = Status((5, 3, 2), "This host takes no mail", reply_code=521)
"""What a host says that takes no mail at all; a client that hears it must not try again (RFC 7504 section 3)."""


def is_null_mx(records: Iterable[tuple[int, str]]) -> bool:
    """Do a domain's MX records say that it takes no mail?

    Args:
        records: preference and exchange of each; the root is ``"."`` or ``""``.

    Returns:
        True when there is one record and its exchange is the root. Beside others it means nothing (RFC 7505 section 3
        forbids it), and who delivers passes over it like any name that has no address.
    """
    exchanges = [exchange.rstrip(".") for _, exchange in records]
    return exchanges == [""]


def reachable_exchanges(records: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """The records that name a host, in the order they came."""
    return [(preference, exchange) for preference, exchange in records if exchange.rstrip(".")]
