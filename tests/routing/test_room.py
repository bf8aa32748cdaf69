"""Full mailboxes are refused before the message is sent."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.status import MAILBOX_FULL, NO_SUCH_MAILBOX
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.routing.room import RoomRouter

TO = Address("team", "example.test")


class FixedRouter:
    """Always gives the same answer."""

    def __init__(self, answer) -> None:
        self.answer = answer

    async def route(self, forward_path):
        return self.answer


def mailbox(name: str) -> LocalMailbox:
    return LocalMailbox(name, "INBOX", TO)


class RoomRouterTests(SynchronousTestCase):
    """A router that knows who is full."""

    full = {"full", "fuller"}

    async def room(self, account: str):
        return MAILBOX_FULL if account in self.full else None

    def routed(self, answer):
        router = RoomRouter(FixedRouter(answer), self.room)
        return self.successResultOf(Deferred.fromCoroutine(router.route(TO)))

    def test_room(self) -> None:
        """Mail for a mailbox with room goes its way."""
        route = Route((mailbox("alice"),))
        self.assertIs(self.routed(route), route)

    def test_full(self) -> None:
        """Mail for a full mailbox, or for several that are all full, is refused."""
        self.assertIs(self.routed(Route((mailbox("full"),))), MAILBOX_FULL)
        self.assertIs(self.routed(Route((mailbox("full"), mailbox("fuller")))), MAILBOX_FULL)

    def test_some(self) -> None:
        """One full mailbox of several does not keep mail from the others."""
        route = Route((mailbox("full"), mailbox("alice")))
        self.assertIs(self.routed(route), route)

    def test_others(self) -> None:
        """Refusals, and mail that goes on to others, are left as they are."""
        self.assertIs(self.routed(NO_SUCH_MAILBOX), NO_SUCH_MAILBOX)
        onward = Route((mailbox("full"),), onward=True)
        self.assertIs(self.routed(onward), onward)
