"""What the service manager is told."""

from __future__ import annotations

import os
import socket
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from mailframe.node.notify import Notifier


class NotifierTests(SynchronousTestCase):
    """Datagrams as sd_notify(3) says."""

    def manager(self, name: str) -> socket.socket:
        """The manager's end."""
        inlet = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(inlet.close)
        inlet.bind(name)
        inlet.setblocking(False)
        return inlet

    def test_states(self) -> None:
        """Each state is one datagram; the variables are gone afterwards."""
        with tempfile.TemporaryDirectory() as base:
            path = os.path.join(base, "notify")
            inlet = self.manager(path)
            environment = {
                "NOTIFY_SOCKET": path,
                "WATCHDOG_USEC": "30000000",
                "WATCHDOG_PID": "1",
                "HOME": "/",
            }
            notifier = Notifier(environment)
            self.assertEqual(environment, {"HOME": "/"})
            self.assertEqual(notifier.watchdog, 30.0)
            notifier.ready("mx on 1 listeners")
            self.assertEqual(inlet.recv(100), b"READY=1\nSTATUS=mx on 1 listeners")
            notifier.reloading()
            self.assertTrue(inlet.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC="))
            notifier.alive()
            self.assertEqual(inlet.recv(100), b"WATCHDOG=1")
            notifier.stopping()
            self.assertTrue(inlet.recv(100).startswith(b"STOPPING=1"))

    def test_abstract(self) -> None:
        """A name with @ is in the abstract namespace."""
        name = f"mailframe-test-{os.getpid()}"
        inlet = self.manager(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).alive()
        self.assertEqual(inlet.recv(100), b"WATCHDOG=1")

    def test_no_manager(self) -> None:
        """Without a manager, or with one that is gone, nothing happens."""
        Notifier({}).ready("x")
        Notifier({"NOTIFY_SOCKET": "/nonexistent/socket"}).ready("x")
        self.assertEqual(Notifier({}).watchdog, 0.0)
