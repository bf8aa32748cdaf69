"""What can be configured of policies, by their names: ``[policy.NAME]``."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mailframe.config.types import Network, option
from mailframe.message.networks import are_everybody

from .login import EVERYBODY


def not_everybody(_: object, attribute: object, value: Sequence[str]) -> None:
    """A validator of networks whose clients need not log in.

    Raises:
        ValueError: they are all there are.
    """
    if are_everybody(value):
        raise ValueError(EVERYBODY)


@attrs.frozen
class LoopOptions:
    """Options of `mailframe.policy.loops.LoopPolicy`."""

    limit: int = option(
        "Received fields a message may have; RFC 5321 section 6.3 wants at least 100 to be allowed.",
        100,
        minimum=1,
    )


@attrs.frozen
class HeloOptions:
    """Options of `mailframe.policy.helo.HeloPolicy`."""

    qualified: bool = option(
        "Refuse names without a dot, too. Mail programs on people's own machines say such names, so this is for "
        "exchangers.",
        False,
    )


@attrs.frozen
class LoginOptions:
    """Options of `mailframe.policy.login.LoginPolicy`."""

    own_address_only: bool = option("The sender must be the account's own address, or null.", False)
    networks: tuple[Network, ...] = option(
        "Clients in these networks need not log in.", (), validator=not_everybody
    )
