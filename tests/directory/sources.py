"""A directory for tests that can fail, hang and come back."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import providedBy
from zope.interface.declarations import directlyProvides

from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

ASKED = (
    "is_local",
    "domain",
    "lookup",
    "account",
    "credential",
    "granted",
    "keep_keys",
    "keep_hash",
    "version",
)
FED = ("entries", "changes")


class Moody:
    """Another directory with moods.

    Args:
        directory: what answers in the end; provides what that provides.
        without: interfaces it does not provide.

    Attributes:
        away: questions fail.
        hangs: questions wait until `go_on`.
        asked: names of the questions so far.
    """

    def __init__(self, directory: Any, *without: Any) -> None:
        self.directory = directory
        self.away = self.hangs = False
        self.asked: list[str] = []
        self._waiting: list[Deferred[None]] = []
        directlyProvides(self, *(one for one in providedBy(directory) if one not in without))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.directory, name)
        if name not in ASKED + FED:
            return found

        async def ask(*arguments: Any, **named: Any) -> Any:
            self.asked.append(name)
            if self.hangs:
                waiting: Deferred[None] = Deferred()
                self._waiting.append(waiting)
                await waiting
            if self.away:
                raise MailframeError(CANNOT_LOOK_UP, "away")
            return await found(*arguments, **named)

        return ask

    def go_on(self) -> None:
        """Answer all that waits, and hang no more."""
        self.hangs = False
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
