"""What may be said of mail that goes to the hosts of its recipients' domains: ``[delivery.remote]``."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, Network, option
from mailframe.smtp.client.settings import ClientSettings

from .shaping_options import SourceOptions


@attrs.frozen(kw_only=True)
class RemoteOptions(ClientSettings):
    """``[delivery.remote]``: to the hosts that the DNS names for each domain."""

    recipients_per_transaction: int = option(
        "Recipients of a message that are sent together; the others follow in further transactions. Every "
        "server takes 100 (RFC 5321 section 4.5.3.1.8).",
        100,
        minimum=1,
    )
    port: int = option(
        "The port of all hosts. Mail between domains goes to 25; others are for tests.",
        25,
        minimum=1,
        maximum=65535,
    )
    sources: list[SourceOptions] = option(
        "Addresses of this machine to connect from, taken in turn; an address is used for hosts of its own family. "
        "Without any of a family, the system chooses.",
        factory=list,
    )
    ipv4: bool = option("Connect by IPv4.", True)
    ipv6: bool = option("Connect by IPv6.", True)
    race_delay: Duration = option(
        "How long one address of a host may take to answer before the next is tried beside it (RFC 8305).",
        Duration(0.25),
        minimum=0.01,
    )
    hosts_limit: int = option(
        "Hosts of a domain that are tried for one message; RFC 5321 section 5.1 asks for two at least.",
        5,
        minimum=2,
        maximum=50,
    )
    addresses_limit: int = option(
        "Addresses of all its hosts that are tried for one message.",
        12,
        minimum=2,
        maximum=100,
    )
    sessions_limit: int = option(
        "Hosts that may put off a message, one after the other, before it is tried again later.", 2, minimum=1
    )
    down_time: Duration = option(
        "How long an address that did not answer is tried only after all others.", Duration(300.0), minimum=0
    )
    avoided_networks: list[Network] = option(
        "Networks that no mail goes to, whatever the DNS names or an address literal says, such as "
        '`["10.0.0.0/8", "192.168.0.0/16", "fc00::/7"]` where a stranger\'s MX record shall not lead to machines of '
        "your own; hosts there are passed over as if they had no such address. Addresses of this machine need not be "
        "listed.",
        factory=list,
    )
    own_names: list[str] = option(
        "Names of this machine, besides that of the node, under which MX records may name it: mail for a domain "
        "whose best host we are would come back to us.",
        factory=list,
    )
    loopback: bool = option(
        "Take hosts at 127.0.0.1, ::1 and other addresses of this machine for hosts like any other. Only for tests: "
        "mail may go round in circles.",
        False,
    )
