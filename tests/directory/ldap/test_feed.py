"""Copies of a directory in an LDAP server."""

from __future__ import annotations

from typing import Any

import ldap3  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import DataPath, DirectoryName
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.entries import Entry, Kind, key_of
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.ldap.directory import LDAPDirectory
from mailframe.directory.ldap.feeding import Sorted
from mailframe.directory.replica.replica import ReplicaDirectory
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.testing.directory_entries import entries
from tests.slapd import ABSENT, BASE, Slapd

from .test_directory import ALICE, options

reactor: Any = installed
COUNT = 2000
ROOT = f"cn=root,{BASE}"


def person(number: int) -> str:
    """LDIF of one of many."""
    return (
        f"dn: uid=user{number},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: inetLocalMailRecipient\nuid: user{number}\n"
        f"cn: {number}\nsn: {number}\nmail: user{number}@example.test\nmailLocalAddress: alias{number}@example.test\n"
        f"userPassword: geheim{number}\n\n"
    )


MANY = "".join(map(person, range(COUNT))) + (
    f"dn: cn=all,{BASE}\nobjectClass: groupOfNames\nobjectClass: inetLocalMailRecipient\ncn: all\n"
    f"mailLocalAddress: all@example.test\nmember: uid=user1,{BASE}\nmember: uid=user2,{BASE}\n\n"
)


class SortedTests(SynchronousTestCase):
    """Entries come out in the order of kinds and of names by code point, whatever order they came in."""

    @given(st.lists(entries), st.integers(1, 5))
    def test_pages(self, some: list[Entry], limit: int) -> None:
        """All of them, the first of each key, in pages of any size."""
        kept: dict[Any, Entry] = {}
        found, after = Sorted(), None
        for entry in some:
            found.put(entry)
            kept.setdefault(key_of(entry), entry)
        listed: list[Entry] = []
        while page := found.page(after, limit):
            self.assertLessEqual(len(page), limit)
            listed += page
            after = key_of(page[-1])
        found.close()
        order = {kind: number for number, kind in enumerate(Kind)}
        wanted = sorted(kept.items(), key=lambda item: (order[item[0].kind], item[0].name))
        self.assertEqual([entry for _, entry in wanted], listed)


class FeedTests(TestCase):
    """A server with many people, and a replica of it."""

    timeout = 90
    if ABSENT:
        skip = ABSENT

    async def source(self, **others: Any) -> LDAPDirectory:
        """The directory in the server."""
        self.server = Slapd(MANY)
        self.addCleanup(self.server.remove)
        self.server.start()
        directory = LDAPDirectory(options(self.server.ldapi, look_every=0.1, **others), reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory

    async def replica(self, source: LDAPDirectory, **more: Any) -> ReplicaDirectory:
        """A copy that is filled."""
        settings = ReplicaOptions(source=DirectoryName("x"), path=DataPath(self.mktemp()), poll=0.05, **more)
        replica = ReplicaDirectory(source, settings, reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(replica.stop()))
        await replica.start()
        await self.until(lambda: deferLater(reactor, 0, lambda: replica._copy.is_complete))
        return replica

    async def until(self, question: Any) -> None:
        """Wait until something is so."""
        for _ in range(2000):
            if await question():
                return
            await deferLater(reactor, 0.01)
        self.fail("it never became so")

    def changed(self, *todo: tuple[Any, ...]) -> None:
        """The administrator of the server does something."""
        connection = ldap3.Connection(
            ldap3.Server(f"127.0.0.1:{self.server.port}", get_info=ldap3.NONE), ROOT, "root", auto_bind=True
        )
        for what, *arguments in todo:
            self.assertTrue(getattr(connection, what)(*arguments), connection.result)
        connection.unbind()

    async def test_pages(self) -> None:
        """All entries of all kinds come, in order, in pages; the server is asked once for all of them."""
        source = await self.source()
        self.assertTrue(verifyObject(IDirectoryFeed, source))
        found: list[Entry] = []
        while page := await source.entries(key_of(found[-1]) if found else None, 300):
            found += page
        kinds = [key_of(entry).kind for entry in found]
        self.assertEqual(
            (1, COUNT, COUNT + 1), tuple(map(kinds.count, (Kind.DOMAIN, Kind.ACCOUNT, Kind.ALIAS)))
        )
        self.assertEqual(Domain("example.test"), found[0])
        self.assertIn(Credential(Account("user7@example.test"), "{PLAIN}geheim7"), found)
        group = Alias(
            Address("all", "example.test"), tuple(Address(f"user{n}", "example.test") for n in (1, 2))
        )
        self.assertIn(group, found)
        self.assertIsNone(source._sorted)
        self.assertIsNone(await source.changes("nonsense"))

    async def test_replica(self) -> None:
        """A copy follows what is added and changed within seconds, and what is renamed or removed at the next compare."""
        source = await self.source()
        replica = await self.replica(source, compare_every=3.0)
        self.assertEqual(Account("user5@example.test"), await replica.account("user5@example.test"))
        alias = Address("alias5", "example.test")
        self.assertEqual(Alias(alias, (Address("user5", "example.test"),)), await replica.lookup(alias))
        self.changed(
            ("add", f"uid=alice,{BASE}", ["inetOrgPerson", "inetLocalMailRecipient"],
             {"cn": "A", "sn": "A", "mail": "alice@example.test", "userPassword": "geheim"}),
            ("modify", f"uid=user5,{BASE}", {"mailHost": [(ldap3.MODIFY_REPLACE, ["s2"])],
             "objectClass": [(ldap3.MODIFY_REPLACE, ["inetOrgPerson", "inetLocalMailRecipient"])]}),
            ("modify", f"uid=user6,{BASE}", {"mail": [(ldap3.MODIFY_REPLACE, ["renamed@example.test"])]}),
            ("delete", f"uid=user7,{BASE}"),
        )  # fmt: skip
        await self.until(lambda: replica.lookup(ALICE))

        async def moved() -> bool:
            found = await replica.account("user5@example.test")
            return found is not None and found.store == "s2"

        await self.until(moved)
        await self.until(lambda: replica.account("renamed@example.test"))

        async def gone() -> bool:
            names = ("user6@example.test", "user7@example.test")
            return [await replica.account(name) for name in names] == [None, None]

        await self.until(gone)
        self.assertEqual(Account("user8@example.test"), await replica.account("user8@example.test"))

    async def test_away_and_back(self) -> None:
        """While the server is gone the copy answers, logins too; when it is back, what is new comes."""
        source = await self.source(longest_delay=0.5)
        replica = await self.replica(source)
        self.server.kill()
        found = await replica.credential("user9@example.test")
        self.assertEqual("{PLAIN}geheim9", found and found.password_hash)
        self.assertIsNone(await replica.account("alice@example.test"))
        self.server.start()
        self.changed(
            (
                "add",
                f"uid=alice,{BASE}",
                ["inetOrgPerson"],
                {"cn": "A", "sn": "A", "mail": "alice@example.test"},
            )
        )
        await self.until(lambda: replica.lookup(ALICE))
