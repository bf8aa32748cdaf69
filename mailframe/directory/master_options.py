"""What can be configured of masters: those who may log in for others."""

from __future__ import annotations

import attrs

from mailframe.config.types import Network, Secret, option

SHORTEST_PASSWORD = 16
"""Characters: too many to be guessed, so that wrong ones need not be remembered."""


def _name(_: object, attribute: object, value: str) -> None:
    if not value or "@" in value:
        raise ValueError("expected a name that no account has, without @")


@attrs.frozen(kw_only=True)
class MasterOptions:
    """``[[masters]]``: who may log in for users, such as our proxies; any number of times."""

    name: str = option("Its name; no user logs in with it.", validator=_name)
    password: Secret | None = option(
        f"Its password: {SHORTEST_PASSWORD} characters or more, such as `openssl rand -base64 32` makes.",
        None,
        validator=attrs.validators.optional(attrs.validators.min_len(SHORTEST_PASSWORD)),
    )
    certificate: bool = option(
        "It may show a certificate of this name instead (SASL EXTERNAL; `[tls] client_authorities` says who may have "
        "signed it).",
        False,
    )
    networks: list[Network] = option(
        "Where it is; this machine, where nothing is said.",
        factory=lambda: [Network("127.0.0.0/8"), Network("::1/128")],
    )
