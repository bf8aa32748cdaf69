"""What an SMTP or LMTP server can be told; every option has a default."""

from __future__ import annotations

from typing import Literal

import attrs

from mailframe.config.mechanisms import check_mechanisms
from mailframe.config.types import Duration, FilePath, Network, Size, option


@attrs.frozen
class SMTPSettings:
    """Options of one SMTP or LMTP listener. Times are seconds, sizes octets."""

    hostname: str = option("The name this server calls itself in its greeting and replies.", "localhost")
    protocol: Literal["smtp", "lmtp"] = option(
        "What is spoken: `smtp`, or `lmtp` with a reply for each recipient (RFC 2033).",
        "smtp",
        choices=("smtp", "lmtp"),
    )
    banner: str = option("Words behind the host name in the greeting.", "Mailframe")
    size_limit: Size = option(
        "The largest message that is taken.", Size(50_000_000), validator=attrs.validators.gt(0)
    )
    recipients_limit: int = option(
        "Recipients a message may have; RFC 5321 asks for at least 100. Those above it get 452 and are tried again.",
        1000,
        validator=attrs.validators.gt(0),
    )
    errors_limit: int = option(
        "Errors and refused recipients in a row, without a message taken between them, before the connection ends.",
        100,
        validator=attrs.validators.gt(0),
    )
    login_failures_limit: int = option(
        "Failed logins before the connection ends.", 3, validator=attrs.validators.gt(0)
    )
    line_limit: Size = option(
        "Octets a command line may have.", Size(4096), validator=attrs.validators.ge(512)
    )
    line_ends: Literal["refuse", "normalise"] = option(
        "What becomes of a bare CR or LF in a message: `refuse` it, or make each a line end (`normalise`).",
        "refuse",
        choices=("refuse", "normalise"),
    )
    require_auth: bool = option("Take mail only from clients that logged in.", False)
    require_tls_for_auth: bool = option("Let clients log in only under TLS.", True)
    clear_auth_from_loopback: bool = option("Let clients on this machine log in without TLS.", False)
    mechanisms: tuple[str, ...] = option(
        "SASL mechanisms that are offered, in this order, where they can be; none for all that can be.",
        (),
        validator=check_mechanisms,
    )
    connections_limit: int = option(
        "Connections at the same time, in each worker.", 2000, validator=attrs.validators.gt(0)
    )
    connections_limit_per_network: int = option(
        "Connections at the same time from one IPv4 address or IPv6 /64 network, in each worker; 0 for no limit.",
        100,
        validator=attrs.validators.ge(0),
    )
    nomail: bool = option(
        "Take no mail at all: greet with 521 (RFC 7504), for hosts that people try although no mail goes there.",
        False,
    )
    xclient_networks: tuple[Network, ...] = option(
        "Who may say `XCLIENT`: take this connection for one of that client. For proxies that speak SMTP themselves.",
        (),
    )
    xforward_networks: tuple[Network, ...] = option(
        "Who may say `XFORWARD`: the next message came from that client. For content filters; it changes logs only.",
        (),
    )
    command_timeout: Duration = option(
        "How long a client may be silent before its next command (RFC 5321 section 4.5.3.2.7).",
        Duration(300.0),
    )
    data_timeout: Duration = option(
        "How long a client may be silent within a message (RFC 5321 section 4.5.3.2.5).", Duration(180.0)
    )
    transfer_timeout: Duration = option("How long the data of one message may take in all.", Duration(3600.0))
    delivery_timeout: Duration = option(
        "How long to wait for the delivery of a message before the client is told to come again; less than the ten"
        " minutes that clients wait (RFC 5321 section 4.5.3.2.6).",
        Duration(480.0),
    )
    spill_directory: FilePath = option(
        "Where messages that are being received lie once they outgrow `spill_limit`.",
        FilePath("/tmp"),  # noqa: S108
    )
    spill_limit: Size = option(
        "Octets of a message that are kept in memory while it is received.", Size(256 * 1024)
    )
