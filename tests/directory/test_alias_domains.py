"""Domains whose addresses are those of another."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.directory.alias_domains import DEPTH, AliasDomains
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.entries import Put
from mailframe.directory.entry_interfaces import IDirectoryEntries, IDirectoryFeed
from mailframe.directory.hashing import HashingThreads
from mailframe.directory.interfaces import (
    ICredentialSource,
    IDirectory,
    IKeepHash,
    IKeepKeys,
    ISenderGrants,
    ISenderRights,
)
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.directory.refusals import MISCONFIGURED
from mailframe.directory.rights import DirectoryRights
from mailframe.directory.scram_keys import new_keys
from mailframe.directory.values import Account, Alias, Credentials, Domain, Identity
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.testing.directory import KEYS, DirectoryContract, KeepKeysContract
from mailframe.testing.grants import GrantsContract
from mailframe.testing.smtp import run
from tests.strategies import addresses

from .test_authenticator import Threads

ALICE = "alice@example.test"


def filled() -> MemoryDirectory:
    """A domain, another name of it, and who is there."""
    made = MemoryDirectory(
        ["example.test", "example.org"], {ALICE: "{PLAIN}x", "bob@example.test": "{PLAIN}y"}
    )
    made.apply([Put(Domain("example.net", alias_of="example.test"))], "test")
    made.set_alias(parse_mailbox("info@example.test"), [parse_mailbox(ALICE)])
    made.grant(ALICE, "boss@example.org")
    return made


@implementer(IDirectory)
class Tables:
    """A directory that has domains as somebody wrote them, and one account."""

    def __init__(self, *domains: Domain) -> None:
        self.domains = {one.name: one for one in domains}
        self.fault: MailframeError | None = None

    async def is_local(self, domain: str) -> bool:
        return domain in self.domains

    async def domain(self, name: str) -> Domain | None:
        if self.fault is not None:
            raise self.fault
        return self.domains.get(name)

    async def lookup(self, address: Address) -> Account | Alias | None:
        return await self.account(str(address))

    async def account(self, name: str) -> Account | None:
        return Account(name) if name == ALICE else None


class AliasDomainsTests(SynchronousTestCase):
    """One mailbox, by the names of several domains."""

    def setUp(self) -> None:
        self.source = filled()
        self.directory: Any = AliasDomains(self.source)

    def test_interfaces(self) -> None:
        """It provides what the directory behind it does, and nothing that that does not."""
        for interface in (IDirectory, ICredentialSource, IKeepKeys, ISenderGrants):
            verifyObject(interface, self.directory)
        for interface in (IDirectoryEntries, IDirectoryFeed):
            self.assertTrue(interface.providedBy(self.directory))
        small = AliasDomains(Tables())
        for interface in (
            ICredentialSource,
            IKeepKeys,
            IKeepHash,
            IDirectoryFeed,
            ISenderGrants,
            ISenderRights,
        ):
            self.assertFalse(interface.providedBy(small), interface)
        self.assertTrue(IDirectory.providedBy(small))

    def test_addresses(self) -> None:
        """An address there is the account or alias of that name in the domain it stands for."""
        account = run(self.directory.lookup(parse_mailbox("Alice@Example.NET")))
        self.assertEqual(ALICE, account.name)
        alias = run(self.directory.lookup(parse_mailbox("info@example.net")))
        self.assertEqual("info@example.test", str(alias.address))
        for unknown in ("eve@example.net", "alice@example.org", "alice@example.com", "alice@[192.0.2.1]"):
            self.assertIsNone(run(self.directory.lookup(parse_mailbox(unknown))), unknown)
        self.assertIsNone(run(self.directory.lookup(Address("postmaster", ""))))

    def test_domains(self) -> None:
        """The domain is ours, and known as what it is."""
        self.assertTrue(run(self.directory.is_local("example.net")))
        self.assertEqual("example.test", run(self.directory.domain("example.net")).alias_of)

    def test_logins(self) -> None:
        """Whoever logs in by such a name has the account's password, and keys are kept for the account."""
        credential = run(self.directory.credential("alice@example.net"))
        self.assertEqual((ALICE, "{PLAIN}x"), (credential.account.name, credential.password_hash))
        self.assertEqual(ALICE, run(self.directory.account("ALICE@example.net")).name)
        self.assertTrue(run(self.directory.keep_keys("alice@example.net", "{PLAIN}x", [KEYS])))
        self.assertEqual((KEYS,), run(self.source.credential(ALICE)).keys)
        for name in ("eve@example.net", "alice@example.org", "alice", "", "@example.net"):
            self.assertIsNone(run(self.directory.credential(name)), name)
            self.assertIsNone(run(self.directory.account(name)), name)

    def test_rights(self) -> None:
        """An account may send from its address by every name of its domain, and from aliases and grants likewise."""
        self.source.apply([Put(Domain("example.com", alias_of="example.org"))], "test")
        rights = DirectoryRights(self.directory, self.directory)
        for own in ("alice@example.net", "alice+x@example.net", "info@example.net", "boss@example.com"):
            self.assertTrue(run(rights.may_send_as(ALICE, parse_mailbox(own))), own)
            self.assertTrue(run(rights.may_send_as("alice@example.net", parse_mailbox(own))), own)
            self.assertFalse(run(rights.may_send_as("bob@example.test", parse_mailbox(own))), own)
        none = DirectoryRights(self.directory, self.directory, aliases="none")
        self.assertTrue(run(none.may_send_as(ALICE, parse_mailbox("alice@example.net"))))
        self.assertFalse(run(none.may_send_as(ALICE, parse_mailbox("info@example.net"))))

    def test_leads_nowhere(self) -> None:
        """An alias domain of nothing, or of itself, is our mistake: mail waits, logins come again."""
        tables = Tables(
            Domain("a.test", alias_of="gone.test"),
            Domain("b.test", alias_of="c.test"),
            Domain("c.test", alias_of="b.test"),
        )
        for domain in ("a.test", "b.test"):
            with self.assertRaises(MailframeError) as caught:
                run(AliasDomains(tables).lookup(Address("alice", domain)))
            self.assertEqual(MISCONFIGURED, caught.exception.status)

    def test_several(self) -> None:
        """Tables of others may have alias domains of alias domains."""
        chain = [Domain(f"d{i}.test", alias_of=f"d{i + 1}.test") for i in range(DEPTH - 1)]
        tables = Tables(*chain, Domain(f"d{DEPTH - 1}.test", alias_of="example.test"), Domain("example.test"))
        with self.assertRaises(MailframeError):
            run(AliasDomains(tables).lookup(Address("alice", "d0.test")))
        self.assertEqual(Account(ALICE), run(AliasDomains(tables).lookup(Address("alice", "d1.test"))))

    def test_cannot_say(self) -> None:
        """What cannot be asked is no answer."""
        tables = Tables(Domain("example.test"))
        tables.fault = MailframeError(CANNOT_LOOK_UP)
        with self.assertRaises(MailframeError) as caught:
            run(AliasDomains(tables).lookup(Address("eve", "example.test")))
        self.assertEqual(CANNOT_LOOK_UP, caught.exception.status)

    @given(addresses(), st.sampled_from(["alice", "ALICE", "bob", "info", "eve", "alice+tag"]))
    def test_agrees(self, address: Address, local_part: str) -> None:
        """Both names of a domain always have the same addresses; what is nobody's stays unknown."""
        directory: Any = AliasDomains(filled())
        for part in (address.local_part, local_part):
            there = run(directory.lookup(Address(part, "example.test")))
            self.assertEqual(there, run(directory.lookup(Address(part, "example.net"))))
        self.assertEqual(run(filled().lookup(address)), run(directory.lookup(address)))


class LoginTests(SynchronousTestCase):
    """Logins by either name are logins to one account, and tell nothing of whether there is one."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = AliasDomains(filled())
        options = PasswordOptions(account_attempts=2, scram=True, scram_iterations=4096)
        threads = cast(HashingThreads, Threads())
        self.authenticator = PasswordAuthenticator(
            cast(ICredentialSource, self.directory), self.clock, options, threads
        )
        run(self.authenticator.start())

    def ask(self, name: str, password: bytes, authzid: str = "") -> Deferred[Identity]:
        credentials = Credentials(name, password, authzid, "192.0.2.1", "imap")
        return Deferred.fromCoroutine(self.authenticator.authenticate(credentials))

    def test_right(self) -> None:
        """The password of the account lets in, and whoever it is for may be named by either name."""
        for authzid in ("", ALICE, "alice@example.net"):
            identity = self.successResultOf(self.ask("Alice@Example.NET", b"x", authzid))
            self.assertEqual((ALICE, ALICE), (identity.account.name, identity.authcid))
        self.failureResultOf(self.ask("alice@example.net", b"x", "bob@example.net"), MailframeError)

    def test_failures(self) -> None:
        """Failures by one name delay the next attempt by the other, whether there is such an account or not."""
        for local_part in ("alice", "nobody"):
            for _ in range(2):
                self.failureResultOf(self.ask(f"{local_part}@example.net", b"wrong"), MailframeError)
            waiting = self.ask(f"{local_part}@example.test", b"wrong")
            self.assertNoResult(waiting)
            self.clock.advance(60)
            self.failureResultOf(waiting, MailframeError)

    def test_salts(self) -> None:
        """What a client is shown before its proof is the same by both names, also of nobody."""
        run(self.directory.keep_keys(ALICE, "{PLAIN}x", new_keys("x", ["SCRAM-SHA-256"], 4096)))
        for local_part in ("alice", "bob", "nobody"):
            shown = {
                run(self.authenticator.keys(f"{local_part}@{domain}", "SCRAM-SHA-256")).salt
                for domain in ("example.test", "example.net")
            }
            self.assertEqual(1, len(shown), local_part)


class AliasDomainsContractTests(KeepKeysContract, DirectoryContract, GrantsContract, TestCase):
    """With nothing to resolve it is the directory behind it."""

    async def make_directory(self) -> Any:
        """An empty one."""
        return AliasDomains(MemoryDirectory())
