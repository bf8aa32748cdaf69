"""The inbound exchanger: mail from anybody, for mailboxes of this node's store.

What it cannot do, it cannot do by its parts: the router it makes can name no remote host, and its reception has no
authenticator, so that AUTH is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

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
        store: where mail goes.
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
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        store: IMailStore,
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
    ) -> None:
        super().__init__("mx", clock, [directory, store], tls, tallies)
        settings = attrs.evolve(settings or SMTPSettings(), protocol="smtp", require_auth=False)
        router = LocalRouter(directory, delimiter, postmaster, settings.hostname, subaddress_mailboxes)
        reception = Reception(router, StoreDelivery(store), policies, filters, authenticator=None)
        self.open_smtp_doors(listeners, reception, settings)
        self._health.add("directory", directory_answers(directory, clock))


def build(options: MXOptions, context: Context) -> MXRole:
    """The role as it is configured."""
    role = MXRole(
        listeners=context.listeners(options.listen),
        store=context.store,
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
    )
    context.add_health_checks(role)
    return role
