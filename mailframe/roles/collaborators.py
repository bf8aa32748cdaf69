"""Stores, directories and the like as one service: started before the roles that use them, stopped after."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

log = Logger()


class Collaborators(Service):
    """What roles share, for whoever embeds them; add it to a ``MultiService`` before the roles.

    Roles start what they use (``start`` may be called more than once) but never stop it, since others may use it
    still. Without this their threads go on, and the process does not end.

    Args:
        things: each after those it depends on; started in this order, stopped the other way round.
    """

    def __init__(self, *things: Any) -> None:
        self._things = things

    def startService(self) -> None:
        """Start all that has a ``start``; `ready` tells how that went."""
        super().startService()  # type: ignore[no-untyped-call]
        started = Deferred.fromCoroutine(self.start())
        started.addErrback(lambda failure: log.failure("a collaborator cannot start", failure))

    def stopService(self) -> Deferred[None]:
        """Stop all that has a ``stop``."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self.stop())

    async def ready(self) -> None:
        """Wait until all are started, or raise why one cannot be."""
        await self.start()

    async def start(self) -> None:
        """Start all, one after another; the first that cannot is raised."""
        for thing in self._things:
            if hasattr(thing, "start"):
                await thing.start()

    async def stop(self) -> None:
        """Stop all, one after another; a fault in one does not keep the others open."""
        for thing in reversed(self._things):
            try:
                if hasattr(thing, "stop"):
                    await thing.stop()
            except Exception:
                log.failure("{thing} did not stop cleanly", thing=type(thing).__name__)
