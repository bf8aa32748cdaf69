"""What routing answers for one forward-path."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from zope.interface import Interface

from mailframe.message.address import Address
from mailframe.message.status import Status


@dataclass(frozen=True, slots=True)
class LocalMailbox:
    """One way: into a mailbox of this node's store.

    Attributes:
        account: canonical account name.
        mailbox: mailbox name; a subaddress may name another than INBOX.
        delivered_to: the address this copy is for, after aliases, before the subaddress is cut.
    """

    account: str
    mailbox: str
    delivered_to: Address


@dataclass(frozen=True, slots=True)
class Route:
    """Where one recipient's copies go.

    Attributes:
        mailboxes: of this node's store, each once.
        onward: to the next hop that the node's configuration names, which finds the way from there. Only a role that
            takes mail from our own users, or sends for the others, has a router that answers so.
    """

    mailboxes: tuple[LocalMailbox, ...] = ()
    onward: bool = False


class IRouter(Interface):
    """Turns a forward-path into destinations. Has no way to name a remote host: that is another router's."""

    def route(forward_path: Address) -> Awaitable[Route | Status]:
        """The way of one recipient.

        Returns:
            A route; or a status: 5.1.1 no such mailbox, 5.7.1 not our domain, 4.x when nobody can say now.
        """
