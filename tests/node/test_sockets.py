"""The sockets that the parent holds."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.node.sockets import CannotListen, ListeningSockets
from tests.ports import free_ports


class ListeningSocketsTests(TestCase):
    """Opened once, kept as long as wanted."""

    def setUp(self) -> None:
        """None yet."""
        self.base = tempfile.mkdtemp(prefix="mf-sockets-")
        self.addCleanup(shutil.rmtree, self.base)
        self.sockets = ListeningSockets(reactor)
        self.addCleanup(self.sockets.keep_only, ())

    async def test_kinds(self) -> None:
        """TCP, IPv6, implicit TLS and UNIX sockets are opened and wait for whoever accepts."""
        path = os.path.join(self.base, "lmtp")
        addresses = [
            "tcp:0:interface=127.0.0.1",
            "ssl:tcp:0:interface=127.0.0.1",
            "tcp6:0:interface=\\:\\:1",
            f"unix:{path}:mode=600",
        ]
        self.assertEqual(list(await self.sockets.add(addresses)), addresses)
        self.assertEqual(list(await self.sockets.add(addresses)), [])
        plain, implicit, six, unix = self.sockets.select(addresses)
        self.assertEqual(
            [one.family for one in (plain, implicit, six, unix)],
            [socket.AF_INET, socket.AF_INET, socket.AF_INET6, socket.AF_UNIX],
        )
        self.assertTrue(six.bound_to().startswith("[::1]:"))
        self.assertEqual(unix.bound_to(), path)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        host, port = plain.bound_to().split(":")
        with socket.create_connection((host, int(port))) as client:
            adopted = socket.fromfd(plain.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            accepted, _ = adopted.accept()
            accepted.close()
            adopted.close()
            self.assertEqual(client.recv(1), b"")

    async def test_keep_only(self) -> None:
        """What is not wanted any more is closed, and its path goes."""
        path = os.path.join(self.base, "lmtp")
        await self.sockets.add(["tcp:0:interface=127.0.0.1", f"unix:{path}"])
        await self.sockets.keep_only(["tcp:0:interface=127.0.0.1"])
        self.assertFalse(os.path.exists(path))
        self.assertEqual([one.address for one in self.sockets.current()], ["tcp:0:interface=127.0.0.1"])

    async def test_all_errors_at_once(self) -> None:
        """Every address that fails is told, and none of the new ones stays."""
        await self.sockets.add(["tcp:0:interface=127.0.0.1"])
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1]
            with self.assertRaises(CannotListen) as raised:
                await self.sockets.add(
                    [
                        f"unix:{self.base}/ok",
                        f"tcp:{number}:interface=127.0.0.1",
                        "unix:/nonexistent/directory/socket",
                        "systemd:domain=INET:name=nothing",
                    ]
                )
        errors = raised.exception.errors
        self.assertEqual(len(errors), 3, errors)
        self.assertIn("Address already in use", errors[0])
        self.assertEqual(len(self.sockets.current()), 1)
        self.assertFalse(os.path.exists(f"{self.base}/ok"))

    async def test_same_socket(self) -> None:
        """A reload that puts ``haproxy:`` or ``ssl:`` in front of an address keeps its socket open."""
        (number,) = free_ports(1)
        plain = f"tcp:{number}:interface=127.0.0.1"
        fronted = f"haproxy:{plain}"
        await self.sockets.add([plain])
        (before,) = self.sockets.select([plain])
        self.assertEqual(list(await self.sockets.add([fronted])), [fronted])
        (after,) = self.sockets.select([fronted])
        self.assertEqual(before.fileno(), after.fileno())
        await self.sockets.keep_only([fronted])
        with socket.create_connection(("127.0.0.1", number)):
            pass
        await self.sockets.remove([fronted])
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", number))
