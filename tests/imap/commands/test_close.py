"""CLOSE of a mailbox that belongs to somebody else."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailframe.store.sharing.namespaces import Namespaces
from mailframe.store.sharing.rights import parse
from mailframe.store.sharing.shares import MemoryShares
from mailframe.store.sharing.store import SharingStore
from tests.imap.mail import ALICE, SessionCase

BOB = "bob@example.test"


class CloseTests(SessionCase):
    """Bob has opened Alice's INBOX."""

    mail = "plain plain"

    def bob(self, rights: str):
        """A connection of Bob, who has these rights, and has marked a message as deleted."""
        store = SharingStore(self.store, MemoryShares(), Namespaces())
        alice = self.successResultOf(Deferred.fromCoroutine(store.account(ALICE)))
        self.successResultOf(Deferred.fromCoroutine(alice.set_access("INBOX", BOB, parse(rights))))
        self.serve(self.settings, store)
        client = self.connect()
        client.say(f"login LOGIN {BOB} hidden")
        self.assertIn(b"OK", client.say(f'select SELECT "Other Users/{ALICE}/INBOX"')[-1])
        client.say("store STORE 1 +FLAGS (\\Deleted)")
        return client

    def left(self) -> int:
        """How many messages there are still."""
        return int(
            next(line for line in self.login().say("a STATUS INBOX (MESSAGES)") if b"STATUS" in line)[-2:-1]
        )

    def test_without_the_right(self) -> None:
        """Who may not expunge closes the mailbox all the same, and nothing is expunged."""
        client = self.bob("lrt")
        self.assertEqual(client.say("c CLOSE"), [b"c OK CLOSE completed"])
        self.assertIn(b"BAD", client.say("d FETCH 1 FLAGS")[-1])
        self.assertEqual(self.left(), 2)

    def test_with_the_right(self) -> None:
        """Who may expunge does it so."""
        self.bob("lrte").say("c CLOSE")
        self.assertEqual(self.left(), 1)
