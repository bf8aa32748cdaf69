"""Holding mail, for services: the blocking work of `mailframe.queue.held` in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.database.lanes import CallFromThread, DirectLane, Lane, each
from mailframe.database.sqlite import storage_error
from mailframe.message.mail import MailObject

from .held import HeldMail
from .interfaces import IHolding

T = TypeVar("T")
WAITING_LIMIT = 200


@implementer(IHolding)
class Holding:
    """Held mail of a node, as one worker uses it.

    Args:
        held: the directory.
        reactor: None to do everything at once in the caller's thread, for tests.
    """

    def __init__(self, held: HeldMail, reactor: CallFromThread | None) -> None:
        self.held = held
        self._lane: Lane[Callable[[], Any], Any] | DirectLane[Callable[[], Any], Any]
        if reactor is None:
            self._lane = DirectLane(each)
        else:
            self._lane = Lane(reactor, each, "held mail", linger=0.0, waiting_limit=WAITING_LIMIT)

    async def start(self) -> None:
        """Make the directory ready, at once: what is wrong with it is told at the start; safe to call twice.

        Raises:
            MailframeError: temporary: the disk cannot be written.
        """
        try:
            self.held.prepare()
        except OSError as error:
            raise storage_error(error) from error

    async def stop(self) -> None:
        """Do what waits, and no more; safe to call twice."""
        await self._lane.stop()

    async def hold(self, mail: MailObject, reason: str) -> None:
        """Keep a message durably (see `IHolding.hold`)."""
        await self.run(lambda: self.held.add(mail, reason))

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work on the directory.

        Raises:
            MailframeError: temporary, for faults of the disk, or when too much waits.
        """
        try:
            return await cast("Deferred[T]", self._lane.submit(work))
        except OSError as error:
            raise storage_error(error) from error
