"""What a store needs of the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall


class Reactor(Protocol):
    """Threads call back, and timers."""

    def callFromThread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in the reactor's thread."""

    def callLater(self, delay: float, function: Callable[..., Any], *arguments: Any) -> IDelayedCall:
        """Call a function after ``delay`` seconds."""

    def seconds(self) -> float:
        """What the timers count by."""
