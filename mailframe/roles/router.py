"""The router: outbound mail of our own hosts, by SMTP, through the queue of this node.

It takes mail from listed networks, from owners of listed certificates, and where that is wanted from logins; a
stranger is turned away before he has said a word. What it is given it keeps and sends on; of the content it changes
nothing but to put a trace field in front.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.limits.interfaces import ITallies
from mailframe.policy.own_hosts import OwnHosts
from mailframe.queue.direct import ExpandingDelivery
from mailframe.queue.interfaces import IHolding
from mailframe.registry import PluginUnavailable
from mailframe.routing.expansion import Expansion
from mailframe.routing.interfaces import ICatchAllGuard, IRouter
from mailframe.routing.local import LocalRouter
from mailframe.routing.onward import OnwardRouter
from mailframe.routing.outward import OutwardRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.tls.interfaces import IServerContexts

from . import outbound
from .context import Context
from .health import directory_answers
from .listening import Listener, ListeningRole
from .mechanisms import require_mechanisms
from .options import LOOPBACK, RouterOptions


class RouterRole(ListeningRole):
    """Takes mail from our own hosts, and sends it on.

    Args:
        listeners: where.
        delivery: takes all mail, such as a `mailframe.queue.queue.QueueDelivery`.
        clock: the reactor.
        networks: of our hosts.
        certificates: names in client certificates, or their fingerprints, whose owners may send from anywhere.
        authenticator: checks logins, whoever has one may send; None: nobody can log in.
        directory: which domains are ours and who is in them, to refuse unknown recipients at once; None: the queue
            finds out.
        expansion: knows aliases that lead out of the house; without it they wait.
        settings: of SMTP, with ``future_release``, ``deliver_by`` and ``xverp`` as the queue can keep them.
        policies: asked in this order, after that who it is.
        filters: change mail in this order; one of them should add the trace field.
        tls: certificates.
        holding: keeps mail that a policy wants to hold.
        tallies: count for limits; of this process alone by default.
        collaborators: what else has to be started before it listens, such as the queue.
        delimiter: between user and subaddress, "" for none; goes with ``directory``.
        guard: knows what catch-alls do not take, likewise; None for nothing.

    Raises:
        ValueError: nobody could send, or everybody.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        delivery: IDelivery,
        clock: IReactorTime,
        networks: Sequence[str] = LOOPBACK,
        certificates: Sequence[str] = (),
        authenticator: IAuthenticator | None = None,
        directory: IDirectory | None = None,
        expansion: Expansion | None = None,
        settings: SMTPSettings | None = None,
        policies: Sequence[object] = (),
        filters: Sequence[IFilter] = (),
        tls: IServerContexts | None = None,
        holding: IHolding | None = None,
        tallies: ITallies | None = None,
        collaborators: Sequence[object] = (),
        delimiter: str = "+",
        guard: ICatchAllGuard | None = None,
    ) -> None:
        used = [one for one in (directory, authenticator, delivery) if one is not None]
        super().__init__("router", clock, [*used, *collaborators], tls, tallies)
        settings = attrs.evolve(
            settings or SMTPSettings(), protocol="smtp", require_auth=False, require_tls_for_auth=True
        )
        reception = Reception(
            _router(directory, expansion, settings.hostname, delimiter, guard),
            delivery if expansion is None else ExpandingDelivery(delivery, expansion),
            [OwnHosts(networks, certificates, authenticator is not None), *policies],
            filters,
            authenticator,
            accounts=directory,
            holding=holding,
        )
        self.open_smtp_doors(listeners, reception, settings)
        if directory is not None:
            self._health.add("directory", directory_answers(directory, clock))


def _router(
    directory: IDirectory | None,
    expansion: Expansion | None,
    hostname: str,
    delimiter: str,
    guard: ICatchAllGuard | None,
) -> IRouter:
    """Our own recipients are verified where the directory is at hand; all else is the queue's business."""
    if directory is None:
        return OnwardRouter()
    local = LocalRouter(directory, delimiter, None, hostname, guard=guard)
    return OutwardRouter(local, directory, expansion)


def build(options: RouterOptions, context: Context) -> RouterRole:
    """The role as it is configured.

    Raises:
        PluginUnavailable: it relies on something that the rest of the configuration does not have.
    """
    if options.logins:
        require_mechanisms(context.authenticator, options.mechanisms, "role.router")
    if options.certificates and context.configuration.tls.client_certificates == "none":
        raise PluginUnavailable(
            "[role.router] certificates: no client is asked for one: say client_certificates in [tls]"
        )
    routing = context.configuration.routing
    verifies = options.verify and routing.local is not None
    queue = context.queue
    role = RouterRole(
        listeners=context.listeners(options.listen),
        delivery=outbound.queue_delivery(context),
        clock=context.reactor,
        networks=options.networks,
        certificates=options.certificates,
        authenticator=context.authenticator if options.logins else None,
        directory=context.directory if verifies else None,
        expansion=outbound.expansion(context),
        settings=context.smtp_settings(options),
        # Before the others: what there is no room for needs no further question.
        policies=[queue.admission, *context.policies(options.policies)],
        filters=context.filters(options.filters),
        tls=context.tls,
        holding=queue,
        tallies=context.tallies,
        collaborators=[queue],
        delimiter=routing.delimiter,
        guard=context.catch_all if verifies else None,
    )
    context.add_health_checks(role)
    return role
