"""The inbound exchanger: mail from anybody, for mailboxes of this node's store, or of another node by LMTP.

What it cannot do, it cannot do by its parts: the router it makes can name no remote host, and its reception has no
authenticator, so that AUTH is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import attrs
from twisted.internet.interfaces import IReactorTime

from mailframe.delivery.interfaces import IDelivery
from mailframe.delivery.store import StoreDelivery
from mailframe.directory.interfaces import IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.limits.interfaces import ITallies
from mailframe.message.address import Address
from mailframe.routing.local import LocalRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.interfaces import IMailStore
from mailframe.tls.interfaces import IServerContexts

from .context import Context
from .health import directory_answers
from .listening import Listener, ListeningRole
from .options import MXOptions


class MXRole(ListeningRole):
    """Takes mail for local mailboxes, from anybody.

    Args:
        listeners: where; with STARTTLS wherever ``tls`` is given.
        store: where mail goes; None, where ``delivery`` is given.
        directory: who has a mailbox.
        clock: the reactor.
        settings: of SMTP; whatever it says of logins does not matter.
        policies: asked in this order.
        filters: change mail in this order; one of them should add the trace field.
        tls: certificates.
        delimiter: between user and subaddress, "" for none.
        subaddress_mailboxes: deliver ``user+tag`` into the mailbox ``tag``.
        postmaster: gets mail for the bare ``Postmaster``.
        tallies: count for limits; of this process alone by default.
        delivery: takes mail for mailboxes instead of the store, such as `mailframe.delivery.lmtp.LMTPDelivery`. It is
            given nothing but routes to mailboxes.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        store: IMailStore | None,
        directory: IDirectory,
        clock: IReactorTime,
        settings: SMTPSettings | None = None,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        tls: IServerContexts | None = None,
        delimiter: str = "+",
        subaddress_mailboxes: bool = False,
        postmaster: Address | None = None,
        tallies: ITallies | None = None,
        delivery: IDelivery | None = None,
    ) -> None:
        place = delivery or store
        if place is None:
            raise ValueError("the mx needs a store or a delivery")
        super().__init__("mx", clock, [directory, place], tls, tallies)
        settings = attrs.evolve(settings or SMTPSettings(), protocol="smtp", require_auth=False)
        # Nobody here could write the notice of success that DSN promises (RFC 3461 section 5.2.2); the sending host
        # does, where it is not offered.
        settings = settings.without("DSN")
        router = LocalRouter(directory, delimiter, postmaster, settings.hostname, subaddress_mailboxes)
        reception = Reception(
            router, delivery or StoreDelivery(cast(IMailStore, store)), policies, filters, authenticator=None
        )
        self.open_smtp_doors(listeners, reception, settings)
        self._health.add("directory", directory_answers(directory, clock))


def build(options: MXOptions, context: Context) -> MXRole:
    """The role as it is configured."""
    role = MXRole(
        listeners=context.listeners(options.listen),
        store=context.store if options.delivery is None else None,
        directory=context.directory,
        clock=context.reactor,
        settings=context.smtp_settings(options),
        policies=context.policies(options.policies),
        filters=context.filters(options.filters),
        tls=context.tls,
        delimiter=options.delimiter,
        subaddress_mailboxes=options.subaddress_mailboxes,
        postmaster=context.postmaster(options.postmaster),
        tallies=context.tallies,
        delivery=context.delivery(options.delivery) if options.delivery is not None else None,
    )
    context.add_health_checks(role)
    return role
