"""One claim that a worker has in hand, and what it may have been told about it when the message came in."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from mailframe.message.content import Content, OctetsBody, PiecesBody
from mailframe.routing.interfaces import Route

from .values import QueuedMessage, QueuedRecipient
from .windows import Window


class Work:
    """Recipients of one message at one place.

    Attributes:
        runner: whose lease it is under.
        window: of its place.
        message: the message.
        recipients: at least one, by number.
        content: None: ask the spool.
        routes: of its recipients, where they are known by now; None: ask the router.
        fresh: it has come in just now: the spool has not handed it out, and its content is the client's.
        octets: of memory that it takes.
        began: when its attempt began, 0 before.
        task: the attempt.
    """

    __slots__ = (
        "_owned",
        "began",
        "content",
        "fresh",
        "message",
        "octets",
        "recipients",
        "routes",
        "runner",
        "task",
        "window",
    )

    def __init__(
        self,
        runner: str,
        window: Window,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        content: Content | None,
        routes: Sequence[Route] | None = None,
    ) -> None:
        self.runner = runner
        self.window = window
        self.message = message
        self.recipients = recipients
        self.content = content
        self.routes = routes
        self.octets = 0 if content is None else message.size
        self.began = 0.0
        self.task: Deferred[None] | None = None
        self.fresh = routes is not None
        self._owned = not self.fresh

    def adopt(self, content: Content) -> None:
        """Have a content that is to be discarded at the end."""
        self.content = content
        self._owned = True

    def let_go(self) -> None:
        """Give back what holds the content."""
        content, self.content = self.content, None
        if content is not None and self._owned:
            content.body.discard()


def stays(content: Content) -> bool:
    """Is this in memory, so that it is still there when its owner has discarded it?"""
    return isinstance(content.body, OctetsBody | PiecesBody)
