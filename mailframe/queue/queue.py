"""The queue of a worker: takes mail, keeps it, and sees that it arrives or is given back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.limits.interfaces import ITallies
from mailframe.message.mail import MailObject
from mailframe.message.status import Status
from mailframe.routing.interfaces import IMailRouter, Route

from .interfaces import IHolding, ISpool
from .notices import Notices
from .settings import QueueOptions


@implementer(IHolding)
class Queue:
    """Mail on its way out, as one worker sees it.

    Args:
        spool: keeps the mail; the queue starts and stops it.
        router: finds the way of each recipient, at each attempt anew.
        deliveries: ways out by the names that routes have; who built them starts and stops them.
        clock: the reactor; its ``seconds`` are the time of day.
        settings: ``[queue]``.
        hostname: our name.
        notices: tells senders what became of their mail.
        tallies: count for limits over all workers; None: this worker alone.
        free_disk: octets that are free on the disk of the spool; None: that does not matter.
    """

    def __init__(
        self,
        spool: ISpool,
        router: IMailRouter,
        deliveries: Mapping[str, IDelivery],
        clock: IReactorTime,
        settings: QueueOptions,
        hostname: str,
        notices: Notices,
        *,
        tallies: ITallies | None = None,
        free_disk: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.spool = spool
        self.settings = settings

    async def start(self) -> None:
        """Become a runner and begin; safe to call twice.

        Raises:
            MailframeError: temporary: the spool cannot be reached. It is tried again until `stop`.
            UnusableDatabase: the spool is not ours, or newer than we are.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """Begin nothing more, wait a while for what is under way, and let go of the spool; safe to call twice."""
        raise NotImplementedError

    async def health(self) -> str | None:
        """A check (`mailframe.monitor.health.Check`): None, or what is wrong."""
        raise NotImplementedError

    async def accept(self, mail: MailObject, routes: Sequence[Route] = ()) -> Sequence[Status]:
        """Take a message: `QueueDelivery.deliver`."""
        raise NotImplementedError

    async def hold(self, mail: MailObject, reason: str) -> None:
        """Keep a message durably until somebody releases it (see `IHolding.hold`)."""
        raise NotImplementedError


@implementer(IDelivery)
class QueueDelivery:
    """The way into the queue: success means that the message is kept durably.

    Args:
        queue: which.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """Take a message.

        Args:
            mail: the message.
            routes: one for each recipient; one that names a ``way`` is taken, for the others the queue asks its own
                router.
            atomic: all recipients or none. A recipient who cannot exist is refused where that leaves no other or
                each has a reply of its own; otherwise the sender is told by a notification.
        """
        return await self._queue.accept(mail, routes)
