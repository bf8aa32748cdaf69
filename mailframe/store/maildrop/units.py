"""Units of a group of deliveries, and what became of them. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailframe.message.status import Status
from mailframe.store.quota import Limit, Usage
from mailframe.store.values import Delivery

Changed = set[tuple[str, str]]
"""Accounts and MAILBOXIDs that something came into."""


@dataclass(frozen=True, slots=True)
class Filled:
    """An account passed a percent of its quota at which its owner is to be told."""

    percent: int
    limit: Limit
    usage: Usage


@dataclass(frozen=True, slots=True)
class Unit:
    """One call of `IMailStore.deliver`.

    Attributes:
        deliveries: what it is about.
        atomic: all or none.
        limits: accounts' own limits, where they have any.
    """

    deliveries: Sequence[Delivery]
    atomic: bool
    limits: Mapping[str, Limit | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a unit.

    Attributes:
        statuses: one for each delivery.
        changed: where hints are due.
        filled: accounts that became so many percent full, and how they stand.
    """

    statuses: Sequence[Status]
    changed: Changed
    filled: dict[str, Filled] = field(default_factory=dict)
