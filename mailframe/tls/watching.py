"""Notices that files were written: from Linux at once, by looking every so often elsewhere and always."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.filepath import FilePath
from twisted.python.runtime import platform

log = Logger()

SETTLE = 0.5
"""Seconds from a notice to a look: certificate and key are written one after the other."""


class Watch:
    """Calls something now and then, and soon after a directory changed.

    Args:
        reactor: its clock alone will do; then nothing is noticed between looks.
        seconds: from look to look.
        look: what is called.
        places: the directories, asked again after each look, for links may point elsewhere by then.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        seconds: float,
        look: Callable[[], None],
        places: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._reactor = reactor
        self._look = look
        self._places = places
        self._watched: frozenset[tuple[str, object]] = frozenset()
        self._notices: Any = None
        self._soon: IDelayedCall | None = None
        self._loop = LoopingCall(self._looked)
        self._loop.clock = reactor
        self._seconds = seconds

    def start(self) -> None:
        """Begin; the first look is a moment later."""
        self._loop.start(self._seconds, now=False).addErrback(
            lambda failure: log.failure("watching certificates ended", failure)
        )
        self._subscribe()

    def stop(self) -> None:
        """End; again does nothing."""
        if self._loop.running:
            self._loop.stop()
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._unsubscribe()

    def look_soon(self, seconds: float = SETTLE) -> None:
        """Look once more in a moment, unless that is to happen anyway."""
        if self._soon is None or not self._soon.active():
            self._soon = self._reactor.callLater(seconds, self._looked)

    def _looked(self) -> None:
        try:
            self._look()
        except Exception:
            # A fault of ours must not end the looks that come after it.
            log.failure("looking for new certificates failed")
        self._subscribe()

    def _subscribe(self) -> None:
        if not self._loop.running:
            return
        if not platform.supportsINotify() or not IReactorFDSet.providedBy(self._reactor):
            return
        places = frozenset((place, _identity(place)) for place in self._places())
        if places == self._watched:
            return
        self._unsubscribe()
        from twisted.internet import inotify

        self._watched = places
        try:
            self._notices = inotify.INotify(self._reactor)
            self._notices.startReading()
            for place in sorted(place for place, _ in places):
                self._notices.watch(FilePath(place or "."), mask=_changes(inotify), callbacks=[self._noticed])
        except Exception as error:
            # No more watches allowed, a directory that is gone: the looks every so often remain.
            log.debug("no notices about certificates: {reason}", reason=str(error))
        else:
            # What was written before the watches stood, nobody tells us.
            self.look_soon()

    def _noticed(self, *notice: object) -> None:
        self.look_soon()

    def _unsubscribe(self) -> None:
        notices, self._notices = self._notices, None
        self._watched = frozenset()
        if notices is not None:
            notices.loseConnection()


def _identity(place: str) -> object:
    """Which directory it is: Linux watches a directory, not what is called like it later."""
    try:
        status = os.stat(place or ".")
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _changes(inotify: Any) -> int:
    mask: int = inotify.IN_CLOSE_WRITE | inotify.IN_CREATE | inotify.IN_DELETE
    return mask | int(inotify.IN_MOVED_TO | inotify.IN_MOVED_FROM)
