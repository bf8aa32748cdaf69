"""Tells systemd how we are: datagrams to the socket it names (the protocol of sd_notify(3))."""

from __future__ import annotations

import socket
import time
from collections.abc import MutableMapping


class Notifier:
    """Sends states to the service manager, or nowhere when there is none.

    Args:
        environment: ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` are taken out of it, so that no worker speaks for us.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        path = environment.pop("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace.
        self._path = "\0" + path[1:] if path.startswith("@") else path
        microseconds = environment.pop("WATCHDOG_USEC", "")
        environment.pop("WATCHDOG_PID", None)
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdigit() else 0.0
        """Seconds within which the manager wants to hear of us, 0 for never."""

    def send(self, *states: str) -> None:
        """Send lines such as ``READY=1``; a manager that is away is no fault of ours."""
        if not self._path:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outlet:
            try:
                outlet.setblocking(False)
                outlet.sendto("\n".join(states).encode(), self._path)
            except OSError:
                pass

    def ready(self, status: str) -> None:
        """We serve."""
        self.send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload began; `ready` ends it."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reloading")

    def stopping(self) -> None:
        """We are on our way out."""
        self.send("STOPPING=1", "STATUS=stopping")

    def alive(self) -> None:
        """Feed the watchdog."""
        self.send("WATCHDOG=1")
