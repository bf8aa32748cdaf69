"""Messages and a store for the tests of IMAP."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.settings import IMAPSettings
from mailframe.imap.wire.description import describe
from mailframe.message.content import Content
from mailframe.store.memory import MemoryStore
from mailframe.store.quota import NO_RULES, QuotaRules
from mailframe.store.values import SEEN, Delivery, NewMessage
from mailframe.testing.imap import CLEAR, Client, factory

ALICE = "alice@example.test"
PASSWORDS: dict[str, bytes | str] = {ALICE: "secret", "bob@example.test": "hidden"}
NOVEMBER = 1793491200
"""2026-11-01 00:00:00 UTC."""

PLAIN = b"Subject: plain\r\nFrom: alice@example.test\r\n\r\nHello\r\n"
MIXED = (
    b"From: alice@example.test\r\nSubject: outer\r\nTo: \r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nFirst\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nInside\r\n--b--\r\n"
)
ENCODED = (
    b"Subject: encoded\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nhere\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQF\r\n"
    b"--b\r\nContent-Transfer-Encoding: x-own\r\n\r\nwhat\r\n--b--\r\n"
)
MESSAGES = {
    "encoded": NewMessage(Content.of(ENCODED), internal_date=NOVEMBER),
    "plain": NewMessage(Content.of(PLAIN), internal_date=NOVEMBER),
    "seen": NewMessage(Content.of(b"Subject: seen\r\n\r\nHello\r\n"), frozenset({SEEN, "work"}), NOVEMBER),
    "mixed": NewMessage(Content.of(MIXED), internal_date=NOVEMBER),
}


def store_with(names: str = "", clock: Clock | None = None, quota: QuotaRules = NO_RULES) -> MemoryStore:
    """A store with messages, by name, in alice's INBOX."""
    store = MemoryStore(describe, clock=clock or Clock(), quota=quota)
    deliver(store, *(MESSAGES[name] for name in names.split()))
    return store


def deliver(store: MemoryStore, *messages: NewMessage | bytes) -> None:
    """Put messages into alice's INBOX."""
    for message in messages:
        new = NewMessage(Content.of(message)) if isinstance(message, bytes) else message
        Deferred.fromCoroutine(store.deliver([Delivery(ALICE, new)])).addErrback(_raise)


def _raise(failure: Any) -> None:
    failure.raiseException()


class SessionCase(SynchronousTestCase):
    """Tests with clients of one server over a store in memory."""

    mail = ""
    settings: IMAPSettings = CLEAR

    def setUp(self) -> None:
        """Make the server."""
        self.clock = Clock()
        self.store = self.make_store()
        self.serve(self.settings)

    def make_store(self) -> Any:
        """The store with messages."""
        return store_with(self.mail, self.clock)

    def serve(self, settings: IMAPSettings, store: Any = None) -> None:
        """Take other settings or another store."""
        self.factory = factory(store or self.store, PASSWORDS, settings, self.clock)

    def connect(self) -> Client:
        """A connection that has been greeted."""
        client = Client(self.factory.buildProtocol(None))
        client.heard()
        return client

    def login(self) -> Client:
        """A connection of alice."""
        client = self.connect()
        self.assertIn(b"OK", client.say(f"login LOGIN {ALICE} secret")[-1])
        return client

    def select(self, name: str = "INBOX") -> Client:
        """A connection of alice with a selected mailbox."""
        client = self.login()
        self.assertIn(b"OK", client.say(f"select SELECT {name}")[-1])
        return client
