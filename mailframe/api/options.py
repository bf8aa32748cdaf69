"""What can be configured of the API."""

from __future__ import annotations

import ipaddress

import attrs

from mailframe.config.listen import parse_listener
from mailframe.config.types import DataPath, ListenAddress, Size, option

TOKENS = "api-tokens.json"


def _kept_private(_: object, attribute: object, value: list[ListenAddress]) -> None:
    """Tokens and passwords go this way, so it is TLS or does not leave the machine."""
    for address in value:
        listener = parse_listener(address)
        if listener.implicit_tls or listener.on_path or _is_loopback(listener.interface.partition("%")[0]):
            continue
        raise ValueError(
            f'"{address}" is neither TLS ("ssl:...") nor of this machine alone ("...:interface=127.0.0.1")'
        )


def _is_loopback(interface: str) -> bool:
    return bool(interface) and ipaddress.ip_address(interface).is_loopback


@attrs.frozen(kw_only=True)
class APIOptions:
    """``[api]``: where programs administer the directory by HTTP; nowhere without it."""

    listen: list[ListenAddress] = option(
        'Where it listens: with TLS (``"ssl:2443"``), or on this machine alone '
        '(``"tcp:2581:interface=127.0.0.1"``, ``"unix:/run/mailframe/api"``).',
        factory=lambda: [ListenAddress("tcp:2581:interface=127.0.0.1")],
        validator=_kept_private,
    )
    tokens: DataPath = option(
        "The file of tokens, which ``mailframe api-token`` writes; read again when it changes.",
        DataPath(TOKENS),
    )
    body_limit: Size = option(
        "How large a request may be.", Size(1024 * 1024), minimum=1024, maximum=64 * 1024 * 1024
    )
    wrong_tokens: int = option(
        "How many wrong tokens a client may show in a minute; further ones are refused unseen, right ones are not.",
        20,
        minimum=1,
    )
    connections: int = option(
        "How many connections there may be at a time; further ones are cut.", 500, minimum=1, maximum=100_000
    )
    waiting: int = option("How many requests may wait for changes at a time.", 100, minimum=1, maximum=10_000)
