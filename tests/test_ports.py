"""The ports that tests are given."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from .ports import claim, free_port


def unclaimed_port() -> int:
    """A port of the system's own choice, above those that `claim` is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class ClaimTests(SynchronousTestCase):
    """Ports for one process of tests."""

    def setUp(self) -> None:
        """Two ports that nobody else is given, and a server on one of them."""
        self.taken = free_port()
        self.free = unclaimed_port()
        self.server = socket.create_server(("127.0.0.1", self.taken))
        self.addCleanup(self.server.close)

    def test_all_or_none(self) -> None:
        """Where one of several ports is taken, none of them is lost to others."""
        self.assertFalse(claim([self.free, self.taken]))
        self.assertTrue(claim([self.free]))
        self.assertFalse(claim([self.free]))

    def test_closed_connections(self) -> None:
        """A port is free though connections that a test has closed still linger on it."""
        port = self.free
        with socket.create_server(("127.0.0.1", port)) as server:
            with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as accepted:
                accepted.close()
                self.assertEqual(client.recv(1), b"")
        self.assertTrue(claim([port]))
