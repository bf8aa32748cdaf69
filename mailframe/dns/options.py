"""What may be said of asking the DNS: ``[dns]``."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, Network, Size, option

from .servers import ALLOWED, SERVERS_LIMIT, parse_server


def _servers(_: object, attribute: object, value: list[str]) -> None:
    if len(value) > SERVERS_LIMIT:
        raise ValueError(f"at most {SERVERS_LIMIT} servers can be named: {ALLOWED}")
    for text in value:
        parse_server(text)


@attrs.frozen(kw_only=True)
class DNSOptions:
    """``[dns]``: whom to ask about names, and what is remembered."""

    servers: list[str] = option(
        'Recursive resolvers to ask, best first, such as "127.0.0.1" or "[2001:db8::1]:5353". Without any, those of '
        "/etc/resolv.conf, which is read again when it changes.",
        factory=list,
        validator=_servers,
    )
    trusted: list[Network] = option(
        "Networks of resolvers whose word on DNSSEC (the AD bit) is believed, besides 127.0.0.0/8 and ::1. Name only "
        "resolvers that validate, over a network in which nobody can forge their answers.",
        factory=list,
    )
    timeout: Duration = option(
        "How long the first query to a server waits for its answer; each further round waits twice as long.",
        Duration(2.0),
        minimum=0.1,
        maximum=60,
    )
    rounds: int = option("How often all servers are asked before a question fails.", 3, minimum=1, maximum=10)
    give_up: Duration = option(
        "How long a question takes at most, whatever the servers do.",
        Duration(20.0),
        minimum=0.5,
        maximum=300,
    )
    down_time: Duration = option(
        "How long a server that did not answer is asked only after the others.", Duration(30.0), minimum=0
    )
    queries_limit: int = option(
        "Queries on their way to servers at once, in each worker; more wait.", 200, minimum=1, maximum=10000
    )
    waiting_limit: int = option(
        "Questions that may wait in each worker; more fail at once, for now.", 10000, minimum=1
    )
    cache_size: Size = option(
        "Octets of answers that each worker remembers, as far as they can be reckoned; 0 remembers none.",
        Size(16 * 1024 * 1024),
    )
    shortest: Duration = option(
        "Answers are remembered at least so long, whatever their zone says.",
        Duration(1.0),
        minimum=0,
        maximum=60,
    )
    longest: Duration = option(
        "Answers are remembered at most so long, whatever their zone says.", Duration(86400.0), minimum=1
    )
    longest_nothing: Duration = option(
        "That there is no such name or record is remembered at most so long.", Duration(900.0), minimum=1
    )
    failure_time: Duration = option(
        "How long it is remembered that a question could not be answered (RFC 9520), so that its servers have peace.",
        Duration(5.0),
        minimum=1,
        maximum=300,
    )
    stale_time: Duration = option(
        "How long after its end an answer may still be used when no server answers at all (RFC 8767); 0 never. An "
        "answer that servers fail on purpose (SERVFAIL) is never replaced: DNSSEC may have found a forgery.",
        Duration(0.0),
        minimum=0,
        maximum=7 * 86400,
    )
