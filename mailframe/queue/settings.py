"""What the queue can be told in ``[queue]``; every option has a default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

from mailframe.config.types import DeliveryName, Duration, Size, option

from .values import NORMAL, SLOW

_PATTERN = re.compile(r"[^\s*]+|\*|\*\.[^\s*]+")


def _are_patterns(_: object, attribute: object, value: Sequence[str]) -> None:
    for text in value:
        if _PATTERN.fullmatch(text) is None:
            raise ValueError(f'expected a domain, "*.domain" or "*", got {text!r}')


def _not_empty(_: object, attribute: object, value: Sequence[str]) -> None:
    if not value:
        raise ValueError("expected at least one domain")


@attrs.frozen(kw_only=True)
class RuleOptions:
    """``[[queue.rules]]``: what is different for some destinations. The first rule that fits counts, alone."""

    domains: list[str] = option(
        "Whom it is for: ``example.org``, ``*.example.org`` for all domains below, ``*`` for all. For times it is "
        "the recipient's domain that is compared, for numbers of deliveries the domain that hosts are found for; a "
        "delivery that knows its hosts itself goes by its name and a colon, ``smarthost:``.",
        validator=[_not_empty, _are_patterns],
    )
    first_retry: Duration | None = option(
        "The first pause between attempts, instead of the usual one.", None, minimum=1
    )
    longest_retry: Duration | None = option(
        "The longest pause between attempts, instead of the usual one.", None, minimum=1
    )
    expires: Duration | None = option("When mail is given up, instead of the usual time.", None, minimum=60)
    delay_notice: Duration | None = option(
        "When the sender is told that it takes longer, instead of the usual time; ``0s`` for never.", None
    )
    deliveries: int | None = option(
        "Deliveries at a time to one destination by one worker, at most, instead of the usual number.",
        None,
        minimum=1,
    )
    deliveries_of_all: int | None = option(
        "Deliveries at a time to one destination by all workers of the node together, at most; 0 for no limit.",
        None,
        minimum=0,
    )


@attrs.frozen(kw_only=True)
class RoomOptions:
    """``[queue.room]``: what the queue takes before it says 452 4.3.1. 0 for no limit."""

    messages: int = option("Messages.", 1_000_000, minimum=0)
    octets: Size = option("Octets of their content.", Size(0), minimum=0)
    free_disk: Size = option(
        "Octets that must stay free on the disk of the queue.", Size(256_000_000), minimum=0
    )
    login_share: int = option(
        "Percent of ``messages`` and ``octets`` that one account may take which logs in.",
        10,
        minimum=1,
        maximum=100,
    )
    network_share: int = option(
        "Percent that one client may take which does not log in (by IP address; IPv6 by /64).",
        50,
        minimum=1,
        maximum=100,
    )


def _slots() -> Mapping[str, int]:
    return {NORMAL: 500, SLOW: 50}


@attrs.frozen(kw_only=True)
class QueueOptions:
    """``[queue]``: when mail is tried again, when it is given up, and how much is done at a time."""

    first_retry: Duration = option(
        "The pause after the first attempt that failed for now; each further pause is twice as long.",
        Duration(300.0),
        minimum=1,
    )
    longest_retry: Duration = option("The longest pause.", Duration(4 * 3600.0), minimum=1)
    jitter: int = option(
        "Percent by which a pause is longer or shorter by chance, so that what failed together does not come back "
        "together.",
        15,
        minimum=0,
        maximum=50,
    )
    expires: Duration = option(
        "How long mail is tried before the sender gets it back (RFC 5321 section 4.5.4.1 wants 4 to 5 days).",
        Duration(5 * 86400.0),
        minimum=60,
    )
    notice_expires: Duration = option(
        "How long notifications are tried, which nobody gets back.", Duration(2 * 86400.0), minimum=60
    )
    delay_notice: Duration = option(
        "When the sender is told that it takes longer; ``0s`` for never.", Duration(4 * 3600.0)
    )
    slow_after: int = option(
        "Attempts after which a recipient moves to the queue ``slow``, which has slots of its own; 0 for never.",
        5,
        minimum=0,
    )
    slow_way: DeliveryName | None = option(
        "The delivery that takes over what is in the queue ``slow``, such as a smarthost with patience; without it "
        "the usual way is tried. Mail for mailboxes of this node always goes its usual way.",
        None,
    )
    slots: Mapping[str, int] = option(
        "Messages that one worker has in hand at a time, of each queue; a queue that is not named has 50. What is "
        "delivered as it comes takes slots of its queue, too.",
        factory=_slots,
        shown="``{ normal = 500, slow = 50 }``",
    )
    memory: Size = option(
        "Octets of messages that one worker has in memory to deliver; what comes over that waits in the spool.",
        Size(64_000_000),
        minimum=0,
    )
    first_deliveries: int = option(
        "Deliveries at a time to a destination that nothing is known of; each round of successes adds one, each "
        "failure to reach it takes half.",
        5,
        minimum=1,
    )
    deliveries: int = option("Deliveries at a time to one destination by one worker, at most.", 20, minimum=1)
    deliveries_of_all: int = option(
        "Deliveries at a time to one destination by all workers of the node together, at most; 0 for no limit.",
        0,
        minimum=0,
    )
    closed_first: Duration = option(
        "How long nothing is tried for a destination that no host answers for; twice as long each time it is found "
        "so again.",
        Duration(300.0),
        minimum=1,
    )
    closed_longest: Duration = option("The longest such time.", Duration(3600.0), minimum=1)
    lease: Duration = option(
        "How long the work of a worker that vanished is left alone before others take it over.",
        Duration(60.0),
        minimum=3,
    )
    attempt_timeout: Duration = option(
        "How long one attempt may take in all; a delivery that never answers is a fault of ours.",
        Duration(3600.0),
        minimum=10,
    )
    poll: Duration = option(
        "How often a worker looks for mail that others put into the queue.", Duration(1.0), minimum=0.1
    )
    room: RoomOptions = option("How much mail the queue takes.", factory=RoomOptions)
    rules: list[RuleOptions] = option("What is different for some destinations.", factory=list)
