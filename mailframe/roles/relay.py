"""Submission: mail from our own users, who log in under TLS (RFC 6409, RFC 8314).

In this release mail goes to local mailboxes only. A recipient elsewhere is refused in session, with the reason:
there is no queue yet that could keep the mail.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.delivery.store import StoreDelivery
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.message.address import Address
from mailframe.message.status import Status
from mailframe.policy.login import LoginPolicy
from mailframe.routing.interfaces import IRouter, Route
from mailframe.routing.local import LocalRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.interfaces import IMailStore
from mailframe.tls.interfaces import IServerContexts

from .context import Context
from .health import directory_answers
from .listening import Listener, ListeningRole
from .options import RelayOptions

log = Logger()

NOT_YET = Status(
    (5, 7, 1), "This server does not send mail to other domains yet; ours are fine", reply_code=550
)


@implementer(IRouter)
class SubmissionRouter:
    """Routes local recipients and tells users clearly what of the others.

    Args:
        local: routes what is ours.
        directory: knows what is ours.
    """

    def __init__(self, local: IRouter, directory: IDirectory) -> None:
        self._local = local
        self._directory = directory

    async def route(self, forward_path: Address) -> Route | Status:
        """The way of one recipient (see `IRouter.route`)."""
        if forward_path.domain and not await self._directory.is_local(forward_path.domain):
            return NOT_YET
        return await self._local.route(forward_path)


class RelayRole(ListeningRole):
    """Takes mail from users who logged in.

    Args:
        listeners: where.
        store: where mail goes.
        directory: who has a mailbox.
        authenticator: checks passwords.
        clock: the reactor.
        settings: of SMTP; logins are asked for whatever it says.
        policies: asked in this order, after the login.
        filters: change mail in this order.
        tls: certificates; without them nobody can log in, but for clients on this machine where the settings say so.
        own_address_only: users may send from their own address only.
        delimiter: between user and subaddress, "" for none.
        subaddress_mailboxes: deliver ``user+tag`` into the mailbox ``tag``.
        postmaster: gets mail for the bare ``Postmaster``.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        store: IMailStore,
        directory: IDirectory,
        authenticator: IAuthenticator,
        clock: IReactorTime,
        settings: SMTPSettings | None = None,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        tls: IServerContexts | None = None,
        own_address_only: bool = False,
        delimiter: str = "+",
        subaddress_mailboxes: bool = False,
        postmaster: Address | None = None,
    ) -> None:
        super().__init__("relay", clock, [directory, authenticator, store], tls)
        settings = attrs.evolve(
            settings or SMTPSettings(), protocol="smtp", require_auth=True, require_tls_for_auth=True
        )
        if tls is None and not settings.clear_auth_from_loopback:
            log.warn("relay has no certificates: nobody can log in, so nobody can send")
        local = LocalRouter(directory, delimiter, postmaster, settings.hostname, subaddress_mailboxes)
        reception = Reception(
            SubmissionRouter(local, directory),
            StoreDelivery(store),
            [LoginPolicy(own_address_only), *policies],
            filters,
            authenticator,
        )
        self.open_smtp_doors(listeners, reception, settings)
        self._health.add("directory", directory_answers(directory, clock))


def build(options: RelayOptions, context: Context) -> RelayRole:
    """The role as it is configured."""
    role = RelayRole(
        listeners=context.listeners(options.listen),
        store=context.store,
        directory=context.directory,
        authenticator=context.authenticator,
        clock=context.reactor,
        settings=context.smtp_settings(options),
        policies=context.policies(options.policies),
        filters=context.filters(options.filters),
        tls=context.tls,
        own_address_only=options.own_address_only,
        delimiter=options.delimiter,
        subaddress_mailboxes=options.subaddress_mailboxes,
        postmaster=context.postmaster(options.postmaster),
    )
    context.add_health_checks(role)
    return role
