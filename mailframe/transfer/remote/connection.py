"""A connection to another server, for commands: blocking, with a timeout for every wait."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from mailframe.sasl.client import ClientCredentials
from mailframe.transfer.values import TransferError

TIMEOUT = 120.0
"""Seconds that a server may take for anything. Opening a large mailbox for the first time takes a while."""
RECEIVED = 256 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """The other server, and how we log in there.

    Attributes:
        host, port: where it is.
        credentials: who we are.
        context: trust and parameters of TLS.
        security: ``tls`` from the first octet, ``starttls``, or ``none``: in clear, where even passwords may be sent,
            which is for loopback and closed networks.
    """

    host: str
    port: int
    credentials: ClientCredentials
    context: ssl.SSLContext
    security: str = "tls"
    timeout: float = TIMEOUT


class Connection:
    """One connection.

    Args:
        peer: where to.

    Raises:
        TransferError: nobody answers, or not by TLS.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        try:
            self._socket = socket.create_connection((peer.host, peer.port), peer.timeout)
        except OSError as error:
            raise TransferError(
                f"Nobody answers at {peer.host}:{peer.port}: {error.strerror or error}."
            ) from None
        if peer.security == "tls":
            self.start_tls()

    @property
    def secure(self) -> bool:
        """Is TLS on?"""
        return isinstance(self._socket, ssl.SSLSocket)

    def start_tls(self) -> None:
        """Speak TLS from now on.

        Raises:
            TransferError: it cannot be had, or the server is not who it should be.
        """
        try:
            self._socket = self._peer.context.wrap_socket(self._socket, server_hostname=self._peer.host)
        except OSError as error:
            self.close()
            reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or error
            raise TransferError(f"TLS with {self._peer.host} failed: {reason}.") from None

    def send(self, octets: bytes) -> None:
        """Send all of it.

        Raises:
            TransferError: the connection is lost.
        """
        try:
            self._socket.sendall(octets)
        except OSError as error:
            raise self._lost(error) from None

    def receive(self) -> bytes:
        """What arrives next; never empty.

        Raises:
            TransferError: the connection is lost, or nothing arrives in time.
        """
        try:
            octets = self._socket.recv(RECEIVED)
        except OSError as error:
            raise self._lost(error) from None
        if not octets:
            raise TransferError(
                f"{self._peer.host} closed the connection. Run it again: it goes on from here."
            )
        return octets

    def close(self) -> None:
        """Close it; twice is fine."""
        self._socket.close()

    def _lost(self, error: OSError) -> TransferError:
        reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or error
        return TransferError(
            f"The connection to {self._peer.host} is lost: {reason}. Run it again: it goes on from here."
        )
