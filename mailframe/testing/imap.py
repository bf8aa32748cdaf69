"""For tests of what stands behind IMAP: a server over an in-memory transport, and a client that speaks to it.

`serve` makes the connection and gives back a `Client`::

    client = serve(store, {"alice@example.test": "secret"})
    client.say("a LOGIN alice@example.test secret")     # [b"a OK [CAPABILITY ...] Logged in"]

Stores that answer at once (`mailframe.store.memory`) have answered when `Client.say` returns; others need the
reactor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.settings import IMAPSettings
from mailframe.store.interfaces import IMailStore
from mailframe.store.sharing.namespaces import Namespaces

from .directory import FakeAuthenticator
from .transports import MemoryTransport

CLEAR = IMAPSettings(require_tls_for_auth=False)
"""Settings with which clients may log in without TLS."""


class Client:
    """One connection to an IMAP server in memory.

    Args:
        protocol: the server's side; not connected yet.

    Attributes:
        transport: the server's; ``transport.disconnecting`` says whether it closed.
    """

    def __init__(self, protocol: DialogueProtocol) -> None:
        self.protocol = protocol
        self.transport = MemoryTransport()
        protocol.makeConnection(self.transport)  # type: ignore[no-untyped-call]

    def heard(self) -> list[bytes]:
        """The lines that the server said since this was last called; a literal is cut at its line ends."""
        lines = self.transport.take().split(b"\r\n")
        return lines[:-1] if lines[-1] == b"" else lines

    def say(self, *lines: str | bytes) -> list[bytes]:
        """Send lines in one segment; return what the server says."""
        octets = [line.encode("utf-8") if isinstance(line, str) else line for line in lines]
        self.send(b"".join(line + b"\r\n" for line in octets))
        return self.heard()

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self.protocol.dataReceived(octets)

    def lose(self) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


def factory(
    store: IMailStore,
    passwords: Mapping[str, bytes | str],
    settings: IMAPSettings = CLEAR,
    clock: IReactorTime | None = None,
    tls: Any = None,
    namespaces: Namespaces | None = None,
) -> IMAPServerFactory:
    """An IMAP server over a store.

    Args:
        passwords: account name to password.
        clock: for timeouts; a `Clock` that stands still where None.
        namespaces: names above mailboxes of others, where the store shares any.
    """
    return IMAPServerFactory(
        store, FakeAuthenticator(passwords), settings, clock or Clock(), tls, namespaces=namespaces
    )


def serve(
    store: IMailStore,
    passwords: Mapping[str, bytes | str],
    settings: IMAPSettings = CLEAR,
    clock: IReactorTime | None = None,
) -> Client:
    """A client that is connected to a new server and has heard its greeting; see `factory`."""
    client = Client(factory(store, passwords, settings, clock).buildProtocol(None))
    client.heard()
    return client
