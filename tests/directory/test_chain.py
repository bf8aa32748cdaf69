"""Several directories as one."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.directory.chain import ChainDirectory
from mailframe.directory.chain_admin import ChainAdmin
from mailframe.directory.entries import Key, Kind, Put
from mailframe.directory.interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IKeepHash,
    IKeepKeys,
    ISenderGrants,
)
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.refusals import RefusedEdit
from mailframe.directory.values import Account, Domain
from mailframe.message.address import Address
from mailframe.message.status import MailframeError
from mailframe.testing.directory import ALICE, HASH, KEYS, DirectoryContract, KeepKeysContract

from .sources import Moody


class Whole(ChainDirectory):
    """A chain with its administration, as the contract wants it."""

    def __init__(self, members: list[Any], domains: dict[str, Any]) -> None:
        super().__init__(members, domains)
        self.admin = ChainAdmin(members, domains)
        from zope.interface import alsoProvides

        alsoProvides(self, IDirectoryAdmin)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.admin, name)


class ChainContractTests(KeepKeysContract, DirectoryContract, TestCase):
    """What every directory must do."""

    async def make_directory(self) -> Any:
        """Three empty ones, of which one has a domain of its own."""
        return Whole([MemoryDirectory(), MemoryDirectory()], {"example.org": MemoryDirectory()})


class ChainTests(SynchronousTestCase):
    """Who is asked, and what comes of it."""

    def setUp(self) -> None:
        """Two members with a domain in common, each with one of its own."""
        self.first = Moody(MemoryDirectory(["example.test", "a.test"], {"alice@example.test": HASH}))
        self.second = Moody(
            MemoryDirectory(["example.test", "b.test"], {"bob@example.test": HASH, "bob@b.test": HASH})
        )
        self.chain: Any = ChainDirectory([self.first, self.second])

    def get(self, coroutine: Any) -> Any:
        """What comes of a question, now."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def cannot_say(self, coroutine: Any) -> None:
        """A question must be answered with a temporary error."""
        failure = self.failureResultOf(Deferred.fromCoroutine(coroutine), MailframeError)
        self.assertFalse(failure.value.status.permanent)

    def test_in_order(self) -> None:
        """The first that knows an address answers; the others are not troubled."""
        self.assertEqual(Account("alice@example.test"), self.get(self.chain.lookup(ALICE)))
        self.assertEqual([], self.second.asked)
        found = self.get(self.chain.lookup(Address("bob", "example.test")))
        self.assertEqual(Account("bob@example.test"), found)
        self.assertIsNone(self.get(self.chain.lookup(Address("carol", "example.test"))))
        self.assertTrue(self.get(self.chain.is_local("b.test")))
        self.assertFalse(self.get(self.chain.is_local("c.test")))

    def test_not_local_is_not_asked(self) -> None:
        """A member is not asked about addresses of other people's domains."""
        self.get(self.chain.lookup(Address("bob", "b.test")))
        self.assertEqual(["is_local"], self.first.asked)

    def test_member_away(self) -> None:
        """What an earlier member has found is certain; anything else is not while a member is away."""
        self.second.away = True
        self.assertEqual(Account("alice@example.test"), self.get(self.chain.lookup(ALICE)))
        self.cannot_say(self.chain.lookup(Address("bob", "example.test")))
        self.cannot_say(self.chain.is_local("c.test"))
        self.cannot_say(self.chain.credential("bob@example.test"))
        self.second.away, self.first.away = False, True
        self.cannot_say(self.chain.lookup(Address("bob", "example.test")))
        self.first.away = False
        self.assertTrue(self.get(self.chain.lookup(Address("bob", "example.test"))))

    def test_member_hangs(self) -> None:
        """The answer comes when the member comes back."""
        self.first.hangs = True
        asked = Deferred.fromCoroutine(self.chain.account("bob@example.test"))
        self.assertNoResult(asked)
        self.first.go_on()
        self.assertEqual(Account("bob@example.test"), self.successResultOf(asked))

    def test_domain_of_its_own(self) -> None:
        """Of a domain that is written down only its directory is asked."""
        chain = ChainDirectory([self.first], {"Example.test": self.second})
        self.assertIsNone(self.get(chain.lookup(ALICE)))
        self.assertTrue(self.get(chain.account("Bob@example.test")))
        self.assertEqual([], self.first.asked)
        self.assertTrue(self.get(chain.is_local("a.test")))
        self.assertFalse(self.get(chain.is_local("b.test")))

    def test_keys_and_grants(self) -> None:
        """Keys are kept, and grants are known, where the account is."""
        self.second.directory.grant("bob@example.test", "@example.net")
        self.assertTrue(self.get(self.chain.granted("bob@example.test", Address("x", "example.net"))))
        self.assertFalse(self.get(self.chain.granted("alice@example.test", Address("x", "example.net"))))
        self.assertTrue(self.get(self.chain.keep_keys("bob@example.test", HASH, [KEYS])))
        self.assertEqual((KEYS,), self.get(self.second.credential("bob@example.test")).keys)

    def test_provides(self) -> None:
        """It provides what one of its members provides, and no more."""
        for interface in (IDirectory, ICredentialSource, IKeepKeys, ISenderGrants):
            self.assertTrue(verifyObject(interface, self.chain))
        self.assertFalse(IKeepHash.providedBy(self.chain))
        bare = ChainDirectory([Moody(MemoryDirectory(), ICredentialSource, IKeepKeys, ISenderGrants)])
        self.assertTrue(IDirectory.providedBy(bare))
        for interface in (ICredentialSource, IKeepKeys, ISenderGrants):
            self.assertFalse(interface.providedBy(bare))

    def test_member_without_passwords(self) -> None:
        """A member that has no passwords does not hide those of the next one."""
        bare = Moody(MemoryDirectory(["b.test"], {"bob@b.test": HASH}), ICredentialSource, IKeepKeys)
        chain = ChainDirectory([bare, self.second])
        self.assertEqual(HASH, self.get(chain.credential("bob@b.test")).password_hash)


class ChainAdminTests(SynchronousTestCase):
    """What commands change."""

    def test_owner(self) -> None:
        """An account is added where its domain is; a new domain comes into the first member."""
        first, second, third = MemoryDirectory(["a.test"]), MemoryDirectory(["b.test"]), MemoryDirectory()
        admin = ChainAdmin([first, second], {"c.test": third, "d.test": None})
        admin.add_account("bob@b.test", HASH)
        admin.add_domain("new.test")
        admin.add_domain("c.test")
        self.assertEqual(["bob@b.test"], [one.name for one in second.accounts()])
        self.assertEqual((["a.test", "new.test"], ["c.test"]), (first.domains(), third.domains()))
        self.assertEqual(["a.test", "b.test", "c.test", "new.test"], list(admin.domains()))
        self.assertRaises(MailframeError, admin.add_domain, "d.test")

    def test_several_at_once(self) -> None:
        """Changes of two members cannot be done in one step, and are refused before anything is done."""
        first, second = MemoryDirectory(["a.test"]), MemoryDirectory(["b.test"])
        admin = ChainAdmin([first, second], {})
        edits = [Put(Domain("a.test", catch_all=(ALICE,))), Put(Domain("b.test", catch_all=(ALICE,)))]
        self.assertEqual(1, self.assertRaises(RefusedEdit, admin.apply, edits, "test").index)
        self.assertEqual(Domain("a.test"), first.entry(Key(Kind.DOMAIN, "a.test")))
