"""A thousand sessions that are opened and never go on."""

from __future__ import annotations

import imaplib
import poplib
import resource
import smtplib
import socket
import time

from .service import ALICE, MEGABYTE, PASSWORD, AbusedTests, resident, room_for

SESSIONS = 1000


class HalfOpenTests(AbusedTests):
    """With the limits for one network as they are, for this machine too."""

    extra = {"role.mx": ["exempt_networks = []"]}

    def setUp(self) -> None:
        """The service begins with the soft limit of open files that systems give."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        try:
            super().setUp()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        room_for(4 * SESSIONS)

    def open(self, port: str, beginning: bytes) -> tuple[list[socket.socket], list[bytes]]:
        """A thousand sessions; each sends the beginning of a command. The first words each gets."""
        connections = []
        for _ in range(SESSIONS):
            connection = socket.create_connection(("127.0.0.1", self.node.ports[port]), 30)
            self.addCleanup(connection.close)
            connections.append(connection)
            connection.sendall(beginning)
        return connections, [connection.recv(1000) for connection in connections]

    def test_one_network_gets_its_share(self) -> None:
        """Above the limit for one network each is told to come later; memory stays small; then all is well."""
        connections, words = self.open("smtp", b"EHLO half")
        refused = [word for word in words if word.startswith(b"421 4.7.0 ")]
        held = [word for word in words if word.startswith(b"220 ")]
        self.assertEqual(len(refused) + len(held), SESSIONS)
        self.assertGreater(len(held), 50)
        self.assertGreater(len(refused), 500)
        for connection in connections:
            connection.close()
        self.wait_until_welcome()
        self.assert_bounded(15 * MEGABYTE)

    def wait_until_welcome(self, seconds: float = 15.0) -> None:
        """The service needs a moment to notice that a thousand clients have gone."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.smtp().quit()
                return
            except smtplib.SMTPConnectError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class ManyHeldTests(HalfOpenTests):
    """Without a limit for one network: a thousand clients from everywhere."""

    extra = {
        "role.mx": ["connections_limit_per_network = 0"],
        "role.store.imap_options": ["connections_limit_per_network = 0"],
        "role.store.pop3_options": ["connections_limit_per_network = 0"],
    }

    def test_one_network_gets_its_share(self) -> None:
        """All three thousand sessions are held in little memory, and others are served meanwhile."""
        for port, beginning, greeting in (
            ("smtp", b"EHLO half", b"220 "),
            ("imap", b"a LOGIN {5", b"* OK"),
            ("pop3", b"USER hal", b"+OK"),
        ):
            _, words = self.open(port, beginning)
            self.assertEqual(sum(word.startswith(greeting) for word in words), SESSIONS)
        self.assert_bounded(100 * MEGABYTE)
        grown = resident(self.node.worker_pids()) - self.before
        self.assertLess(grown / (3 * SESSIONS), 32 * 1024, "octets a session")
        client = imaplib.IMAP4("127.0.0.1", self.node.ports["imap"], timeout=30)
        client.login(ALICE, PASSWORD)
        self.assertEqual(client.select()[0], "OK")
        client.logout()
        maildrop = poplib.POP3("127.0.0.1", self.node.ports["pop3"], timeout=30)
        maildrop.user(ALICE)
        maildrop.pass_(PASSWORD)
        self.assertEqual(maildrop.stat()[0], 2)
        maildrop.quit()
