"""A server with some messages, for the tests of POP3."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailframe.message.content import Content
from mailframe.pop3.server import POP3ServerFactory
from mailframe.pop3.settings import POP3Settings
from mailframe.store.memory import MemoryStore
from mailframe.store.values import Delivery, NewMessage
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.store import describe

ALICE = "alice@example.test"
MESSAGES = (
    b"Subject: first\r\n\r\nHello, Alice.\r\n",
    b"Subject: dots\r\n\r\n.\r\n.leading\r\nin.side.\r\n\xc3\xa9\xff\r\n..\r\n",
    b"Subject: only a header\r\n",
)


class Certificates:
    """Has contexts, or fails."""

    def __init__(self):
        self.error = None

    def contexts(self):
        if self.error is not None:
            raise self.error
        return object()


def now(coroutine):
    """The result of what needs no waiting."""
    results = []
    Deferred.fromCoroutine(coroutine).addCallback(results.append)
    (result,) = results
    return result


def fill(store, *messages):
    """Deliver messages to Alice."""
    deliveries = [Delivery(ALICE, NewMessage(Content.of(octets))) for octets in messages]
    assert all(status.success for status in now(store.deliver(deliveries)))


def make_factory(clock, settings=None, tls=False, messages=MESSAGES, expire=None):
    """A factory whose store has these messages for Alice."""
    store = MemoryStore(describe)
    fill(store, *messages)
    return POP3ServerFactory(
        store,
        FakeAuthenticator({ALICE: "secret word"}),
        settings if settings is not None else POP3Settings(require_tls_for_auth=False),
        clock,
        Certificates() if tls else None,
        expire=expire,
    )
