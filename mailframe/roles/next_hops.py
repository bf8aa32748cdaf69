"""Builds the deliveries that hand mail to other hosts, or to programs, from their options."""

from __future__ import annotations

from typing import Literal

import attrs

from mailframe.delivery.discard import DiscardDelivery
from mailframe.delivery.hosts import Hosts
from mailframe.delivery.lmtp import LMTPDelivery
from mailframe.delivery.options import (
    DiscardOptions,
    LMTPOptions,
    NextHopOptions,
    PipeOptions,
    SmarthostOptions,
    StoresDeliveryOptions,
    parse_host,
)
from mailframe.delivery.pipe import PipeDelivery
from mailframe.delivery.smarthost import SmarthostDelivery
from mailframe.delivery.stores import StoresDelivery
from mailframe.location.values import Host, Store, Transport
from mailframe.message.idn import to_ascii
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.client.connecting import Connector, Target
from mailframe.smtp.client.pool import Pool
from mailframe.smtp.client.settings import ClientSettings
from mailframe.tls.client import ClientContexts
from mailframe.tls.policies import NO_TLS, ClientPolicy, Level

from .context import Context

USUAL_PORTS = {("smtp", False): 25, ("smtp", True): 465, ("lmtp", False): 24, ("lmtp", True): 24}
"""By protocol and implicit TLS; with a login, submission's 587 instead of 25."""


def build_smarthost(options: SmarthostOptions, context: Context) -> SmarthostDelivery:
    """Hands all mail to the next hop."""
    return SmarthostDelivery(hosts(options, context, "smtp"))


def build_lmtp(options: LMTPOptions, context: Context) -> LMTPDelivery:
    """Hands mail for mailboxes to the node that has them."""
    return LMTPDelivery(hosts(options, context, "lmtp"))


def build_stores(options: StoresDeliveryOptions, context: Context) -> StoresDelivery:
    """Hands mail for mailboxes to the stores that have them."""
    # The proxy's room, for the stores of the configuration.
    from .proxy import locations_of

    values = {field.name: getattr(options, field.name) for field in attrs.fields(ClientSettings)}
    values.update(hostname=to_ascii(context.hostname))

    def way(store: Store) -> LMTPDelivery:
        contexts = ClientContexts(store.authorities, None, context.configuration.tls.minimum)
        connector = Connector(context.reactor, ClientSettings(**values), contexts)
        targets = [_lmtp_target(store, host, options.source) for host in store.hosts]
        return LMTPDelivery(Hosts(Pool(connector), targets, context.reactor.seconds, options.down_time))

    return StoresDelivery(context.directory, locations_of(context), way, context.reactor.seconds)


def _lmtp_target(store: Store, host: Host, source: str | None) -> Target:
    policy = NO_TLS
    if store.transport is not Transport.NONE:
        level = Level.VERIFY if store.verify else Level.ENCRYPT
        policy = ClientPolicy(level, (host.name,) if store.verify else ())
    return Target(
        host.name,
        host.ports["lmtp"],
        protocol="lmtp",
        policy=policy,
        implicit_tls=store.transport is Transport.TLS,
        source=source,
    )


def build_pipe(options: PipeOptions, context: Context) -> PipeDelivery:
    """Hands mail to a program."""
    return PipeDelivery(context.reactor, options)


def build_discard(options: DiscardOptions, context: Context) -> DiscardDelivery:
    """Throws mail away."""
    return DiscardDelivery()


def hosts(options: NextHopOptions, context: Context, protocol: Literal["smtp", "lmtp"]) -> Hosts:
    """The hosts that options name, with a pool of their own."""
    values = {field.name: getattr(options, field.name) for field in attrs.fields(ClientSettings)}
    values.update(hostname=to_ascii(context.hostname))
    contexts = ClientContexts(options.authorities, options.certificate, context.configuration.tls.minimum)
    connector = Connector(context.reactor, ClientSettings(**values), contexts)
    targets = [target(text, options, protocol) for text in options.hosts]
    return Hosts(Pool(connector), targets, context.reactor.seconds, options.down_time)


def target(text: str, options: NextHopOptions, protocol: Literal["smtp", "lmtp"]) -> Target:
    """One of the hosts."""
    host = parse_host(text)
    credentials = None
    if options.user is not None:
        credentials = ClientCredentials(
            options.user,
            options.password,
            certificate=options.certificate is not None,
            host=host.name,
            port=host.port,
            iterations_limit=options.scram_iterations_limit,
        )
    if host.path is not None:
        return Target(host.path, path=host.path, protocol=protocol, policy=NO_TLS, credentials=credentials)
    usual = USUAL_PORTS[protocol, host.implicit_tls]
    if usual == 25 and credentials is not None:
        usual = 587
    level = Level(options.tls)
    names = (tuple(options.names) or (host.name,)) if level.authenticated else ()
    return Target(
        host.name,
        host.port or usual,
        protocol=protocol,
        policy=ClientPolicy(level, names),
        implicit_tls=host.implicit_tls,
        credentials=credentials,
        source=options.source,
    )
