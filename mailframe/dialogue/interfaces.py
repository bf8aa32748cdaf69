"""The contract between a connection and the protocol spoken on it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from mailframe.message.origin import TLSFacts
from mailframe.message.status import ProtocolError

from .buffer import ReceiveBuffer

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLServerConnectionCreator


class _NeedData:
    """The type of `NEED_DATA`."""

    def __repr__(self) -> str:
        return "NEED_DATA"


NEED_DATA: Final = _NeedData()
"""What a reader answers when no whole event has arrived."""


class IConversation(Interface):
    """One side of one protocol on one connection: the reader of events and the giver of answers.

    A conversation is made with the connection and used by one connection only. Its methods are called in
    order: `opened`, then for each event `next_event` and `handle` (never two at once), at last `closed`.
    """

    def opened(connection: IConnection) -> Awaitable[None]:
        """The connection stands; a server greets here."""

    def next_event(buffer: ReceiveBuffer) -> object:
        """Take the next event from the buffer.

        Called again after each event was handled. Must take time proportional to what is new.

        Returns:
            An event for `handle`, or `NEED_DATA`.

        Raises:
            ProtocolError: what arrived is not the protocol; goes to `protocol_error`.
        """

    def handle(event: object) -> Awaitable[None]:
        """Answer one event by ``connection.write``; the next event waits until this is done."""

    def protocol_error(error: ProtocolError) -> None:
        """Tell the peer that it broke the protocol. After a fatal error the connection is closed."""

    def internal_error(failure: Failure) -> None:
        """Tell the peer, without details, that `handle` failed; the failure has been logged.

        The connection goes on unless this closes it.
        """

    def timed_out() -> None:
        """Tell the peer that it was silent too long; the connection is closed after this."""

    def closed() -> None:
        """The connection is gone; whatever it held must be given back. A running `handle` is cancelled."""


class IFarewell(Interface):
    """A conversation that can say goodbye when the service goes away; provided besides `IConversation`."""

    def farewell() -> bool:
        """Say goodbye (421, BYE) unless a transaction is under way.

        Returns:
            True: said, the connection is closed after this. False: in the middle of something; asked again soon.
        """


class IHandshaken(Interface):
    """A conversation that speaks first when TLS is on; provided besides `IConversation`."""

    def handshaken() -> None:
        """TLS, begun by `IConnection.start_tls`, is on now."""


class IOwned(Interface):
    """A conversation that knows whose it is; provided besides `IConversation`."""

    def owner() -> str:
        """The canonical name of the account it is of; "" before somebody logged in."""


class IConnection(Interface):
    """What a conversation may do with its connection."""

    peer = Attribute("The peer's IP address as ``str``; 'unix' for a local socket.")
    peer_port = Attribute("The peer's port as ``int``, or 0.")
    local_port = Attribute("The port it came in by as ``int``, or 0.")
    secure = Attribute("`bool`: is TLS on?")
    confidential = Attribute(
        "`bool`: may a client say secrets here: is TLS on, or did it end at a proxy that is trusted with it "
        "(`ProxyFacts.tls_counts`)?"
    )
    proxy = Attribute("`ProxyFacts` of the proxy in front that sent a PROXY header, or None.")

    def write(data: bytes) -> None:
        """Send octets; returns at once."""

    def drained() -> Awaitable[None]:
        """Wait until the peer has read enough that more may be written.

        Long answers await this between pieces, so that a slow reader costs no memory.
        """

    def buffered() -> int:
        """How many received octets wait behind the event being handled."""

    def acknowledge() -> None:
        """Acknowledge at once what has arrived, where the system lets us.

        For the moment when a peer is known to hold back a last small piece until what it sent before is
        acknowledged (Nagle's algorithm), while we would wait with that for something to send.
        """

    def start_tls(contexts: IOpenSSLServerConnectionCreator, reply: bytes = b"") -> None:
        """Begin the TLS handshake as server; what was written before goes out in clear.

        Args:
            contexts: the certificates to show.
            reply: the go-ahead, the last octets in clear; not sent when this raises.

        Raises:
            ProtocolError: fatal, when octets wait behind the command: they were sent in clear and must not
                be taken for what the client says under TLS (RFC 3207 section 4.2).
        """

    compressed = Attribute("Are octets compressed (RFC 4978)? `bool`.")

    def compress() -> None:
        """From now on octets are compressed both ways; the go-ahead has been written.

        Raises:
            ProtocolError: fatal: the peer sent something behind its wish.
        """

    def tls_facts() -> TLSFacts | None:
        """What the handshake agreed on; None before or without it."""

    def channel_binding() -> bytes | None:
        """The ``tls-exporter`` channel binding (RFC 9266), or None in clear."""

    def set_timeout(seconds: float) -> None:
        """From now on the peer may be silent so long while it is its turn."""

    def close(lingering: bool = False) -> None:
        """End the connection after what was written has gone out.

        Args:
            lingering: the peer may still be sending: read on for a while, and throw it away, so that the peer
                can read our last words. (Closing with unread octets resets the connection.)
        """

    def abort() -> None:
        """End the connection at once."""
