"""Microseconds that counting for limits costs, in one process and with tables shared by several workers.

Run: ``python benchmarks/tallies.py``. Each figure is the best of several rounds over 256 names that all workers know.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.limits.roster import Roster
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table

NAMES = [f"192.0.2.{number}/32" for number in range(256)]
HOUR, QUIET = 3600.0, 900.0
TIMES = 20


class Time:
    """The time of day."""

    seconds = staticmethod(time.time)


def steps(tallies: ITallies) -> dict[str, Callable[[str], object]]:
    """What is measured."""

    def pass_by(name: str) -> None:
        tallies.enter("connections", name, 100)
        tallies.leave("connections", name)

    return {
        "enter and leave": pass_by,
        "spend": lambda name: tallies.spend("messages", name, 1, 10**9, HOUR),
        "fail": lambda name: tallies.fail("logins", name, QUIET),
        "failures": lambda name: tallies.failures("logins", name, QUIET),
    }


def microseconds(step: Callable[[str], object]) -> float:
    """Of one call."""
    best = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(TIMES):
            for name in NAMES:
                step(name)
        best = min(best, time.perf_counter() - began)
    return best / TIMES / len(NAMES) * 1e6


def workers(count: int) -> tuple[Roster, list[SharedTallies]]:
    """So many workers' views of one table."""
    roster = Roster(count)
    places = [roster.move_in() for _ in range(count)]
    return roster, [
        SharedTallies(Table(os.dup(roster.descriptor)), place, Time) for place in places if place is not None
    ]


def main() -> None:
    subjects: dict[str, list[ITallies]] = {"in one process": [MemoryTallies(Time)]}
    rosters = []
    for count in (1, 2, 4, 8):
        roster, views = workers(count)
        rosters.append(roster)
        subjects[f"shared by {count}"] = list(views)
    for title, views in subjects.items():
        for view in views:
            for step in steps(view).values():
                for name in NAMES:
                    step(name)
        figures = ", ".join(f"{what} {microseconds(step):.2f} us" for what, step in steps(views[0]).items())
        print(f"{title:15} {figures}")


if __name__ == "__main__":
    main()
