"""What a proxy's listeners can be told; every option has a default."""

from __future__ import annotations

import attrs

from mailframe.config.mechanisms import check_mechanisms
from mailframe.config.types import Duration, option
from mailframe.limits.settings import NetworkSettings

_positive = attrs.validators.gt(0)


@attrs.frozen
class ProxySettings(NetworkSettings):
    """Options of a proxy's listeners, of whatever protocol. Times are seconds."""

    banner: str = option("Words in the greeting.", "Mailframe is ready")
    require_tls_for_auth: bool = option("Let clients log in only under TLS.", True)
    clear_auth_from_loopback: bool = option("Let clients on this machine log in without TLS.", False)
    mechanisms: tuple[str, ...] = option(
        "SASL mechanisms that are offered, in this order; none for all that can be. Where a store is entered by the "
        "user's own password, PLAIN, LOGIN, OAUTHBEARER and XOAUTH2 only.",
        (),
        validator=check_mechanisms,
    )
    check_logins: bool = option(
        "Check logins here. Without that the stores decide: what clients say is said there, and the directory only "
        "tells where mailboxes are.",
        True,
    )
    login_timeout: Duration = option("How long a client may be silent before it logged in.", Duration(60.0))
    login_deadline: Duration = option("How long a connection may stay without a login.", Duration(180.0))
    bad_commands_limit: int = option("Broken commands before the connection ends.", 10, validator=_positive)
    login_failures_limit: int = option("Failed logins before the connection ends.", 3, validator=_positive)
    connections_limit: int = option(
        "Connections at the same time, in each worker and protocol.", 20_000, validator=_positive
    )
    connections_limit_per_network: int = option(
        "Connections at the same time from one network, over all workers; 0 for no limit.",
        500,
        validator=attrs.validators.ge(0),
    )
    connections_limit_per_account: int = option(
        "Logged-in connections of one account at the same time, over all workers; 0 for no limit.",
        50,
        validator=attrs.validators.ge(0),
    )
    connect_timeout: Duration = option(
        "How long one host of a store may take to be connected to.", Duration(5.0), validator=_positive
    )
    store_timeout: Duration = option(
        "How long a store may take in all until its user is logged in.", Duration(30.0), validator=_positive
    )
    check_interval: Duration = option(
        "How often each host of each store is looked at, whether it answers; 0 for never: then only logins tell.",
        Duration(30.0),
        minimum=0,
    )
    capabilities: str = option(
        "What IMAP clients are told before they log in, besides what the proxy itself can: the capabilities that all "
        "stores have and that clients look for in the greeting.",
        "IMAP4rev1 LITERAL+ SASL-IR ID IDLE",
    )
    submission_capabilities: tuple[str, ...] = option(
        "What clients of submission are told before they log in: keywords of EHLO that all servers behind have.",
        ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "DSN", "CHUNKING", "SIZE"),
    )
    sieve_extensions: tuple[str, ...] = option(
        "The extensions of Sieve that clients of ManageSieve are told of before they log in: what all stores have.",
        ("fileinto", "reject", "envelope", "imap4flags", "vacation", "copy"),
    )
    hops_limit: int = option(
        "Proxies of ours that a session may come through: more is a loop.", 3, minimum=1, maximum=50
    )
