"""What CAPA tells (RFC 2449 section 5): what can be done now, and how this server behaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mailframe.dialogue.interfaces import IConnection
from mailframe.dialogue.logins import channel_of

from .authorization import Authorization
from .settings import POP3Settings

ALWAYS: Final = ("TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8 USER", "LANG")
LANGUAGES: Final = {"en": "English", "i-default": "English"}
"""Languages of what is said to people (RFC 6856 section 3.2)."""
_DAY: Final = 86400.0


def capabilities(
    settings: POP3Settings,
    expire: float | None,
    authorization: Authorization,
    connection: IConnection,
    logged_in: bool,
    tls: bool,
) -> list[str]:
    """The lines of CAPA.

    Args:
        settings: the listener's.
        expire: seconds after which mail of INBOX goes by itself; None for never.
        authorization: logins of this connection.
        connection: the client's.
        logged_in: did it log in?
        tls: is STLS offered here?
    """
    found = [*ALWAYS, f"EXPIRE {_days(expire)}"]
    if settings.login_delay:
        found.append(f"LOGIN-DELAY {round(settings.login_delay)}")
    found.append("IMPLEMENTATION Mailframe")
    if authorization.passwords_allowed(connection.confidential):
        found.append("USER")
    if offered := mechanisms(authorization, connection):
        found.append("SASL " + " ".join(offered))
    if tls and not logged_in and not connection.confidential:
        found.append("STLS")
    return found


def mechanisms(authorization: Authorization, connection: IConnection) -> Sequence[str]:
    """The SASL mechanisms for this client now."""
    return authorization.mechanisms(connection.confidential, channel_of(connection))


def _days(expire: float | None) -> str:
    """Whole days, rounded down: nobody is told that mail stays longer than it does (RFC 2449 section 6.7)."""
    return "NEVER" if expire is None else str(int(expire // _DAY))
