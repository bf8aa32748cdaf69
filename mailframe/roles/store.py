"""Mailboxes: LMTP in, IMAP and POP3 out.

It takes mail for its own mailboxes only, from listed networks only, and sends nothing anywhere; but where it has a
router for them, notices that mail has arrived, to senders who asked for them, and copies for accounts that forward
their mail.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

from mailframe.delivery.forwarding import ForwardingDelivery
from mailframe.delivery.interfaces import IDelivery
from mailframe.delivery.store import StoreDelivery
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.filters.interfaces import IFilter
from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.settings import IMAPSettings
from mailframe.limits.interfaces import ITallies
from mailframe.policy.networks import ListedNetworks
from mailframe.pop3.server import POP3ServerFactory
from mailframe.pop3.settings import POP3Settings
from mailframe.queue.notices import Notices
from mailframe.queue.notifying import NotifyingDelivery
from mailframe.routing.interfaces import ICatchAllGuard
from mailframe.routing.local import LocalRouter
from mailframe.routing.room import Room, RoomRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.interfaces import IMailStore
from mailframe.store.retention import RetentionRules
from mailframe.store.sharing.store import SharingStore
from mailframe.store.values import INBOX
from mailframe.tls.interfaces import IServerContexts

from . import outbound
from .context import Context
from .health import directory_answers
from .here import HereStore
from .linking import Link, build_link
from .listening import Listener, ListeningRole
from .mechanisms import require_mechanisms
from .options import LOOPBACK, StoreOptions


class StoreRole(ListeningRole):
    """Keeps mailboxes and lets people read them.

    Args:
        store: the mailboxes.
        directory: who has one.
        authenticator: checks passwords.
        clock: the reactor.
        lmtp: where LMTP listens.
        imap: where IMAP listens.
        pop3: where POP3 listens.
        lmtp_networks: who may deliver by LMTP, as networks.
        lmtp_settings: of LMTP.
        imap_settings: of IMAP.
        pop3_settings: of POP3.
        filters: change mail that comes by LMTP.
        tls: certificates.
        delimiter: between user and subaddress, "" for none.
        subaddress_mailboxes: deliver ``user+tag`` into the mailbox ``tag``.
        tallies: count for limits; of this process alone by default.
        notices: with ``notices_to``, writes notices of success for mail that comes by LMTP; without, DSN is not
            offered there.
        notices_to: takes these notices, and nothing else.
        forwards_to: takes copies for accounts that forward their mail; without it, that stays here.
        guard: knows what catch-alls do not take; None for nothing.
        sessions: what sessions of IMAP have, where that is more than ``store``: mailboxes of others, too.
        expire: seconds after which mail of INBOX goes by itself, for POP3 to tell; None for never.
        name: what the directory calls this store; "" where it does not say where mail is.
        link: where other nodes of ours may read accounts that move there; None for nowhere.
    """

    def __init__(
        self,
        store: IMailStore,
        directory: IDirectory,
        authenticator: IAuthenticator,
        clock: IReactorTime,
        lmtp: Sequence[Listener] = (),
        imap: Sequence[Listener] = (),
        pop3: Sequence[Listener] = (),
        lmtp_networks: Sequence[str] = LOOPBACK,
        lmtp_settings: SMTPSettings | None = None,
        imap_settings: IMAPSettings | None = None,
        pop3_settings: POP3Settings | None = None,
        filters: Sequence[IFilter] = (),
        tls: IServerContexts | None = None,
        delimiter: str = "+",
        subaddress_mailboxes: bool = False,
        tallies: ITallies | None = None,
        notices: Notices | None = None,
        notices_to: IDelivery | None = None,
        forwards_to: IDelivery | None = None,
        guard: ICatchAllGuard | None = None,
        sessions: SharingStore | None = None,
        expire: float | None = None,
        name: str = "",
        link: Link | None = None,
    ) -> None:
        super().__init__("store", clock, [directory, authenticator, store], tls, tallies)
        settings = attrs.evolve(lmtp_settings or SMTPSettings(), protocol="lmtp", require_auth=False)
        here = HereStore(store, directory, name, clock.seconds)
        delivery: IDelivery = StoreDelivery(here)
        room: Room = here.room
        if forwards_to is not None:
            delivery = forwarding = ForwardingDelivery(delivery, here, directory, forwards_to)
            room = forwarding.room
        if notices is not None and notices_to is not None:
            delivery = NotifyingDelivery(delivery, notices, notices_to, clock.seconds)
        else:
            # No notices of success from here: the exchanger sends them, where DSN is not offered.
            settings = settings.without("DSN")
        local = LocalRouter(directory, delimiter, None, settings.hostname, subaddress_mailboxes, guard=guard)
        reception = Reception(
            RoomRouter(local, room),
            delivery,
            [ListedNetworks(lmtp_networks)],
            filters,
            authenticator=None,
        )
        self.open_smtp_doors(lmtp, reception, settings)
        self.open_doors(
            imap,
            lambda implicit: IMAPServerFactory(
                here if sessions is None else HereStore(sessions, directory, name, clock.seconds),
                authenticator,
                imap_settings or IMAPSettings(),
                clock,
                None if implicit else tls,
                self._tallies,
                None if sessions is None else sessions.namespaces,
            ),
        )
        self.open_doors(
            pop3,
            lambda implicit: POP3ServerFactory(
                here,
                authenticator,
                pop3_settings or POP3Settings(),
                clock,
                None if implicit else tls,
                self._tallies,
                expire,
            ),
        )
        if link is not None:
            self.open_doors(link.listeners, lambda implicit: link.factory(store, clock))
        self._health.add("directory", directory_answers(directory, clock))


def build(options: StoreOptions, context: Context) -> StoreRole:
    """The role as it is configured."""
    require_mechanisms(context.authenticator, options.imap_options.mechanisms, "role.store.imap_options")
    require_mechanisms(context.authenticator, options.pop3_options.mechanisms, "role.store.pop3_options")
    notices_to = context.delivery(options.router) if options.router is not None else None
    role = StoreRole(
        store=context.store,
        directory=context.directory,
        authenticator=context.authenticator,
        clock=context.reactor,
        lmtp=context.listeners(options.lmtp),
        imap=context.listeners(options.imap),
        pop3=context.listeners(options.pop3),
        lmtp_networks=options.lmtp_networks,
        lmtp_settings=context.smtp_settings(options.lmtp_options),
        imap_settings=attrs.evolve(options.imap_options, spill_directory=context.spill_directory),
        pop3_settings=options.pop3_options,
        filters=context.filters(options.filters),
        tls=context.tls,
        delimiter=options.delimiter,
        subaddress_mailboxes=options.subaddress_mailboxes,
        tallies=context.tallies,
        notices=outbound.notices(context) if notices_to is not None else None,
        notices_to=notices_to,
        forwards_to=outbound.forwards_to(context, options.router),
        guard=context.catch_all,
        sessions=context.shared_store,
        expire=_expires(context.configuration.retention.rules),
        name=options.name,
        link=build_link(context, options.link),
    )
    context.add_health_checks(role)
    return role


def _expires(rules: RetentionRules) -> float | None:
    """Seconds after which mail of INBOX may go by itself; None for never."""
    rule = rules.rule_of(INBOX)
    ages = [age for age in (rule.seconds if rule is not None else 0.0, rules.unread) if age]
    return min(ages, default=None)
