"""What can be configured of links between our own nodes."""

from __future__ import annotations

import attrs

from mailframe.config.types import Network, Secret, option


def _long_enough(_: object, attribute: object, value: str) -> None:
    if len(value) < 32:
        raise ValueError("expected at least 32 characters, such as `openssl rand -base64 32` makes")


@attrs.frozen(kw_only=True)
class LinkOptions:
    """``[link]``: how our own nodes talk with each other; not at all without it."""

    key: Secret = option(
        "What all of our nodes know and nobody else does: 32 characters or more, such as `openssl rand -base64 32` "
        "makes. Whoever has it can read all mail.",
        validator=_long_enough,
    )
    networks: list[Network] = option(
        "Where our nodes are; this machine, where nothing is said.",
        factory=lambda: [Network("127.0.0.0/8"), Network("::1/128")],
    )
