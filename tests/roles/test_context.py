"""From a configuration to running roles, in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.listen import parse_listener
from mailframe.config.loading import loads
from mailframe.directory.interfaces import IDirectory, IDirectoryAdmin
from mailframe.node.interfaces import Assembly, IWork
from mailframe.node.plan import PlanError
from mailframe.registry import PluginUnavailable
from mailframe.roles.assembly import Roles, build
from mailframe.roles.backends import directory_admin
from mailframe.roles.context import Context
from mailframe.store.hints import LocalHints
from mailframe.tls.development import make_certificate

from .house import ALICE, PASSWORD, Client, Reactor

TEXT = f"""\
[node]
hostname = "mail.example.test"
data = "data"
workers = 1
status = ""

[tls]
certificates = [{{certificate = "tls/certificate.pem", key = "tls/key.pem"}}]

[directory]
backend = "memory"

[directory.memory]
domains = ["example.test"]
accounts = {{"{ALICE}" = "{PASSWORD}"}}

[store]
backend = "memory"

[spool]
backend = "memory"

[role.mx]
size_limit = "1 MB"
recipients_limit = 100
postmaster = "{ALICE}"

[role.store.imap_options]
banner = "Hello there"
"""


class ContextCase(SynchronousTestCase):
    """A configuration with its files."""

    def setUp(self) -> None:
        """Directories and a certificate."""
        self.base = Path(tempfile.mkdtemp(prefix="mf-roles-"))
        self.addCleanup(shutil.rmtree, self.base)
        (self.base / "data").mkdir()
        make_certificate(str(self.base / "tls"), ["localhost"])
        self.reactor = Reactor()

    def assembly(self, text: str = TEXT, roles: tuple[str, ...] = ()) -> Assembly:
        """What a worker would give."""
        configuration = loads(text.encode(), str(self.base / "mailframe.toml"), roles)
        from mailframe.config.listen import format_listener
        from mailframe.config.listeners import listeners_of

        addresses = [
            format_listener(listener)
            for role in configuration.roles.values()
            for _, listener in listeners_of(role.options)
        ]
        return Assembly(
            path=str(self.base / "mailframe.toml"),
            text=text,
            roles=list(configuration.roles),
            endpoints={
                address: serverFromString(self.reactor, parse_listener(address).endpoint)
                for address in addresses
            },
            hints=LocalHints(),
            reactor=self.reactor,
        )

    def context(self, text: str = TEXT) -> Context:
        """The context of a configuration."""
        configuration = loads(text.encode(), str(self.base / "mailframe.toml"))
        return Context(configuration, self.reactor, LocalHints(), mock.Mock())


class ContextTests(ContextCase):
    """Each thing once."""

    def test_once(self) -> None:
        """What roles share is built once, and remembered for the stop."""
        context = self.context()
        self.assertIs(context.store, context.store)
        self.assertIs(context.directory, context.directory)
        self.assertIs(context.authenticator, context.authenticator)
        self.assertIs(context.tls, context.tls)
        self.assertIs(context.filters(["trace"])[0], context.filters(["trace"])[0])
        self.assertEqual(len(context.resources), 4)
        self.assertTrue((self.base / "data" / "incoming").is_dir() or context.spill_directory)

    def test_spill_directory(self) -> None:
        """Mail being received lies in the data directory, for us only."""
        path = self.context().spill_directory
        self.assertEqual(path, str(self.base / "data" / "incoming"))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)

    def test_no_certificates(self) -> None:
        """Without certificates there is no TLS."""
        text = TEXT.replace('{certificate = "tls/certificate.pem", key = "tls/key.pem"}', "")
        text += "[role.relay]\nlisten = []\n[role.store]\nimap = []\npop3 = []\n"
        text = text.replace('[role.store.imap_options]\nbanner = "Hello there"\n', "")
        self.assertIsNone(self.context(text).tls)

    def test_balancers(self) -> None:
        """What is said of balancers arrives; TLS that ends at them counts only where that is said."""
        text = TEXT + '[haproxy]\nnetworks = ["192.0.2.10"]\ntimeout = "3s"\nheader_limit = 500\n'
        front = self.context(text).front
        self.assertIn("192.0.2.10", front.networks)
        self.assertEqual((front.timeout, front.header_limit, front.trusts_tls), (3.0, 500, False))
        self.assertTrue(self.context(text + 'tls = "trusted"\n').front.trusts_tls)
        self.assertFalse(self.context(text + 'tls = "reported"\n').front.trusts_tls)
        self.assertRaises(ConfigurationErrors, self.context, text + 'tls = "yes"\n')

    def test_memory_is_of_one_process(self) -> None:
        """The store in memory with several workers is refused: each would have its own mail."""
        assembly = self.assembly(TEXT.replace("workers = 1", "workers = 2"))
        with self.assertRaises(PlanError) as raised:
            build(assembly)
        self.assertIn("workers = 1", raised.exception.errors[0])

    def test_wrong_postmaster(self) -> None:
        """A postmaster that is no address is an error of the configuration, with its line."""
        with self.assertRaises(ConfigurationErrors) as raised:
            self.context(TEXT.replace(f'postmaster = "{ALICE}"', 'postmaster = "alice"'))
        self.assertIn("it has no @", str(raised.exception))


class AdminTests(ContextCase):
    """What commands get."""

    def test_sqlite(self) -> None:
        """The directory in a file is kept by commands, without a reactor."""
        text = TEXT.replace(
            'backend = "memory"\n\n[directory.memory]', 'backend = "sqlite"\n\n[directory.memory]'
        )
        admin = directory_admin(loads(text.encode(), str(self.base / "mailframe.toml")))
        verifyObject(IDirectoryAdmin, admin)
        assert admin is not None
        admin.add_domain("example.test")
        self.assertEqual(list(admin.domains()), ["example.test"])
        self.assertTrue((self.base / "data" / "directory.sqlite").exists())

    def test_others(self) -> None:
        """The directory in the configuration is not."""
        self.assertIsNone(directory_admin(loads(TEXT.encode(), str(self.base / "mailframe.toml"))))


class ComposedDirectoryTests(ContextCase):
    """Directories that stand on others."""

    def test_built_once(self) -> None:
        """What two stand on is built once and kept before them; the cache is flushed by name."""
        text = TEXT.replace('backend = "memory"', 'backend = "chain"', 1)
        text += '[directory.chain]\nmembers = ["memory", "cache"]\n[directory.cache]\nsource = "memory"\n'
        context = self.context(text)
        self.assertTrue(IDirectory.providedBy(context.directory))
        self.assertIs(context.directory_named("memory"), context.directory_named("memory"))
        self.assertEqual(3, len(context.resources))
        roles = Roles(context, {})
        asked = Deferred.fromCoroutine(roles.ask("directory-flush", {"name": ALICE}))
        self.assertEqual({"forgotten": 0}, self.successResultOf(asked))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(roles.ask("nothing", {}))))

    def test_commands_change_the_source(self) -> None:
        """Accounts are added to what a copy is of."""
        text = TEXT.replace('backend = "memory"', 'backend = "replica"', 1)
        text += '[directory.replica]\nsource = "sqlite"\n'
        configuration = loads(text.encode(), str(self.base / "mailframe.toml"))
        admin = directory_admin(configuration)
        assert IDirectoryAdmin.providedBy(admin)
        admin.add_domain("example.test")
        self.assertTrue((self.base / "data" / "directory.sqlite").exists())

    def test_node_needs_the_key(self) -> None:
        """Another node's directory cannot be asked without the shared key, nor elsewhere without TLS."""
        text = TEXT.replace('backend = "memory"', 'backend = "node"', 1)
        text += '[directory.node]\nhost = "directory.example.test"\nport = 2446\ntls = false\n'
        self.assertRaises(PluginUnavailable, lambda: self.context(text).directory)
        text += f'[link]\nkey = "{"k" * 40}"\n'
        self.assertRaises(PluginUnavailable, lambda: self.context(text).directory)
        self.assertTrue(self.context(text.replace("tls = false", "")).directory)


class RolesTests(ContextCase):
    """All roles of a worker."""

    def started(self, work: Roles) -> None:
        """Start, but for what needs threads."""
        work._context.authenticator.start = mock.AsyncMock()  # type: ignore[attr-defined]
        if "relay" in work._context.configuration.roles:
            work._context.queue.admission._free_disk = None
        self.successResultOf(Deferred.fromCoroutine(work.start()))
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(work.stop())))

    def test_listens(self) -> None:
        """The usual listeners, from the shortest configuration."""
        work = build(self.assembly())
        verifyObject(IWork, work)
        self.assertEqual(work.summary, "mx, relay, store")
        self.started(work)
        ports = [port for port, *_ in self.reactor.tcpServers]
        self.assertEqual(ports, [25, 587, 465, 24, 143, 993, 110, 995])

    def test_options_arrive(self) -> None:
        """What the configuration says is what clients see."""
        self.started(build(self.assembly()))
        answer = Client(self.reactor, 25).say("EHLO client.test\n")
        self.assertIn("250-mail.example.test", answer)
        self.assertIn("SIZE 1000000", answer)
        self.assertIn("STARTTLS", answer)
        self.assertIn("Hello there", Client(self.reactor, 143).greeting)
        answer = Client(self.reactor, 25).say(
            "EHLO client.test\nMAIL FROM:<joe@sender.test>\nRCPT TO:<Postmaster>\n"
        )
        self.assertTrue(answer.splitlines()[-1].startswith("250 "), answer)

    def test_roles_share_the_store(self) -> None:
        """What comes in by one role is read by another."""
        work = build(self.assembly())
        self.started(work)
        client = Client(self.reactor, 25)
        client.say("EHLO client.test\nMAIL FROM:<joe@sender.test>\nRCPT TO:<alice@example.test>\nDATA\n")
        self.assertTrue(client.say("Subject: x\n\n.\n").startswith("250 "))

        async def count() -> int:
            account = await work._context.store.account(ALICE)
            return (await account.status("INBOX")).messages

        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(count())), 1)
        self.assertEqual(work.sessions(), {"mx": 1, "relay": 0, "store": 0})

    def test_order_of_stop(self) -> None:
        """Roles end before what they use, and a fault in one thing does not keep the others open."""
        work = build(self.assembly(roles=("mx",)))
        self.started(work)
        order: list[str] = []
        for name in ("store", "directory"):
            resource = getattr(work._context, name)
            resource.stop = mock.AsyncMock(side_effect=lambda name=name: order.append(name))
        work._context.resources.append(mock.Mock(stop=mock.AsyncMock(side_effect=RuntimeError("broken"))))
        client = Client(self.reactor, 25)
        self.successResultOf(Deferred.fromCoroutine(work.stop()))
        self.assertTrue(client.transport.disconnected)
        self.assertEqual(order, ["directory", "store"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        work._context.resources.pop()

    def test_unusable(self) -> None:
        """What cannot be used is told in a sentence."""
        work = build(self.assembly(roles=("mx",)))
        work._context.store.start = mock.AsyncMock(  # type: ignore[attr-defined]
            side_effect=PermissionError(13, "Permission denied", "/srv/mail")
        )
        failure = self.failureResultOf(Deferred.fromCoroutine(work.start()), PlanError)
        self.assertEqual(failure.value.errors, ("/srv/mail: Permission denied",))
        self.assertEqual(self.reactor.tcpServers, [])

    def test_bad_certificate(self) -> None:
        """A certificate that is none is told in a sentence with its file."""
        (self.base / "tls" / "certificate.pem").write_text("nonsense")
        with self.assertRaises(PlanError) as raised:
            build(self.assembly(roles=("mx",)))
        self.assertIn("certificate.pem", raised.exception.errors[0])

    def test_wrong_text(self) -> None:
        """A text that is wrong after all is refused."""
        assembly = self.assembly()
        wrong = Assembly(assembly.path, "[node]\ncolour = 1\n", ["mx"], {}, assembly.hints, assembly.reactor)
        with self.assertRaises(PlanError) as raised:
            build(wrong)
        self.assertIn("colour", raised.exception.errors[0])
