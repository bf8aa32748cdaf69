"""What the log and the figures say of handshakes."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs

from mailframe.tls import metrics
from mailframe.tls.client import ClientContexts
from mailframe.tls.policies import ClientPolicy, Level

from .authorities import NAME, stranger, trusted
from .meeting import Meeting
from .test_context import ContextCase, Raw, versions


def value(counter: Any) -> float:
    """What a counter stands at."""
    return float(counter._value.get())


class ServerConnectionTests(ContextCase):
    """Failures are told once, and never as faults of ours."""

    def failing(self, client: Any, **options: Any) -> tuple[list[str], float]:
        before = value(metrics.FAILED)
        with capturedLogs() as events:
            Meeting(self.server(**options), client)
        for event in events:
            self.assertIs(LogLevel.info, event["log_level"])
            self.assertNotIn("log_failure", event)
        return [event["reason"] for event in events], value(metrics.FAILED) - before

    def test_good(self) -> None:
        """A good handshake is counted by its version and says nothing."""
        for version, name in ((SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")):
            before = value(metrics.DONE[name])
            with capturedLogs() as events:
                Meeting(self.server(), Raw(versions(version)))
            self.assertEqual(([], 1), (list(events), value(metrics.DONE[name]) - before))

    def test_no_common_version(self) -> None:
        """An old client is told of in one line."""
        reasons, counted = self.failing(Raw(versions(SSL.TLS1_1_VERSION)))
        self.assertEqual((["unsupported protocol"], 1), (reasons, counted))

    def test_no_certificate(self) -> None:
        """So is a client without the certificate that it must have."""
        reasons, counted = self.failing(
            Raw(), client_certificates="require", client_authorities=trusted(self.mktemp())
        )
        self.assertEqual((["peer did not return a certificate"], 1), (reasons, counted))

    def test_bad_certificate(self) -> None:
        """So is one whose certificate is not good, by what is wrong with it."""
        from .authorities import issue

        files = issue("alice@example.test", ca=stranger()).write(self.mktemp())
        for mode, counted in (("require", 1), ("request", 0)):
            client = ClientContexts(certificate=files).creator(ClientPolicy(Level.ENCRYPT), NAME)
            reasons, failed = self.failing(
                client, client_certificates=mode, client_authorities=trusted(self.mktemp())
            )
            self.assertEqual(1, len(reasons), reasons)
            self.assertIn("authority", reasons[0])
            self.assertEqual(counted, failed)

    def test_client_refuses(self) -> None:
        """A client that does not trust us says so after a handshake that looked good."""
        contexts = ClientContexts(trusted(self.mktemp(), stranger()))
        client = contexts.creator(ClientPolicy(Level.VERIFY, (NAME,)), NAME)
        reasons, _ = self.failing(client)
        self.assertEqual(["tlsv1 alert unknown ca"], reasons)

    def test_garbage(self) -> None:
        """Whoever does not speak TLS is told of in one line."""
        for octets in (b"EHLO there\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, bytes(range(256))):
            connection = self.server().serverConnectionForTLS(None)
            connection.bio_write(octets)
            with capturedLogs() as events:
                self.assertRaises(SSL.Error, connection.do_handshake)
                self.assertRaises(SSL.Error, connection.do_handshake)
            self.assertEqual(1, len(events))

    def test_gone(self) -> None:
        """A look whether the port is open is counted, not written down."""
        before = value(metrics.GONE)
        connection = self.server().serverConnectionForTLS(None)
        self.assertRaises(SSL.WantReadError, connection.do_handshake)
        with capturedLogs() as events:
            connection.bio_shutdown()
        self.assertEqual(([], 1), (list(events), value(metrics.GONE) - before))

    def test_goodbye(self) -> None:
        """A client that closes the line after our goodbye, without its own, has done no wrong; before, it has."""
        for ours, raised in ((True, SSL.ZeroReturnError), (False, SSL.SysCallError)):
            meeting = Meeting(self.server(), Raw())
            server = meeting.server_handle
            if ours:
                server.shutdown()
            server.bio_shutdown()
            with capturedLogs() as events:
                error = self.assertRaises(SSL.Error, server.recv, 100)
            self.assertIsInstance(error, raised)
            self.assertEqual([], list(events))

    def test_certificate_that_cannot_be_read(self) -> None:
        """A client's certificate that cannot be read gives it no name, and is told of."""
        connection = self.server().serverConnectionForTLS(None)

        def unreadable(**options: object) -> None:
            raise ValueError("negative serial number")

        connection.get_peer_certificate = unreadable
        with capturedLogs() as events:
            connection._done()
        self.assertEqual((None, None), (connection.client_name, connection.verified))
        self.assertEqual(1, len(events))

    def test_peer(self) -> None:
        """The line has the client's address."""

        class Protocol:
            transport = StringTransport()

        connection = self.server().serverConnectionForTLS(Protocol())
        connection.bio_write(b"QUIT\r\n")
        with capturedLogs() as events:
            self.assertRaises(SSL.Error, connection.do_handshake)
        self.assertEqual("192.168.1.1", events[0]["peer"])
