"""What may be said in the configuration, but for what plugins add; and what it all means when it is read.

The classes named ``...Options`` are sections of the file. `Configuration` is what comes out: defaults filled in,
paths absolute, plugins found and their options checked.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mailframe.api.options import APIOptions
from mailframe.delivery.protection.options import ProtectionOptions, TLSPolicyOptions
from mailframe.delivery.shaping_options import ShapingOptions
from mailframe.directory.master_options import MasterOptions
from mailframe.dns.options import DNSOptions
from mailframe.link.options import LinkOptions
from mailframe.location.options import StoreHostOptions
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.settings import QueueOptions
from mailframe.routing.catch_all.options import CatchAllOptions
from mailframe.routing.options import RoutingOptions
from mailframe.store.ingest.options import IngestOptions
from mailframe.store.quota_options import QuotaOptions
from mailframe.store.retention_options import RetentionOptions
from mailframe.store.sharing.options import SharingOptions
from mailframe.tls.options import TLSOptions
from mailframe.tlsrpt.options import TLSReportOptions

from .types import (
    AuthenticatorName,
    DirectoryName,
    Duration,
    FilePath,
    ListenAddress,
    Network,
    RoleName,
    Size,
    SpoolName,
    StoreName,
    option,
)


def _cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@attrs.frozen
class NodeOptions:
    """``[node]``: this machine's part in the service."""

    hostname: str = option(
        "The name this node has for others: in greetings, in trace fields, in message ids.",
        factory=socket.getfqdn,
        shown="the machine's full name",
    )
    data: FilePath = option(
        "The directory for all that is kept: databases, mail, the control socket.", FilePath("data")
    )
    roles: list[RoleName] = option(
        "What this node does.", factory=lambda: [RoleName("mx"), RoleName("relay"), RoleName("store")]
    )
    workers: int = option(
        "How many processes serve connections.",
        factory=_cores,
        shown="the number of processor cores",
        minimum=1,
        maximum=1024,
    )
    status: ListenAddress | None = option(
        'Where the status page, ``/metrics`` and ``/healthz`` answer by HTTP; ``""`` for nowhere.',
        ListenAddress("tcp:2580:interface=127.0.0.1"),
    )
    control: FilePath = option(
        "The socket by which `mailframe status` and `mailframe reload` reach the running node.",
        attrs.Factory(lambda self: FilePath(os.path.join(self.data, "control")), takes_self=True),
        shown="``control`` in the data directory",
    )
    drain_time: Duration = option(
        "How long sessions of an old configuration may go on after a reload.",
        Duration(600.0),
        minimum=0,
    )
    connections: int = option(
        "How many connections one worker holds at a time, all listeners together. Each takes a file descriptor: "
        "where the system allows a process fewer, the worker says so at its start and takes fewer.",
        10000,
        minimum=1,
    )


@attrs.frozen
class LogOptions:
    """``[log]``: what is written down, and how."""

    format: str = option(
        "``readable`` lines for people or ``json``, one object a line, for programs.",
        "readable",
        choices=("readable", "json"),
    )
    level: str = option(
        "The least important level that is written.",
        "info",
        choices=("debug", "info", "warn", "error", "critical"),
    )
    file: FilePath | None = option(
        "The file to write to; without it, what twistd says (standard output under ``-n``).", None
    )


@attrs.frozen
class HAProxyOptions:
    """``[haproxy]``: the balancers in front of listeners that begin with ``haproxy:`` (PROXY protocol)."""

    networks: list[Network] = option(
        "Who may send PROXY headers: addresses or networks of the balancers. Connections from elsewhere are dropped. "
        "A UNIX socket is guarded by its mode instead.",
        factory=list,
    )
    timeout: Duration = option(
        "How long a balancer has for its header.", Duration(10.0), minimum=0.1, maximum=300
    )
    header_limit: Size = option(
        "Octets a header of version 2 may have, all its extensions included; those of version 1 have 107 at most.",
        Size(16 * 1024),
        minimum=232,
        maximum=64 * 1024,
    )
    tls: str = option(
        "What TLS is worth that ended at a balancer, by the word of its header (version 2, extension SSL): "
        "``reported``, it is written down and the connection counts as one in clear; ``trusted``, it counts as TLS "
        "for logins, and STARTTLS is not offered. Trust it only where nobody can listen between the balancers and "
        "this node.",
        "reported",
        choices=("reported", "trusted"),
    )


@attrs.frozen
class DirectoryOptions:
    """``[directory]``: who has an account here; its own options are in ``[directory.BACKEND]``.

    A plugin may be there under several names, ``[directory.staff]`` with ``plugin = "sqlite"``, for others to name.
    """

    backend: DirectoryName = option(
        "The plugin to use, or the name of a section that says which.", DirectoryName("sqlite")
    )


@attrs.frozen
class StoreOptions:
    """``[store]``: where mail is kept; its own options are in ``[store.BACKEND]``."""

    backend: StoreName = option("The plugin to use.", StoreName("maildir"))


@attrs.frozen
class AuthenticatorOptions:
    """``[authenticator]``: what decides on passwords; its own options are in ``[authenticator.BACKEND]``."""

    backend: AuthenticatorName = option("The plugin to use.", AuthenticatorName("password"))


@attrs.frozen
class SpoolOptions:
    """``[spool]``: where the queue keeps its mail; its own options are in ``[spool.BACKEND]``."""

    backend: SpoolName = option("The plugin to use.", SpoolName("sqlite"))


SECTIONS: dict[str, type[Any]] = {
    "node": NodeOptions,
    "log": LogOptions,
    "tls": TLSOptions,
    "haproxy": HAProxyOptions,
    "dns": DNSOptions,
    "queue": QueueOptions,
    "routing": RoutingOptions,
    "notices": NoticeSettings,
    "protection": ProtectionOptions,
    "catch_all": CatchAllOptions,
    "quota": QuotaOptions,
    "retention": RetentionOptions,
}
"""Sections that are always the same."""
BACKENDS: dict[str, type[Any]] = {
    "directory": DirectoryOptions,
    "store": StoreOptions,
    "authenticator": AuthenticatorOptions,
    "spool": SpoolOptions,
}
"""Sections that choose one plugin; their subsections are the plugins' own."""
OPTIONAL: dict[str, type[Any]] = {
    "tlsrpt": TLSReportOptions,
    "ingest": IngestOptions,
    "sharing": SharingOptions,
    "link": LinkOptions,
    "api": APIOptions,
}
"""Sections without which something is not done at all."""
LISTS: dict[str, type[Any]] = {
    "masters": MasterOptions,
    "shaping": ShapingOptions,
    "stores": StoreHostOptions,
    "tls_policy": TLSPolicyOptions,
}
"""Sections that may be there any number of times, ``[[shaping]]``: lists of rules, in the order of the file."""
FAMILIES = ("role", "policy", "filter", "delivery")
"""Sections that have nothing but a subsection for each plugin."""
SEVERAL = ("policy", "filter", "delivery", "directory")
"""Kinds of which a plugin may be there under several names: ``[delivery.slow]`` with ``plugin = "smarthost"``."""


@attrs.frozen
class Choice:
    """One plugin with its options, ready to be built.

    Attributes:
        factory: the plugin, one of the interfaces in `mailframe.registry`.
        options: an instance of ``factory.schema()``.
        instance: its name in the configuration, where that is not the plugin's own.
    """

    factory: Any
    options: Any
    instance: str = ""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self.instance or str(self.factory.name)

    @property
    def plugin(self) -> str:
        """The plugin's own name."""
        return str(self.factory.name)

    def build(self, context: Any) -> Any:
        """What the plugin makes of its options in this `mailframe.roles.context.Context`."""
        return self.factory.build(self.options, context)


@attrs.frozen
class Configuration:
    """A whole configuration, checked and complete.

    Attributes:
        path: absolute path of the file it was read from.
        node: this machine's part.
        log: how the log is written.
        tls: certificates.
        haproxy: balancers in front.
        dns: whom to ask about names.
        queue: when mail is tried again, and how much at a time.
        routing: which way mail takes out of the queue.
        notices: how senders are told what became of their mail.
        protection: how other people's hosts are known to be the right ones.
        catch_all: how much catch-alls take.
        quota: how much mail there may be.
        retention: how long it is kept.
        tlsrpt: reports on TLS; None for none.
        ingest: copies of accepted mail; None for none.
        sharing: how accounts share mailboxes; None where they do not.
        link: how our own nodes talk with each other; None where they do not.
        api: where programs administer the directory by HTTP; None for nowhere.
        masters: who may log in for users.
        shaping: how fast and from where mail goes to some hosts.
        stores: the stores of the farm.
        tls_policy: what TLS has to give with some domains.
        directory: the chosen directory.
        store: the chosen store.
        authenticator: the chosen authenticator.
        spool: where the queue keeps its mail; only a node with a queue builds it.
        roles: the roles of ``node.roles`` in that order, by name.
        policies: every policy that a role names or that has a section, by name.
        filters: the same of filters.
        deliveries: the same of deliveries.
        directories: the same of directories, the chosen one among them.
    """

    path: str
    node: NodeOptions
    log: LogOptions
    tls: TLSOptions
    haproxy: HAProxyOptions
    dns: DNSOptions
    queue: QueueOptions
    routing: RoutingOptions
    notices: NoticeSettings
    protection: ProtectionOptions
    catch_all: CatchAllOptions
    quota: QuotaOptions
    retention: RetentionOptions
    tlsrpt: TLSReportOptions | None
    ingest: IngestOptions | None
    sharing: SharingOptions | None
    link: LinkOptions | None
    api: APIOptions | None
    masters: Sequence[MasterOptions]
    shaping: Sequence[ShapingOptions]
    stores: Sequence[StoreHostOptions]
    tls_policy: Sequence[TLSPolicyOptions]
    directory: Choice
    store: Choice
    authenticator: Choice
    spool: Choice
    roles: Mapping[str, Choice]
    policies: Mapping[str, Choice]
    filters: Mapping[str, Choice]
    deliveries: Mapping[str, Choice]
    directories: Mapping[str, Choice]
