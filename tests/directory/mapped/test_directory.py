"""Directories in a site's own tables, with the queries that the documentation has."""

from __future__ import annotations

import sqlite3
import tomllib
from typing import Any

import psycopg
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import FilePath, Secret
from mailframe.database.sqlite import UnusableDatabase
from mailframe.directory.interfaces import ICredentialSource, IDirectory, ISenderGrants
from mailframe.directory.mapped.directory import MappedDirectory
from mailframe.directory.mapped.options import MappedOptions, PostgreSQLMapOptions, SQLiteMapOptions
from mailframe.directory.mapped.sources import PostgreSQLSource, SQLiteSource
from mailframe.directory.passwords import make_hash, verify
from mailframe.directory.values import Account, Alias, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from tests import postgres
from tests.docs.pages import DOCS, blocks

reactor: Any = installed
ALICE, BOB, INFO = (Address(name, "example.test") for name in ("alice", "bob", "info"))
POSTFIXADMIN = """
    CREATE TABLE domain (domain varchar(255) PRIMARY KEY, active boolean NOT NULL);
    CREATE TABLE alias_domain (alias_domain varchar(255) PRIMARY KEY, target_domain varchar(255), active boolean);
    CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password varchar(255), quota bigint, active boolean);
    CREATE TABLE alias (address varchar(255) PRIMARY KEY, goto text NOT NULL, active boolean NOT NULL);
    INSERT INTO domain VALUES ('example.test', true), ('other.test', true), ('gone.test', false);
    INSERT INTO alias_domain VALUES ('other.test', 'example.test', true);
    INSERT INTO mailbox VALUES ('alice@example.test', '{hash}', 1000000, true), ('bob@example.test', '', 0, false);
    INSERT INTO alias VALUES ('alice@example.test', 'alice@example.test', true),
        ('info@example.test', 'alice@example.test,someone@example.net', true), ('@example.test', 'bob@example.test', true);
"""
VMAIL = """
    CREATE TABLE virtual_domains (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL);
    CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, email VARCHAR(100), password VARCHAR(150), quota BIGINT DEFAULT 0);
    CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, source VARCHAR(100), destination VARCHAR(100));
    INSERT INTO virtual_domains (name) VALUES ('example.test');
    INSERT INTO virtual_users (email, password, quota) VALUES ('alice@example.test', '{hash}', 1000000);
    INSERT INTO virtual_aliases (source, destination) VALUES ('info@example.test', 'alice@example.test'),
        ('info@example.test', 'someone@example.net');
"""


def documented(name: str) -> dict[str, str]:
    """The section of a directory in the documentation."""
    for block in blocks(DOCS / "sql-directories.rst"):
        found: dict[str, Any] = tomllib.loads(block.text)["directory"]
        if name in found:
            section = dict(found[name])
            for key in ("plugin", "path", "address"):
                section.pop(key, None)
            return section
    raise AssertionError(f"the documentation has no [directory.{name}]")


class MappedCase(TestCase):
    """Directories that are closed in the end."""

    timeout = 60

    async def start(self, directory: MappedDirectory) -> MappedDirectory:
        """Start it."""
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory

    async def in_postgresql(self, tables: str, **queries: Any) -> MappedDirectory:
        """One in a database."""
        self.address = postgres.database(self)
        with psycopg.connect(self.address) as connection:
            connection.execute(tables.encode())
        options = PostgreSQLMapOptions(address=Secret(self.address), **queries)
        return await self.start(MappedDirectory(options, PostgreSQLSource(self.address, 5.0), reactor))

    async def in_sqlite(self, tables: str, **queries: Any) -> MappedDirectory:
        """One in a file."""
        self.path = self.mktemp()
        with sqlite3.connect(self.path) as connection:
            connection.executescript(tables)
        connection.close()
        options = SQLiteMapOptions(path=FilePath(self.path), **queries)
        return await self.start(MappedDirectory(options, SQLiteSource(self.path, 5.0), reactor))

    async def cannot_say(self, asked: Any) -> str:
        """Why a question is not answered now."""
        with self.assertRaises(MailframeError) as caught:
            await asked
        self.assertEqual(CANNOT_LOOK_UP, caught.exception.status)
        return caught.exception.reason


class DocumentedTests(MappedCase):
    """The tables that the documentation tells of."""

    async def check(self, directory: MappedDirectory) -> None:
        """What both have."""
        for interface in (IDirectory, ICredentialSource, ISenderGrants):
            verifyObject(interface, directory)
        self.assertTrue(await directory.is_local("Example.Test"))
        self.assertFalse(await directory.is_local("example.net"))
        account = Account("alice@example.test", quota=1_000_000)
        self.assertEqual(account, await directory.lookup(ALICE))
        self.assertEqual(account, await directory.account("Alice@example.test"))
        self.assertIsNone(await directory.lookup(Address("nobody", "example.test")))
        self.assertIsNone(await directory.lookup(Address("alice", "example.net")))
        self.assertEqual(
            Alias(INFO, (ALICE, Address("someone", "example.net"))), await directory.lookup(INFO)
        )
        self.assertIsNone(await directory.account("info@example.test"))
        found = await directory.credential("alice@example.test")
        assert found is not None
        self.assertTrue(verify(b"geheim", found.password_hash))
        for odd in ("x' OR '1'='1@example.test", "a\0b@example.test", "", "@", "\udce4@example.test"):
            self.assertIsNone(await directory.credential(odd))

    async def test_postfixadmin(self) -> None:
        """Postfixadmin in PostgreSQL: alias domains, catch-alls, and who is switched off."""
        hashed = make_hash("geheim", "SHA512-CRYPT").removeprefix("{SHA512-CRYPT}")
        directory = await self.in_postgresql(
            POSTFIXADMIN.replace("{hash}", hashed), **documented("postfixadmin")
        )
        await self.check(directory)
        self.assertEqual(Domain("example.test", "", (BOB,)), await directory.domain("example.test"))
        self.assertEqual(Domain("other.test", "example.test"), await directory.domain("other.test"))
        self.assertIsNone(await directory.domain("gone.test"))
        bob = await directory.credential("bob@example.test")
        assert bob is not None
        self.assertEqual((False, ""), (bob.account.enabled, bob.password_hash))

    async def test_vmail(self) -> None:
        """Tables of a guide, in an SQLite file, which is left as it was."""
        hashed = make_hash("geheim", "SSHA512")
        directory = await self.in_sqlite(VMAIL.replace("{hash}", hashed), **documented("vmail"))
        with open(self.path, "rb") as file:
            before = file.read()
        await self.check(directory)
        self.assertEqual(Domain("example.test"), await directory.domain("example.test"))
        self.assertTrue(await directory.granted("alice@example.test", INFO))
        self.assertFalse(await directory.granted("alice@example.test", BOB))
        with open(self.path, "rb") as file:
            self.assertEqual(before, file.read())


ONE = "CREATE TABLE one (address text, own text, word text, what text)"
QUERY = "SELECT own AS name, word AS password, what AS forwards FROM one WHERE address = :address"


class RowsTests(MappedCase):
    """What rows may say."""

    async def directory(self, *rows: tuple[str, str | None, str, str], **more: Any) -> MappedDirectory:
        """A table with these."""
        values = ", ".join(
            "(" + ", ".join("NULL" if one is None else f"'{one}'" for one in row) + ")" for row in rows
        )
        tables = f"{ONE}; INSERT INTO one VALUES {values};"
        return await self.in_sqlite(tables, domains=("example.test",), account_query=QUERY, **more)

    async def test_further_addresses(self) -> None:
        """An account that is found by another address has that as an alias."""
        directory = await self.directory(
            ("alice@example.test", "alice@example.test", "", ""),
            ("info@example.test", "Alice@Example.test", "", ""),
        )
        self.assertEqual(Alias(INFO, (ALICE,)), await directory.lookup(INFO))
        self.assertIsNone(await directory.credential("info@example.test"))

    async def test_forwards(self) -> None:
        """Where mail goes on to; with nothing else said a copy is kept."""
        directory = await self.directory(
            ("alice@example.test", None, "", "a@example.net, b@example.net alice@example.test")
        )
        found = await directory.account("alice@example.test")
        assert found is not None
        self.assertEqual((Address("a", "example.net"), Address("b", "example.net")), found.forwards)
        self.assertTrue(found.keeps_copy)

    async def test_passwords(self) -> None:
        """Schemes by their names, crypt by its sign, the rest by what is configured; what is unknown is nobody's."""
        for stored, scheme, wanted in (
            ("{SSHA}x", "", "{SSHA}x"), ("$6$x", "", "{CRYPT}$6$x"), ("plain", "", ""), ("plain", "PLAIN", "{PLAIN}plain"),
            ("{NONSENSE}x", "PLAIN", ""), ("", "PLAIN", ""),
        ):  # fmt: skip
            directory = await self.directory(("alice@example.test", None, stored, ""), password_scheme=scheme)
            found = await directory.credential("alice@example.test")
            assert found is not None
            self.assertEqual(wanted, found.password_hash)

    async def test_misconfigured(self) -> None:
        """Two rows for one address, and addresses that are none, are temporary faults."""
        directory = await self.directory(
            ("alice@example.test", None, "", ""), ("alice@example.test", None, "", ""),
            ("bob@example.test", None, "", "no address"), ("info@example.test", "nonsense", "", ""),
        )  # fmt: skip
        self.assertIn("2 rows", await self.cannot_say(directory.lookup(ALICE)))
        self.assertIn("no address", await self.cannot_say(directory.lookup(BOB)))
        self.assertIn("no address", await self.cannot_say(directory.lookup(INFO)))


class QueriesTests(MappedCase):
    """Queries that cannot be."""

    async def refused(self, **queries: Any) -> str:
        """What the start says, in both databases."""
        said = []
        for make in (self.in_sqlite, self.in_postgresql):
            with self.assertRaises((UnusableDatabase, ValueError)) as caught:
                await make(ONE, domains=("example.test",), **{"account_query": QUERY, **queries})
            said.append(str(caught.exception))
        return "\n".join(said)

    async def test_refused(self) -> None:
        """One that the database does not understand, with other columns or parameters, or an unknown scheme."""
        for queries, words in (
            ({"account_query": "SELEKT 1"}, "account_query: "),
            ({"account_query": "SELECT nothing AS password FROM one"}, "account_query: "),
            ({"account_query": "SELECT own AS name FROM one"}, "there is no column password"),
            ({"account_query": "SELECT 1 AS password, 2 AS uid"}, "the column uid means nothing"),
            ({"alias_query": "SELECT 1 AS goto"}, "there is no column target"),
            ({"alias_query": "SELECT :adress AS target"}, "there is no parameter :adress"),
            ({"password_scheme": "ROT13"}, "ROT13 is not known"),
        ):
            said = await self.refused(**queries)
            self.assertEqual(2, said.count(words), said)


class FaultTests(MappedCase):
    """Databases that are away, or slow."""

    async def test_no_file(self) -> None:
        """A file that is not there yet: nobody can say, and when it is there all is well."""
        path = self.mktemp()
        options = SQLiteMapOptions(path=FilePath(path), account_query=QUERY, domains=("example.test",))
        directory = await self.start(MappedDirectory(options, SQLiteSource(path, 5.0), reactor))
        await self.cannot_say(directory.lookup(ALICE))
        with sqlite3.connect(path) as connection:
            connection.executescript(f"{ONE}; INSERT INTO one VALUES ('alice@example.test', NULL, '', '')")
        connection.close()
        self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))

    async def test_database_away(self) -> None:
        """A server that is away is a temporary fault, and heals by itself; a node starts without it."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        await deferToThread(server.start)
        address = server.database()
        with psycopg.connect(address) as connection:
            connection.execute(f"{ONE}; INSERT INTO one VALUES ('alice@example.test', NULL, '', '')".encode())
        await deferToThread(server.stop)
        options = PostgreSQLMapOptions(
            address=Secret(address), account_query=QUERY, domains=("example.test",)
        )
        directory = await self.start(MappedDirectory(options, PostgreSQLSource(address, 5.0), reactor))
        for _ in range(2):
            await self.cannot_say(directory.lookup(ALICE))
            await deferToThread(server.start)
            for _ in range(500):
                try:
                    self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))
                    break
                except MailframeError:
                    await deferLater(reactor, 0.02)
            await deferToThread(server.stop)

    async def test_slow(self) -> None:
        """A query that takes too long is given up."""
        endless = (
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT max(x) AS password FROM n WHERE :address <> ''"
        )
        for kind in ("sqlite", "postgresql"):
            source: Any
            if kind == "sqlite":
                path = self.mktemp()
                sqlite3.connect(path).close()
                source = SQLiteSource(path, 0.3)
            else:
                source = PostgreSQLSource(postgres.database(self), 0.3)
            options = MappedOptions(account_query=endless, domains=("example.test",))
            directory = await self.start(MappedDirectory(options, source, reactor))
            await self.cannot_say(directory.lookup(ALICE))

    async def test_read_only(self) -> None:
        """A query that would change something changes nothing."""
        directory = await self.in_postgresql(ONE, domains=("example.test",), account_query=QUERY)
        source: Any = directory._source
        with self.assertRaises(MailframeError):
            await deferToThread(source.ask, "DELETE FROM one", {})
        directory = await self.in_sqlite(ONE, domains=("example.test",), account_query=QUERY)
        source = directory._source
        with self.assertRaises(MailframeError):
            await deferToThread(source.ask, "DELETE FROM one", {})

    async def test_too_many(self) -> None:
        """Questions that would wait too long are refused for now; after the stop all are."""
        directory = await self.in_sqlite(
            ONE, domains=("example.test",), account_query=QUERY, connections=1, queue=1
        )
        asked = [Deferred.fromCoroutine(directory.lookup(ALICE)) for _ in range(3)]
        self.assertIn("too many", await self.cannot_say(asked[2]))
        self.assertEqual([None, None], [await one for one in asked[:2]])
        await directory.stop()
        await self.cannot_say(directory.lookup(ALICE))
