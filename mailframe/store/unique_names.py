"""Names that no other file of the machine or its neighbours has."""

from __future__ import annotations

import itertools
import os
import socket
import time


class UniqueNames:
    """Gives names that no other file has; for all threads of a process.

    Args:
        host: this machine's name.
    """

    def __init__(self, host: str = "") -> None:
        host = host or socket.gethostname()
        # As the Maildir page has it; the comma because sizes follow it.
        for bad in "/:,":
            host = host.replace(bad, f"\\{ord(bad):03o}")
        self._host = host
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """Another one, without sizes."""
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        # The process is asked each time: a store that was built before a fork must not share its names.
        return f"{seconds}.M{rest // 1000:06}P{os.getpid()}Q{next(self._numbers)}.{self._host}"
