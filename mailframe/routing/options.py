"""What may be said in ``[routing]`` of the ways that mail takes out of the queue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import attrs

from mailframe.config.types import DeliveryName, option
from mailframe.message.idn import to_ascii
from mailframe.queue.values import NORMAL

_SPACE = re.compile(r"\s")


def _no_spaces(_: object, attribute: object, value: Sequence[str]) -> None:
    for text in value:
        if not text or _SPACE.search(text):
            raise ValueError(f"expected a pattern without spaces, got {text!r}")


def _domains(_: object, attribute: object, value: Sequence[str]) -> None:
    _no_spaces(_, attribute, value)
    for text in value:
        if "@" in text:
            raise ValueError(f"expected a domain such as example.org or *.example.org, got {text!r}")
        try:
            to_ascii(text.lower())
        except ValueError as error:
            raise ValueError(f"{text!r} is no domain: {error}") from None


@attrs.frozen(kw_only=True)
class RouteOptions:
    """``[[routing.rules]]``: a way for some mail. All that is said must fit; the first rule that fits counts."""

    domains: list[str] = option(
        "Domains of recipients: ``example.org``, ``*.example.org`` for all below it.",
        factory=list,
        validator=_domains,
    )
    recipients: list[str] = option(
        "Whole addresses of recipients; ``*`` stands for any characters, ``?`` for one. Case does not matter.",
        factory=list,
        validator=_no_spaces,
    )
    senders: list[str] = option(
        "Reverse-paths in the same way; ``<>`` for the null one.", factory=list, validator=_no_spaces
    )
    logins: list[str] = option(
        "Accounts that sent it, in the same way; ``<>`` for mail without a login.",
        factory=list,
        validator=_no_spaces,
    )
    classes: list[str] = option(
        "Classes of mail: ``notice`` for our own notifications, and what filters and policies call theirs.",
        factory=list,
        validator=_no_spaces,
    )
    way: DeliveryName | None = option("The delivery that takes it; without it the usual one.", None)
    queue: str | None = option(
        "The queue it waits in, with slots of its own (see ``slots`` in ``[queue]``); without it the usual one.",
        None,
    )


@attrs.frozen(kw_only=True)
class RoutingOptions:
    """``[routing]``: which way mail takes out of the queue. It is asked anew at each attempt."""

    local: DeliveryName | None = option(
        'The delivery for mailboxes of our own domains: ``store``, or an ``lmtp``; ``""`` where this node has no '
        "mailboxes and asks no directory, so that no domain is its own. No rule takes mail away from it.",
        DeliveryName("store"),
    )
    default: DeliveryName = option("The delivery for all other mail.", DeliveryName("remote"))
    delimiter: str = option("As in ``[role.mx]``, for mail that the queue delivers to mailboxes.", "+")
    subaddress_mailboxes: bool = option("As in ``[role.mx]``.", False)
    aliases: Literal["keep", "expand"] = option(
        "What becomes of an alias that leads to other domains, where our users write to it: the queue can `expand` "
        "it and send to all its targets, or it is said to be not set up (`keep`). Mail from strangers never goes "
        "there by an alias.",
        "expand",
    )
    rules: list[RouteOptions] = option("Other ways for some mail.", factory=list)

    @property
    def queues(self) -> frozenset[str]:
        """All queues that rules name, and the usual one."""
        return frozenset({NORMAL, *(rule.queue for rule in self.rules if rule.queue)})
