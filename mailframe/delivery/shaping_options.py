"""What may be said of how fast and from where mail goes to some hosts: ``[[shaping]]``, one rule after another."""

from __future__ import annotations

import ipaddress

import attrs

from mailframe.config.types import Duration, option
from mailframe.message.address import parse_domain


def ip_address(_: object, attribute: object, value: str) -> None:
    """A validator: an IP address.

    Raises:
        ValueError: it is none.
    """
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"expected an IP address such as 192.0.2.1, got {value!r}") from None


def _name(_: object, attribute: object, value: str | None) -> None:
    if value is not None:
        parse_domain(value)


def _patterns(_: object, attribute: object, value: list[str]) -> None:
    for text in value:
        if not text or text != text.strip() or "@" in text:
            raise ValueError(f'expected a pattern such as "example.com" or "*.example.net", got {text!r}')


@attrs.frozen(kw_only=True)
class SourceOptions:
    """One address of this machine that mail is sent from."""

    address: str = option("The IP address to connect from.", validator=ip_address)
    hostname: str | None = option(
        "The name to greet with on connections from it; without it, that of the node.", None, validator=_name
    )


@attrs.frozen(kw_only=True)
class ShapingOptions:
    """``[[shaping]]``: a rule for some domains or hosts. What several rules say that fit, the first one decides.

    Limits are those of a *site*, the hosts that a domain's mail may go to: domains with the same hosts have them
    together, and so have all workers of the node.
    """

    domains: list[str] = option(
        "Domains of recipients that the rule is for; ``*`` stands for any characters. Without any, all are.",
        factory=list,
        validator=_patterns,
    )
    hosts: list[str] = option(
        "Names of MX hosts that the rule is for, one of which a domain must have, such as ``*.mail.example.com``. "
        "Without any, all are.",
        factory=list,
        validator=_patterns,
    )
    connections: int | None = option(
        "Connections to the site at the same time, over all workers; 0 for no limit but that of `[delivery.remote]`.",
        None,
        minimum=0,
    )
    connections_per_minute: int | None = option("New connections to the site in a minute.", None, minimum=0)
    messages_per_connection: int | None = option("Messages sent over one connection.", None, minimum=1)
    messages_per_minute: int | None = option("Messages to the site in a minute.", None, minimum=0)
    messages_per_hour: int | None = option("Messages to the site in an hour.", None, minimum=0)
    recipients_per_minute: int | None = option("Recipients at the site in a minute.", None, minimum=0)
    recipients_per_hour: int | None = option("Recipients at the site in an hour.", None, minimum=0)
    recipients_per_transaction: int | None = option(
        "Recipients of a message that are sent together; the others follow in further transactions.",
        None,
        minimum=1,
    )
    idle_time: Duration | None = option(
        "How long a connection is kept for the next message.",
        None,
        minimum=0,
    )
    sources: list[SourceOptions] | None = option(
        "Addresses of this machine to connect from, taken in turn; an address is used for hosts of its own family.",
        None,
    )
    ipv4: bool | None = option("Connect by IPv4.", None)
    ipv6: bool | None = option("Connect by IPv6.", None)
