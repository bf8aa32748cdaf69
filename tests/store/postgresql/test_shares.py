"""Mailboxes of others where mail lies in PostgreSQL: the database knows for all nodes who sees what."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.config.types import Secret
from mailframe.message.status import MailframeError
from mailframe.roles.sharing import sharing_for_commands
from mailframe.store.hints import LocalHints
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.postgresql.shares import PostgresShares
from mailframe.store.postgresql.store import PostgresStore
from mailframe.store.sharing.options import SharingOptions
from mailframe.store.sharing.rights import parse
from mailframe.testing.store import describe
from tests.store.sharing import test_store

from .fixture import ALICE, BOB, PostgresCase, database


class PostgresSeeingTests(test_store.SeeingTests):
    """What one sees of others is as with any store."""

    def make_store(self):
        options = PostgreSQLStoreOptions(
            address=Secret(database(self)), threads=0, mailboxes={"Sent": "\\Sent"}
        )
        store = PostgresStore(describe, LocalHints(), Clock(), options)
        self.addCleanup(lambda: self.wait(store.stop()))
        self.wait(store.start())
        return store

    def make_shares(self):
        shares = self.inner.shares()
        self.addCleanup(lambda: self.wait(shares.stop()))
        return shares


class NodesTests(PostgresCase):
    """Two nodes, each with the configuration of all nodes."""

    def shared(self, store: PostgresStore):
        """What sessions of a node have."""
        shared, shares = sharing_for_commands(store, SharingOptions(index="/nonexistent/shares.sqlite"))
        self.wait(shares.start())
        self.addCleanup(lambda: self.wait(shares.stop()))
        return shared

    def test_given_elsewhere(self) -> None:
        """What is given at one node is seen at another at once, and so is its end."""
        here, there = self.shared(self.store), self.shared(self.started(LocalHints()))
        alice, bob = self.wait(here.account(ALICE)), self.wait(there.account(BOB))
        name = f"Other Users/{ALICE}/INBOX"
        for rights, seen in ((parse("lr"), True), (None, False)):
            self.wait(alice.set_access("INBOX", BOB, rights))
            names = [entry.name for entry in self.wait(bob.mailboxes())]
            self.assertEqual(name in names, seen)

    def test_owner_removed(self) -> None:
        """Of an account that was removed nobody is told, however long its rows take to go."""
        alice = self.wait(self.store.account(ALICE))
        self.wait(alice.set_access("INBOX", BOB, parse("lr")))
        shares = self.shared(self.store).shares
        self.assertEqual(self.wait(shares.owners(BOB.upper())), [ALICE])
        self.session().run("UPDATE mail_accounts SET removed = true")
        self.assertEqual(self.wait(shares.owners(BOB)), [])


class AwayTests(SynchronousTestCase):
    """A database that is away."""

    def test_temporary(self) -> None:
        """Who sees what cannot be told just now: a temporary fault, without the database's own words."""
        shares = PostgresShares("host=/nonexistent", Clock(), threaded=False)
        error = self.failureResultOf(Deferred.fromCoroutine(shares.owners(BOB)), MailframeError).value
        self.assertFalse(error.status.permanent)
        self.assertNotIn("nonexistent", str(error.status.text))


class ThreadTests(TestCase):
    """As nodes have it."""

    async def test_in_a_thread(self) -> None:
        """A node asks without waiting itself, and its connection ends with it."""
        address = Secret(database(self))
        store = PostgresStore(
            describe, LocalHints(), reactor, PostgreSQLStoreOptions(address=address, threads=1)
        )
        await store.start()
        await (await store.account(ALICE)).set_access("INBOX", BOB, parse("lr"))
        shares = store.shares()
        asked = Deferred.fromCoroutine(shares.owners(BOB))
        self.assertNoResult(asked)
        self.assertEqual(await asked, [ALICE])
        await shares.stop()
        await shares.stop()
        await store.stop()
        with self.assertRaises(MailframeError):
            await shares.owners(BOB)
