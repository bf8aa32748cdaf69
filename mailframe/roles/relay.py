"""Submission: mail from our own users, who log in under TLS or sit in listed networks (RFC 6409, RFC 8314).

Mail goes one of three ways, decided when the role is built. With a next hop (`onward`) everything goes there, to
local users too, and nothing is looked up to accept it. With a queue (`queue`) our own recipients are verified in
session; a message that is for mailboxes of this node only goes into these at once, any other into the queue. Without
either it goes into local mailboxes, and a recipient elsewhere is refused in session, with the reason. So one message
never goes half one way and half the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.config.types import Duration, Size
from mailframe.delivery.forwarding import ForwardingDelivery
from mailframe.delivery.interfaces import IDelivery, INextHop
from mailframe.delivery.options import StoreDeliveryOptions
from mailframe.delivery.store import StoreDelivery
from mailframe.directory.interfaces import IAuthenticator, IDirectory, ISenderRights
from mailframe.directory.names import comparable_name
from mailframe.filters.interfaces import IFilter
from mailframe.limits.interfaces import ITallies
from mailframe.message.address import Address
from mailframe.message.content import CHUNK
from mailframe.queue.aside import HoldingFor
from mailframe.queue.direct import DirectDelivery, ExpandingDelivery
from mailframe.queue.interfaces import IHolding
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import ICatchAllGuard, IRouter
from mailframe.routing.local import LocalRouter
from mailframe.routing.onward import OnwardRouter
from mailframe.routing.outward import OutwardRouter
from mailframe.routing.roles import SubmissionRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.interfaces import IMailStore
from mailframe.tls.interfaces import IServerContexts

from . import outbound
from .context import Context
from .health import directory_answers, next_hop_answers
from .listening import Listener, ListeningRole
from .mechanisms import require_mechanisms
from .options import RelayOptions
from .submission import SubmissionRules

log = Logger()


class RelayRole(ListeningRole):
    """Takes mail from users who logged in, and from listed networks.

    Args:
        listeners: where.
        store: where mail goes; None, where there is a next hop.
        directory: who has a mailbox, and which addresses are whose.
        authenticator: checks passwords.
        clock: the reactor.
        settings: of SMTP; logins are asked for whatever it says.
        policies: asked in this order, after those of submission.
        filters: change mail in this order, after the message was completed.
        tls: certificates; without them nobody can log in, but for clients on this machine where the settings say so.
        rules: who may send as whom, how much, and what is done to the mail.
        onward: hands everything to the next hop.
        queue: instead of that, takes what is not for mailboxes of ``store`` alone; without a store, everything.
        expansion: with ``queue``, knows aliases that lead out of the house.
        holding: keeps mail that is held; without it, what should be held is refused for now.
        tallies: counts what users send; of this process alone by default.
        rights: who may send as whom, where the directory does not tell.
        delimiter: between user and subaddress, "" for none.
        subaddress_mailboxes: deliver ``user+tag`` into the mailbox ``tag``.
        postmaster: gets mail for the bare ``Postmaster``.
        guard: knows what catch-alls do not take; None for nothing.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        store: IMailStore | None,
        directory: IDirectory,
        authenticator: IAuthenticator,
        clock: IReactorTime,
        settings: SMTPSettings | None = None,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        tls: IServerContexts | None = None,
        rules: SubmissionRules | None = None,
        onward: IDelivery | None = None,
        queue: IDelivery | None = None,
        expansion: Expansion | None = None,
        holding: IHolding | None = None,
        tallies: ITallies | None = None,
        rights: ISenderRights | None = None,
        delimiter: str = "+",
        subaddress_mailboxes: bool = False,
        postmaster: Address | None = None,
        guard: ICatchAllGuard | None = None,
    ) -> None:
        rules = rules or SubmissionRules()
        if onward is not None and queue is not None:
            raise ValueError("the relay has either a next hop or a queue")
        settings = _settings(settings or SMTPSettings(), rules)
        if queue is None:
            settings = attrs.evolve(settings, future_release=Duration(0.0), deliver_by=False, xverp=False)
        if onward is None and queue is None:
            # Only a queue, ours or the next hop's, can see to the notice of success that DSN promises (RFC 3461
            # section 5.2.2).
            settings = settings.without("DSN")
        in_front = any(one.front is not None and one.front.trusts_tls for one in listeners)
        if tls is None and not (settings.clear_auth_from_loopback or rules.networks or in_front):
            log.warn("relay has no certificates: nobody can log in, so nobody can send")
        local = LocalRouter(
            directory, delimiter, postmaster, settings.hostname, subaddress_mailboxes, guard=guard
        )
        if queue is not None:
            router, delivery = _by_queue(store, directory, queue, expansion, local)
        else:
            router, delivery = self._way(store, directory, onward, local)
        used = [directory, authenticator, store, onward, holding]
        super().__init__("relay", clock, [one for one in used if one is not None], tls, tallies)
        rights = rights or rules.rights(directory, delimiter)
        reception = Reception(
            router,
            delivery,
            rules.policies(rights, directory, self._tallies, policies),
            rules.filters(rights, settings.hostname, clock, filters),
            authenticator,
            accounts=directory,
            holding=holding,
        )
        self.open_smtp_doors(listeners, reception, settings)
        self._health.add("directory", directory_answers(directory, clock))
        if onward is not None:
            self._watch(onward)

    def _watch(self, onward: object) -> None:
        """Tell when the router is away; no fatal problem, as clients would be told the same by any other node."""
        if INextHop.providedBy(onward):
            self._health.add("router", next_hop_answers(INextHop(onward)), fatal=False)

    @staticmethod
    def _way(
        store: IMailStore | None, directory: IDirectory, onward: IDelivery | None, local: IRouter
    ) -> tuple[IRouter, IDelivery]:
        """Where all mail goes."""
        if onward is not None:
            return OnwardRouter(), onward
        if store is None:
            raise ValueError("the relay needs a store or a next hop")
        return SubmissionRouter(local, directory), StoreDelivery(store)


def _by_queue(
    store: IMailStore | None,
    directory: IDirectory,
    queue: IDelivery,
    expansion: Expansion | None,
    local: IRouter,
) -> tuple[IRouter, IDelivery]:
    """Mailboxes of this node at once, all else by the queue."""
    delivery = queue if expansion is None else ExpandingDelivery(queue, expansion)
    if store is not None:
        into = ForwardingDelivery(StoreDelivery(store), store, directory, delivery)
        delivery = DirectDelivery(into, delivery)
    return OutwardRouter(local, directory, expansion), delivery


def _settings(settings: SMTPSettings, rules: SubmissionRules) -> SMTPSettings:
    """The settings of SMTP, as a submission service must have them."""
    return attrs.evolve(
        settings,
        protocol="smtp",
        # Where clients of some networks need not log in, the login policy tells who must.
        require_auth=not rules.networks,
        require_tls_for_auth=True,
        # Header sections are looked at in memory, whole.
        spill_limit=Size(max(settings.spill_limit, CHUNK)),
    )


def rules_of(options: RelayOptions) -> SubmissionRules:
    """The rules that options mean."""
    limits = options.sending_limits
    return SubmissionRules(
        networks=options.networks,
        network_domains=options.network_domains,
        envelope_from=options.envelope_from,
        header_from=options.header_from,
        aliases=options.sender_aliases,
        missing_from=options.missing_from,
        add_sender=options.add_sender,
        hides_clients=options.hide_clients,
        header_limit=options.header_limit,
        limits=limits.limits(),
        account_limits={comparable_name(name): own.limits() for name, own in limits.accounts.items()},
        over=limits.over,
        held_per_day=limits.held_per_day,
    )


def build(options: RelayOptions, context: Context) -> RelayRole:
    """The role as it is configured."""
    require_mechanisms(context.authenticator, options.mechanisms, "role.relay")
    if outbound.is_queue(context, options.router):
        return _build_with_queue(options, context)
    role = RelayRole(
        store=context.here if options.router is None else None,
        onward=context.delivery(options.router) if options.router is not None else None,
        holding=HoldingFor(context.queue, outbound.RELAY),
        **_common(options, context),
    )
    context.add_health_checks(role)
    return role


def _build_with_queue(options: RelayOptions, context: Context) -> RelayRole:
    """With the queue of this node, which also keeps what is held."""
    # Where mailboxes are elsewhere, mail for them goes there by the queue.
    way = context.configuration.routing.local
    here = way is not None and isinstance(context.configuration.deliveries[way].options, StoreDeliveryOptions)
    common = _common(options, context)
    role = RelayRole(
        store=context.here if here else None,
        queue=outbound.queue_delivery(context),
        expansion=outbound.expansion(context),
        holding=context.queue,
        **{**common, "policies": [context.queue.admission, *common["policies"]]},
    )
    context.add_health_checks(role)
    return role


def _common(options: RelayOptions, context: Context) -> dict[str, Any]:
    """What does not depend on the way that mail goes."""
    return {
        "listeners": context.listeners(options.listen),
        "directory": context.directory,
        "authenticator": context.authenticator,
        "clock": context.reactor,
        "settings": context.smtp_settings(options),
        "policies": context.policies(options.policies),
        "filters": context.filters(options.filters),
        "tls": context.tls,
        "rules": rules_of(options),
        "tallies": context.tallies,
        "delimiter": options.delimiter,
        "subaddress_mailboxes": options.subaddress_mailboxes,
        "postmaster": context.postmaster(options.postmaster),
        "guard": context.catch_all,
    }
