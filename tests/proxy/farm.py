"""Stores and a proxy in front of them, in this process, over real sockets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.trial.unittest import TestCase

from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.masters import Master, MasterLogins
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.imap.settings import IMAPSettings
from mailframe.location.locations import Locations
from mailframe.location.values import Host, Store, Transport
from mailframe.pop3.settings import POP3Settings
from mailframe.proxy.settings import ProxySettings
from mailframe.roles.listening import Front, Listener
from mailframe.roles.proxy import ProxyRole
from mailframe.roles.store import StoreRole
from mailframe.store.memory import MemoryStore
from mailframe.testing.store.fixture import describe
from mailframe.tls.development import make_certificate
from mailframe.tls.options import CertificateFiles, TLSOptions
from mailframe.tls.server import Contexts

reactor: Any = installed
ALICE, BOB = "alice@example.test", "bob@example.test"


class FarmCase(TestCase):
    """Two stores, s1 with alice and s2 with bob, and a proxy.

    Attributes:
        directory: of all nodes.
        mail: the stores' mail, by name.
        ports: of roles, by name: ``s1``, ``proxy``.
        masters: those that stores know.
        tokens: OAuth tokens that all know.
    """

    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]
        """Make the directory and the stores."""
        self.directory = MemoryDirectory(["example.test"], {ALICE: "{PLAIN}geheim", BOB: "{PLAIN}geheim"})
        self.place(ALICE, "s1")
        self.place(BOB, "s2")
        self.files = self.mktemp()
        make_certificate(self.files, ["store.test", "localhost", "127.0.0.1"])
        pair = CertificateFiles(
            os.path.join(self.files, "certificate.pem"), os.path.join(self.files, "key.pem")
        )
        self.certificate = pair.certificate
        self.contexts = Contexts(options=TLSOptions(certificates=[pair]), hostname="store.test")
        self.mail: dict[str, MemoryStore] = {}
        self.roles: list[Any] = []
        self.masters: list[Master] = []
        self.tokens: Any = None
        self.password_options = PasswordOptions(threads=1)
        self.authenticators: list[Any] = []
        self.ports: dict[str, int] = {}
        self.addCleanup(self.end)

    def place(self, account: str, store: str, **more: Any) -> None:
        """The directory says where an account's mail is."""
        from dataclasses import replace

        self.directory.change_account(
            account, lambda found: replace(found, account=replace(found.account, store=store, **more))
        )

    async def start_store(
        self, name: str, protocol: str = "imap", tls: bool = True, front: Front | None = None
    ) -> None:
        """A store that listens for one protocol."""
        store = self.mail.setdefault(name, MemoryStore(describe))
        listener = Listener(self.endpoint(), tls, name, front)
        role = StoreRole(
            store,
            self.directory,
            self.with_masters(self.masters),
            reactor,
            imap=[listener] if protocol == "imap" else (),
            pop3=[listener] if protocol == "pop3" else (),
            imap_settings=IMAPSettings(clear_auth_from_loopback=True),
            pop3_settings=POP3Settings(clear_auth_from_loopback=True),
            tls=cast(Any, self.contexts),
            name=name,
        )
        await self.start(role, name)

    async def start_proxy(
        self,
        protocol: str = "imap",
        tls: bool = False,
        stores: Sequence[Store] = (),
        masters: Sequence[Master] = (),
        **settings: Any,
    ) -> ProxyRole:
        """A proxy in front of the stores that run."""
        stores = stores or [self.store(name, protocol) for name in self.mail]
        settings = {"clear_auth_from_loopback": True, "check_interval": 0.0, **settings}
        role = ProxyRole(
            Locations(stores),
            self.directory,
            self.with_masters(masters),
            reactor,
            {protocol: [Listener(self.endpoint(), tls, "proxy")]},
            ProxySettings(**settings),
            tls=cast(Any, self.contexts),
        )
        await self.start(role, "proxy")
        return role

    def store(self, name: str, protocol: str = "imap", **more: Any) -> Store:
        """What a proxy knows of a store."""
        ports: Mapping[str, int] = {protocol: self.ports[name]}
        known: dict[str, Any] = {"transport": Transport.TLS, "authorities": self.certificate}
        return Store(name, **{"hosts": (Host("127.0.0.1", ports),), **known, **more})

    def authenticator(self) -> PasswordAuthenticator:
        """Checks passwords of the directory."""
        return PasswordAuthenticator(self.directory, reactor, self.password_options, None, self.tokens)

    def with_masters(self, masters: Sequence[Master]) -> Any:
        """Checks logins, those of masters, too."""
        checks = self.authenticator()
        self.authenticators.append(checks)
        if not masters:
            return checks
        return MasterLogins(checks, cast(Any, self.directory), masters, reactor.seconds)

    def endpoint(self) -> TCP4ServerEndpoint:
        """Anywhere on this machine."""
        return TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")

    async def start(self, role: Any, name: str) -> None:
        """Start a role, and know its port."""
        self.roles.append(role)
        role.startService()
        await role.ready()
        self.ports[name] = role._ports[0].getHost().port

    async def end(self) -> None:
        """Stop all."""
        await gatherResults([maybeDeferred(role.stopService) for role in self.roles])
        for role in self.roles:
            for collaborator in role._collaborators:
                if isinstance(collaborator, PasswordAuthenticator):
                    await collaborator.stop()
        for one in self.authenticators:
            await one.stop()
        # The other ends hear of it a moment later.
        moment: Deferred[None] = Deferred()
        reactor.callLater(0.05, moment.callback, None)
        await moment
