"""How many deliveries at a time a place gets: few at first, more as they succeed, fewer when nobody answers.

A window of one place (`mailframe.queue.values.Place`) in one worker. Each round of successes adds one to it; each
failure to reach the destination takes half. One that fails again and again is closed for a while, longer each time,
and opened by the one message that is tried then: the dead must not cost the living anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from mailframe.limits.interfaces import ITallies

from .rules import Rules
from .settings import QueueOptions
from .values import Place

if TYPE_CHECKING:
    from .work import Work

IN_A_ROW: Final = 3
"""Failures that close a place which answered within the last minute; any other is closed by the first."""
ANSWERED_LATELY: Final = 60.0
AHEAD: Final = 100
"""Claims of one place that wait for their turn, at most."""
IDLE: Final = 600.0
"""Seconds after which a place that nothing was done for is forgotten."""
WINDOWS: Final = 5000
"""Idle places that are remembered at most."""
TALLY: Final = "queue.deliveries"


class Window:
    """What one worker knows of one place.

    Attributes:
        place: which.
        size: deliveries at a time, now.
        limit: at most.
        running: deliveries under way.
        waiting: work that has a claim, and waits for its turn.
        blocked: when something may be tried again, by a limit of our own.
        closed: when it may be tried again, by what is known of its hosts; 0 for open.
        since: when it was closed last.
        closings: how often in a row it was closed.
        unproven: nobody has told the spool yet that it is open; it may remember a closing that we do not know of.
        more: the spool has more for it than there was room for.
        ahead: claims that wait here, at most, so that nobody waits for the next; more for who is fast.
        used: when something was done last.
    """

    __slots__ = (
        "ahead",
        "answered",
        "blocked",
        "closed",
        "closings",
        "failures",
        "limit",
        "limit_of_all",
        "more",
        "place",
        "pumping",
        "running",
        "since",
        "size",
        "unproven",
        "used",
        "waiting",
    )

    def __init__(self, place: Place, size: float, limit: int, limit_of_all: int, now: float) -> None:
        self.place = place
        self.size = size
        self.limit = limit
        self.limit_of_all = limit_of_all
        self.running = 0
        self.waiting: deque[Work] = deque()
        self.blocked = 0.0
        self.closed = 0.0
        self.since = 0.0
        self.closings = 0
        self.failures = 0
        self.answered = -ANSWERED_LATELY
        self.unproven = True
        self.more = False
        self.ahead = 0
        self.pumping = False
        self.used = now

    @property
    def in_hand(self) -> int:
        """What is under way or waits here."""
        return self.running + len(self.waiting)

    def shut(self, now: float) -> bool:
        """Is nothing to be tried there at the moment, but for what the spool hands out?"""
        return self.closed > 0 or self.blocked > now

    def takes_fresh(self, now: float) -> bool:
        """May a message that comes in now be attempted, or wait here for its turn?"""
        return self.in_hand < 2 * self.limit and not (self.closed > 0 or self.blocked > now)

    def room(self, now: float) -> int:
        """How many more the spool may hand out: as many again as may be under way, but not one by one."""
        if self.blocked > now:
            return 0
        size = int(self.size)
        ahead = max(size, self.ahead)
        return size + ahead - self.in_hand if len(self.waiting) * 2 <= ahead else 0

    def ran_dry(self) -> None:
        """Deliveries ended faster than claims came: the next time, more of them."""
        self.ahead = min(AHEAD, 2 * max(int(self.size), self.ahead))

    @property
    def wants(self) -> bool:
        """Is it time to claim more?"""
        return self.more and len(self.waiting) * 2 <= max(int(self.size), self.ahead)

    def success(self, now: float) -> None:
        """Somebody there took a message, or refused one."""
        self.failures = 0
        self.answered = now
        if self.size < self.limit:
            self.size = min(float(self.limit), self.size + 1 / self.size)

    def failure(self, now: float) -> bool:
        """Nobody there could be reached.

        Returns:
            Is that enough to close the place?
        """
        self.failures += 1
        self.size = max(1.0, self.size / 2)
        self.ahead = 0
        return self.failures >= IN_A_ROW or now - self.answered >= ANSWERED_LATELY


class Windows:
    """All windows of a worker.

    Args:
        settings: ``[queue]``.
        rules: numbers for some destinations.
        tallies: count over all workers.
    """

    def __init__(self, settings: QueueOptions, rules: Rules, tallies: ITallies) -> None:
        self._settings = settings
        self._rules = rules
        self._tallies = tallies
        self._windows: dict[Place, Window] = {}

    def __iter__(self) -> Iterator[Window]:
        return iter(list(self._windows.values()))

    def __len__(self) -> int:
        return len(self._windows)

    def of(self, place: Place, now: float) -> Window:
        """The window of a place; a new one where nothing is known of it."""
        window = self._windows.get(place)
        if window is None:
            terms = self._rules.of(place.destination)
            size = float(min(self._settings.first_deliveries, terms.deliveries))
            window = Window(place, size, terms.deliveries, terms.deliveries_of_all, now)
            self._windows[place] = window
        window.used = now
        return window

    def enter(self, window: Window) -> bool:
        """Begin one more delivery, where the window and the limit of all workers allow that."""
        if window.running >= int(window.size):
            return False
        if window.limit_of_all and not self._tallies.enter(
            TALLY, window.place.destination, window.limit_of_all
        ):
            return False
        window.running += 1
        return True

    def leave(self, window: Window) -> None:
        """A delivery has ended."""
        window.running -= 1
        if window.limit_of_all:
            self._tallies.leave(TALLY, window.place.destination)

    def rooms(self, queue: str, each: int, now: float) -> Mapping[str, int]:
        """For `mailframe.queue.values.ClaimRequest.room`: places of a queue with another number than ``each``."""
        return {
            window.place.destination: room
            for window in self._windows.values()
            if window.place.queue == queue and (room := window.room(now)) != each
        }

    def forget(self, now: float) -> None:
        """Forget what nothing was done for in a long time, and the longest ago where there are too many."""
        idle = sorted(
            (window for window in self._windows.values() if not window.in_hand and window.blocked <= now),
            key=lambda window: window.used,
        )
        surplus = len(idle) - WINDOWS
        for number, window in enumerate(idle):
            if number < surplus or now - window.used >= IDLE:
                del self._windows[window.place]
