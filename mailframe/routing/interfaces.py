"""What routing answers for one forward-path."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from zope.interface import Interface

from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
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
        way: the delivery that takes it, by its name in the configuration, where the queue has several; "" where
            there is one only.
        domain: for a delivery that finds the hosts itself, the domain (as A-labels, lower case) or the address
            literal (``"[192.0.2.1]"``) to find them for.
        queue: the queue in which it waits.
        caught: nobody has the address, and its domain's catch-all takes it: the address in its own domain.
    """

    mailboxes: tuple[LocalMailbox, ...] = ()
    onward: bool = False
    way: str = ""
    domain: str = ""
    queue: str = "normal"
    caught: Address | None = None

    @property
    def destination(self) -> str:
        """What the route has in common with others that go the same way to the same hosts."""
        return f"{self.way}:{self.domain}"


class IRouter(Interface):
    """Turns a forward-path into destinations. Has no way to name a remote host: that is another router's."""

    def route(forward_path: Address) -> Awaitable[Route | Status]:
        """The way of one recipient.

        Returns:
            A route; or a status: 5.1.1 no such mailbox, 5.7.1 not our domain, 4.x when nobody can say now.
        """


class IMailRouter(Interface):
    """Chooses ways out by all that is known of a message; for the queue. Roles that strangers talk with have none."""

    def way(envelope: Envelope, recipient: Recipient, origin: Origin) -> Awaitable[Route | Status]:
        """The way of one recipient, now; asked again at each attempt.

        Args:
            envelope: reverse-path and parameters of the message.
            recipient: whom it is for.
            origin: where it came from; ``origin.attributes["class"]`` is the class of the mail, where it has one.

        Returns:
            A route whose ``way`` is set, to mailboxes of this node or elsewhere; or a status: permanent where the
            recipient cannot exist, temporary where nobody can say now.
        """


class ICatchAllGuard(Interface):
    """Decides what a catch-all takes."""

    def admit(address: Address, *, budget: bool = True) -> Awaitable[Status | None]:
        """May mail for an address come in that nobody has?

        Args:
            address: in its own domain, not an alias domain.
            budget: it comes from a stranger, and counts against the domain's budget.

        Returns:
            None for yes; 5.1.1 where the address was found to be dead, 4.2.1 where the domain has had enough.

        Raises:
            MailframeError: temporary, when nobody can say.
        """

    def took(address: Address, notice: bool) -> None:
        """A message for such an address was delivered.

        Args:
            address: as `Route.caught` has it.
            notice: it came from the null reverse-path.
        """

    def learn(address: Address, why: str) -> Awaitable[None]:
        """Refuse such an address from now on; for policies and filters that know it for a trap.

        Args:
            address: in its own domain.
            why: one word for the report.

        Raises:
            MailframeError: temporary, when that cannot be kept.
        """
