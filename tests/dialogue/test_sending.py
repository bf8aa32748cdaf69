"""Replies that go out at once."""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from mailframe.dialogue.sending import send_now


class SendNowTests(TestCase):
    """What the socket takes is sent; everything else is left to the transport."""

    def setUp(self) -> None:
        """A connection over a pair of sockets."""
        ours, self.theirs = socket.socketpair()
        ours.setblocking(False)
        self.addCleanup(self.theirs.close)
        self.addCleanup(ours.close)
        self.connection = Connection(ours, Protocol(), reactor)
        self.connection.connected = 1

    def test_sent(self) -> None:
        """A short reply is with the peer before the reactor has a turn."""
        self.assertEqual(send_now(self.connection, b"250 OK\r\n"), b"")
        self.assertEqual(self.theirs.recv(100), b"250 OK\r\n")

    def test_more_than_fits(self) -> None:
        """The rest of a long answer comes back, in order."""
        data = bytes(range(256)) * 40_000
        rest = send_now(self.connection, data)
        self.assertTrue(rest)
        self.assertTrue(data.endswith(rest))
        sent = len(data) - len(rest)
        self.assertEqual(self.theirs.recv(sent, socket.MSG_WAITALL), data[:sent])

    def test_order(self) -> None:
        """While earlier octets wait in the transport, nothing overtakes them."""
        self.connection._tempDataBuffer.append(b"first")
        self.connection._tempDataLen = 5
        self.assertEqual(send_now(self.connection, b"second"), b"second")

    def test_never_in_clear_under_tls(self) -> None:
        """After STARTTLS nothing goes past the encryption."""
        self.connection.TLS = True
        self.assertEqual(send_now(self.connection, b"secret"), b"secret")
        self.theirs.setblocking(False)
        self.assertRaises(BlockingIOError, self.theirs.recv, 100)

    def test_broken(self) -> None:
        """A connection that is gone is the reactor's to notice."""
        self.theirs.close()
        send_now(self.connection, b"x")
        self.assertEqual(send_now(self.connection, b"lost"), b"lost")

    def test_other_transports(self) -> None:
        """Transports of other kinds are written to the usual way."""
        self.assertEqual(send_now(StringTransport(), b"x"), b"x")
