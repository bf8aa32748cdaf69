"""What counts for one domain or destination: the usual settings, or those of the first rule that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from mailframe.message.idn import to_unicode

from .settings import QueueOptions, RuleOptions

REMEMBERED: Final = 4096
"""Names whose terms are kept ready."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """Times in seconds, and numbers of deliveries; see `mailframe.queue.settings.QueueOptions`.

    Attributes:
        first_retry: first pause.
        longest_retry: longest pause.
        expires: when mail is given up, after its arrival.
        delay_notice: when the sender is told of a delay; 0 for never.
        deliveries: at a time to one destination, by this worker.
        deliveries_of_all: the same by all workers; 0 for no limit.
    """

    first_retry: float
    longest_retry: float
    expires: float
    delay_notice: float
    deliveries: int
    deliveries_of_all: int


class Rules:
    """The rules of a configuration.

    Args:
        settings: ``[queue]``.

    Attributes:
        longest_expiry: the longest time that any mail is kept, of all rules.
    """

    def __init__(self, settings: QueueOptions) -> None:
        self._settings = settings
        own = [rule.expires for rule in settings.rules if rule.expires is not None]
        self.longest_expiry = max([settings.expires, settings.notice_expires, *own])
        self.of: Callable[[str], Terms] = lru_cache(REMEMBERED)(self._of)
        """The terms of a domain, or of a destination (``"remote:example.org"``), whose domain or name counts."""

    def _of(self, name: str) -> Terms:
        before, colon, domain = name.partition(":")
        # An address literal of IPv6 has colons of its own, and no name of a delivery has a bracket.
        asked = name if "[" in before else domain or (before + colon)
        rule = next((rule for rule in self._settings.rules if _fits(rule, to_unicode(asked.lower()))), None)
        return self._terms(rule)

    def _terms(self, rule: RuleOptions | None) -> Terms:
        usual = self._settings
        if rule is None:
            return Terms(
                usual.first_retry,
                usual.longest_retry,
                usual.expires,
                usual.delay_notice,
                usual.deliveries,
                usual.deliveries_of_all,
            )
        return Terms(
            _or(rule.first_retry, usual.first_retry),
            _or(rule.longest_retry, usual.longest_retry),
            _or(rule.expires, usual.expires),
            _or(rule.delay_notice, usual.delay_notice),
            _or(rule.deliveries, usual.deliveries),
            _or(rule.deliveries_of_all, usual.deliveries_of_all),
        )


def _fits(rule: RuleOptions, name: str) -> bool:
    return any(_alike(to_unicode(pattern.lower()), name) for pattern in rule.domains)


def _alike(pattern: str, name: str) -> bool:
    if pattern.startswith("*."):
        return name.endswith(pattern[1:])
    return pattern in ("*", name)


def _or(own: T | None, usual: T) -> T:
    return usual if own is None else own
