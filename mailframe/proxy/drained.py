"""Stores that nobody is sent to for now: kept in a file, so that they stay so whatever is restarted."""

from __future__ import annotations

import json
import os
from collections.abc import Collection

from twisted.logger import Logger

from mailframe.message.status import MailframeError, Status

DRAINED = Status((4, 3, 2), "The store is being worked on; try again shortly", "UNAVAILABLE")
LIMIT = 10_000
"""Names that are remembered."""

log = Logger()


class Drained:
    """Knows them.

    Args:
        path: the file; None to forget them at the end.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._names: frozenset[str] = _read(path)

    @property
    def names(self) -> Collection[str]:
        """Those that are drained."""
        return self._names

    def set(self, name: str, drained: bool) -> None:
        """Drain a store, or send people there again.

        Raises:
            OSError: it could not be written down.
        """
        names = self._names | {name} if drained else self._names - {name}
        if self._path is not None and len(names) <= LIMIT:
            # Several workers may do so at once: each its own file, and the last one counts.
            place = f"{self._path}.{os.getpid()}"
            with open(place, "w") as file:
                json.dump(sorted(names), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(place, self._path)
        self._names = frozenset(names)

    def check(self, name: str) -> None:
        """May anybody be sent there?

        Raises:
            MailframeError: temporary: not now.
        """
        if name in self._names:
            raise MailframeError(DRAINED, f"{name} is drained")


def _read(path: str | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        with open(path) as file:
            return frozenset(str(name) for name in json.load(file)[:LIMIT])
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError) as error:
        log.error(
            "which stores are drained cannot be read from {path}: {reason}", path=path, reason=str(error)
        )
        return frozenset()
