"""A policy that takes mail in office hours only; at other times senders are asked to come again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
from zope.interface import implementer

from mailframe.config.types import option
from mailframe.message.envelope import Envelope
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.interfaces import IMailPolicy

CLOSED = Status((4, 7, 1), "The office is closed; try again in the morning")


@attrs.frozen
class OfficeHoursOptions:
    """What ``[policy.office_hours]`` may say."""

    opens: int = option("The hour mail is taken from, UTC.", 8)
    closes: int = option("The hour mail is taken until, UTC.", 18)


@implementer(IMailPolicy)
class OfficeHours:
    """Refuses MAIL for now outside of office hours.

    Args:
        options: when the office is open.
        now: tells the time, in seconds since the epoch.
    """

    def __init__(self, options: OfficeHoursOptions, now: Callable[[], float] = time.time) -> None:
        self._options = options
        self._now = now

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """The verdict is a value: a status to refuse with, None for no opinion."""
        hour = time.gmtime(self._now()).tm_hour
        return None if self._options.opens <= hour < self._options.closes else CLOSED


def build(options: OfficeHoursOptions, context: Any) -> OfficeHours:
    """What the declaration names: options and context in, the policy out."""
    return OfficeHours(options, context.reactor.seconds)
