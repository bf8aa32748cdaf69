"""What the roles of one worker share: built once, at first use, from the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import attrs
from twisted.internet.interfaces import IStreamServerEndpoint

from mailframe.config.listen import format_listener, parse_listener
from mailframe.config.schema import Configuration
from mailframe.config.types import FilePath
from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.alias_domains import AliasDomains
from mailframe.directory.cache import CacheDirectory
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import IAuthenticator, IDirectory
from mailframe.directory.standby import Standby
from mailframe.dns.interfaces import IResolver
from mailframe.filters.interfaces import IFilter
from mailframe.limits.interfaces import ITallies
from mailframe.limits.memory import MemoryTallies
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.networks import Networks
from mailframe.monitor.health import Check
from mailframe.queue.interfaces import ISpool
from mailframe.queue.spool.options import MemorySpoolOptions
from mailframe.routing.catch_all.guard import CatchAllGuard
from mailframe.routing.catch_all.kept import FILE, CaughtAddresses
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.ingest.log import IngestLog
from mailframe.store.interfaces import IHints, IMailStore
from mailframe.store.maildrop.store import MaildropStore
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.sharing.store import SharingStore
from mailframe.tls.interfaces import IServerContexts, ITLSPolicySource, ITLSReports
from mailframe.tls.server import Contexts

from .health import disk_writable
from .here import HereStore
from .interfaces import IRole, Question
from .listening import Front, Listener, ListeningRole
from .masters import with_masters
from .quotas import DirectoryLimits, quota_warning
from .retaining import Rounds
from .sharing import shared_store
from .warden import Warden

if TYPE_CHECKING:
    # Its builders are imported where they are used: a node without a queue need not load them.
    from mailframe.queue.queue import Queue

SPILL = "incoming"
"""Directory for mail that is being received, in the data directory: on the disk that it goes to anyway."""


class Context:
    """Builds what plugins ask for, each thing once.

    Args:
        configuration: a checked one.
        reactor: of this process.
        hints: carries hints between sessions, and workers.
        endpoint: opens, or has, the socket of an address.
        number: the worker's in its generation; chores that one worker is enough for go by it.
        tallies: count for limits, over all workers of the node; of this process alone by default.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        hints: IHints,
        endpoint: Callable[[str], IStreamServerEndpoint],
        number: int = 0,
        tallies: ITallies | None = None,
    ) -> None:
        self.configuration = configuration
        self.reactor = reactor
        self.hints = hints
        self.number = number
        self.tallies: ITallies = tallies if tallies is not None else MemoryTallies(reactor)
        self._endpoint = endpoint
        self._named: dict[tuple[str, str], Any] = {}
        self.resources: list[Any] = []
        """What was built and has to be stopped at the end, in the order it was built."""
        self.caches: list[CacheDirectory] = []
        """Directories that remember answers, for those who want them forgotten."""
        self.checks: dict[str, Check] = {"data": disk_writable(reactor, self.data)}
        """What every role asks when it is asked how it is, besides its own; builders of stores add theirs."""
        self.questions: dict[str, Question] = {}
        """What the running node can be asked of what roles share, by name."""
        self.warnings: dict[str, Check] = {}
        """The same of what delays mail on its way out; for that nobody need be sent to another node."""

    # What roles share.

    @property
    def hostname(self) -> str:
        """This node's name for others."""
        return self.configuration.node.hostname

    @property
    def data(self) -> str:
        """The directory of all that is kept."""
        return self.configuration.node.data

    @cached_property
    def spill_directory(self) -> FilePath:
        """Where mail that is being received lies; made when it is missing."""
        path = os.path.join(self.data, SPILL)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return FilePath(path)

    @cached_property
    def directory(self) -> IDirectory:
        """Who has an account; alias domains are resolved."""
        source = self._directory(self.configuration.directory.name, lambda built: built)
        return cast(IDirectory, self.keep(AliasDomains(source)))

    def directory_named(self, name: str) -> IDirectory:
        """A directory that another one stands on; it need not be there when the node starts."""
        return self._directory(name, lambda built: self.keep(Standby(built, self.reactor)))

    @cached_property
    def catch_all(self) -> CatchAllGuard:
        """What stands before catch-alls."""
        kept = CaughtAddresses(os.path.join(self.data, FILE), self.reactor)
        guard = CatchAllGuard(kept, self.reactor, self.configuration.catch_all, self.tallies)
        return cast(CatchAllGuard, self.keep(guard))

    @cached_property
    def authenticator(self) -> IAuthenticator:
        """What decides on passwords."""
        users = self.keep(self.configuration.authenticator.build(self))
        return with_masters(users, self.directory, self.configuration.masters, self.reactor)

    @cached_property
    def store(self) -> IMailStore:
        """Where mail is."""
        store = self.keep(self.configuration.store.build(self))
        options = self.configuration.retention
        if self.number == 0 and options.rules and isinstance(store, MaildropStore):
            self.keep(Rounds(store, options, self.hostname, self.reactor))
        return cast(IMailStore, store)

    @cached_property
    def shared_store(self) -> SharingStore | None:
        """The store for sessions that see mailboxes of others; None where nobody shares any."""
        options = self.configuration.sharing
        return None if options is None else shared_store(self.store, options, self)

    @cached_property
    def store_policies(self) -> Policies:
        """What is done to all mail of the store."""
        ingest, quota = self.configuration.ingest, self.configuration.quota
        return Policies(
            ingest=None if ingest is None else IngestLog(ingest),
            quota=quota.rules,
            retention=self.configuration.retention.rules,
            limits=DirectoryLimits(self.directory, self.reactor, quota.messages),
            warning=quota_warning(quota, self.hostname, self.reactor) if quota.warnings else None,
        )

    @cached_property
    def here(self) -> HereStore:
        """The store as deliveries may use it: asks the directory whether the mailbox is here, and free."""
        role = self.configuration.roles.get("store")
        name = role.options.name if role is not None else ""
        return HereStore(self.store, self.directory, name, self.reactor.seconds)

    @cached_property
    def tls(self) -> IServerContexts | None:
        """The certificates, read now and watched from the start on; None where there are none.

        Raises:
            CertificateError: a certificate cannot be used.
        """
        options = self.configuration.tls
        if not options.configured:
            return None
        contexts = Contexts(options=options, hostname=self.hostname)
        self.keep(_Watch(contexts, self.reactor, options.watch))
        return cast(IServerContexts, contexts)

    @cached_property
    def dns(self) -> IResolver:
        """What is asked about names."""
        from .resolving import build_resolver

        return build_resolver(self)

    @cached_property
    def tls_policies(self) -> ITLSPolicySource:
        """What TLS has to give with other people's hosts."""
        from .trust import build_tls_policies

        return build_tls_policies(self)

    @cached_property
    def tls_reports(self) -> ITLSReports | None:
        """What is told how TLS went; None where nobody wants reports."""
        if self.configuration.tlsrpt is None:
            return None
        from .tls_reports import build_tls_reports

        return build_tls_reports(self)

    @cached_property
    def spool(self) -> ISpool:
        """Where the queue keeps its mail; the queue starts and stops it."""
        return cast(ISpool, self.configuration.spool.build(self))

    @cached_property
    def queue(self) -> Queue:
        """The queue of this worker."""
        from .outbound import build_queue

        queue: Queue = self.keep(build_queue(self))
        self.warnings["queue"] = queue.health
        return queue

    @property
    def front(self) -> Front:
        """Who may speak for clients at listeners behind balancers."""
        options = self.configuration.haproxy
        return Front(
            Networks(options.networks), options.timeout, options.header_limit, options.tls == "trusted"
        )

    def policies(self, names: Sequence[str]) -> Sequence[Any]:
        """Policies by name, in order."""
        return [self._by_name("policies", name) for name in names]

    def filters(self, names: Sequence[str]) -> Sequence[IFilter]:
        """Filters by name, in order."""
        return [self._by_name("filters", name) for name in names]

    def delivery(self, name: str) -> IDelivery:
        """A way out by name; closed at the end."""
        new = ("deliveries", name) not in self._named
        delivery = self._by_name("deliveries", name)
        return cast(IDelivery, self.keep(delivery) if new else delivery)

    # What roles need to be told.

    def listeners(self, addresses: Sequence[str]) -> Sequence[Listener]:
        """Where to listen, with sockets that are open already."""
        parsed = [parse_listener(address) for address in addresses]
        return [
            Listener(
                self._endpoint(format_listener(one)),
                one.implicit_tls,
                format_listener(one),
                self.front if one.fronted else None,
            )
            for one in parsed
        ]

    def smtp_settings(self, options: SMTPSettings) -> SMTPSettings:
        """The settings of SMTP or LMTP that a role's options imply."""
        values = {field.name: getattr(options, field.name) for field in attrs.fields(SMTPSettings)}
        values.update(hostname=self.hostname, spill_directory=self.spill_directory)
        return SMTPSettings(**values)

    def postmaster(self, text: str | None) -> Address | None:
        """An address from the configuration.

        Raises:
            ValueError: it is none.
        """
        return parse_mailbox(text) if text else None

    def add_health_checks(self, role: ListeningRole) -> None:
        """What every role of this node depends on."""
        for name, check in self.checks.items():
            role.add_health_check(name, check)
        for name, check in self.warnings.items():
            role.add_health_check(name, check, fatal=False)

    def warden(self, roles: Iterable[IRole]) -> Warden | None:
        """Who ends sessions of accounts that are shut; nobody, where the directory does not tell what is new."""
        # A node that asks no directory need not open one for this.
        directory = vars(self).get("directory")
        feeds = [directory] if IDirectoryFeed.providedBy(directory) else getattr(directory, "feeds", ())
        return Warden(directory, feeds, roles, self.reactor) if directory is not None and feeds else None

    def drain(self) -> None:
        """Leave to the next generation what is not tied to sessions of this one."""
        # What a spool in memory has nobody else can take over.
        if "queue" in vars(self) and not isinstance(self.configuration.spool.options, MemorySpoolOptions):
            self.queue.drain()

    def keep(self, built: Any) -> Any:
        """Start something with the roles, and stop it after them; what it uses was kept before it."""
        self.resources.append(built)
        return built

    def _directory(self, name: str, keep: Callable[[Any], Any]) -> IDirectory:
        new = ("directories", name) not in self._named
        found = self._by_name("directories", name)
        if new:
            keep(found)
        return cast(IDirectory, found)

    def _by_name(self, family: str, name: str) -> Any:
        key = (family, name)
        if key not in self._named:
            self._named[key] = getattr(self.configuration, family)[name].build(self)
        return self._named[key]


class _Watch:
    """Looks for new certificates while the roles run."""

    def __init__(self, contexts: Contexts, reactor: Any, seconds: float) -> None:
        self._contexts = contexts
        self._reactor = reactor
        self._seconds = seconds
        self._end: Callable[[], None] | None = None

    async def start(self) -> None:
        if self._end is None:
            self._end = self._contexts.watch(self._reactor, self._seconds)

    async def stop(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None
