"""Where parent and workers write their log: one file, or standard output; one write a line."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from typing import Any

from twisted.logger import Logger

from mailframe.monitor.logs import LineObserver, make_observer, start

QUIET = ("twisted", "log_legacy")
"""What these namespaces say at info is of no use to people who run mail: ports, factories, the main loop."""

log = Logger()


class LogOutlet:
    """What the node writes to.

    Args:
        path: a file, or None for standard output.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._descriptor = None if path is None else _open(path)

    @property
    def descriptor(self) -> int | None:
        """To be inherited by workers; None for standard output."""
        return self._descriptor

    def observer(self, format: str, level: str) -> LineObserver:
        """Writes this process's events."""
        if self._descriptor is None:
            return _quiet(make_observer(format, level, sys.stdout), level)
        with open(self._descriptor, "ab", 0, closefd=False) as stream:
            # It is asked for its descriptor only, which stays open.
            return _quiet(make_observer(format, level, stream), level)

    def reopen(self) -> None:
        """Begin a new file where the old one was renamed away (logrotate); workers have it from their start."""
        if self._path is None or self._descriptor is None:
            return
        try:
            new = _open(self._path)
        except OSError as error:
            log.warn("the log file stays as it is: {reason}", reason=error.strerror)
            return
        os.dup2(new, self._descriptor, inheritable=False)
        os.close(new)


def begin_logging(plan: Mapping[str, Any], reactor: Any) -> None:
    """Write a worker's events to its standard output, which the parent gave it: those of one turn together."""
    observer = _quiet(start(plan["format"], plan["level"], sys.stdout), plan["level"])
    atexit.register(observer.gather(reactor))


def _quiet(observer: LineObserver, level: str) -> LineObserver:
    for namespace in QUIET if level == "info" else ():
        observer.levels.set("warn", namespace)
    return observer


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
