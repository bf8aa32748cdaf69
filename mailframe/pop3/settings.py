"""What a POP3 server can be told; every option has a default."""

from __future__ import annotations

import re

import attrs

from mailframe.config.mechanisms import check_mechanisms
from mailframe.config.types import Duration, Size, option
from mailframe.limits.settings import NetworkSettings
from mailframe.store.uidl_format import DEFAULT, Named, parse

_SPOILT = re.compile(r"[^\x21-\x7e]")
_NAME_LIMIT = 70
"""Characters of a unique-id (RFC 1939 section 7)."""


def _check_format(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    unique_id = parse(value)
    one, other = (unique_id(Named(uid, 2**32 - 1)) for uid in (2**32 - 2, 2**32 - 1))
    if one == other:
        raise ValueError("%u must be in it: nothing else is known here that tells messages apart")
    if len(one) > _NAME_LIMIT or _SPOILT.search(unique_id(Named(1, 1))):
        raise ValueError(f"a name has no more than {_NAME_LIMIT} characters, and no spaces among them")


_positive = attrs.validators.gt(0)


@attrs.frozen
class POP3Settings(NetworkSettings):
    """Options of one POP3 listener. Times are seconds, sizes octets."""

    banner: str = option("Words in the greeting.", "Mailframe is ready")
    require_tls_for_auth: bool = option("Let clients log in only under TLS.", True)
    clear_auth_from_loopback: bool = option("Let clients on this machine log in without TLS.", False)
    mechanisms: tuple[str, ...] = option(
        "SASL mechanisms that are offered, in this order, where they can be; none for all that can be.",
        (),
        validator=check_mechanisms,
    )
    login_timeout: Duration = option("How long a client may be silent before it logged in.", Duration(60.0))
    login_deadline: Duration = option(
        "How long a connection may stay without a login, however busy it is.", Duration(300.0)
    )
    autologout: Duration = option(
        "How long a client may be silent after login; RFC 1939 asks for at least 10 minutes.",
        Duration(600.0),
        validator=attrs.validators.ge(600),
    )
    errors_limit: int = option(
        "Errors before the connection ends: in a row after login, all of them before.",
        20,
        validator=_positive,
    )
    commands_per_second: int = option(
        "Commands a second that a client may send after login; the answers to more are held back. 0 for any number.",
        1000,
        validator=attrs.validators.ge(0),
    )
    login_failures_limit: int = option("Failed logins before the connection ends.", 3, validator=_positive)
    line_limit: Size = option(
        "Octets a command line may have; RFC 2449 asks for 255.",
        Size(1024),
        validator=attrs.validators.ge(255),
    )
    window: Size = option(
        "Octets of a message that are in memory at a time while it is sent.",
        Size(256 * 1024),
        validator=attrs.validators.ge(4096),
    )
    mark_seen: bool = option(
        "Set \\Seen on messages that were retrieved and not deleted, when the client quits.", True
    )
    uidl_format: str = option(
        "What UIDL calls messages that have no name from another server, as Dovecot's ``pop3_uidl_format`` has it: "
        "``%u`` is the UID, ``%v`` the UIDVALIDITY.",
        DEFAULT,
        validator=_check_format,
    )
    lock_maildrop: bool = option(
        "Let one session at a time into a maildrop, as RFC 1939 has it; others are told that it is in use.",
        False,
    )
    login_delay: Duration = option(
        "How long after a login the same account is turned away (RFC 2449 section 6.5); ``0s``: not at all.",
        Duration(0.0),
    )
    connections_limit: int = option(
        "Connections at the same time, in each worker.", 5000, validator=_positive
    )
    connections_limit_per_network: int = option(
        "Connections at the same time from one network, over all workers; 0 for no limit.",
        200,
        validator=attrs.validators.ge(0),
    )
    connections_limit_per_account: int = option(
        "Logged-in connections of one account at the same time, over all workers; 0 for no limit.",
        10,
        validator=attrs.validators.ge(0),
    )
