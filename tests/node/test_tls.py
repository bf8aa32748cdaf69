"""TLS of a whole node: several workers, and certificates that change under load."""

from __future__ import annotations

import imaplib
import os
import shutil
import smtplib
import socket
import ssl
import tempfile
import threading
import time

from mailframe.tls.development import make_certificate
from tests.tls.authorities import issue, trusted

from .test_twistd import ALICE, MESSAGE, TwistdCase


class TLSTests(TwistdCase):
    """Real sockets."""

    def test_sessions_over_workers(self) -> None:
        """A client comes back with its ticket to whichever worker: always served, by its own one without a whole handshake."""
        node = self.node(roles=("relay",), workers=2)
        context = ssl.create_default_context(cafile=str(node.certificate))
        session: ssl.SSLSession | None = None
        resumed = []
        for _ in range(16):
            with socket.create_connection(("127.0.0.1", node.ports["submissions"]), timeout=20) as plain:
                with context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                    self.assertTrue(client.recv(100).startswith(b"220 "))
                    client.sendall(b"QUIT\r\n")
                    client.recv(100)
                    resumed.append(bool(client.session_reused))
                    session = session or client.session
        self.assertFalse(resumed[0])
        self.assertIn(True, resumed[1:])

    def test_certificate_logs_in(self) -> None:
        """A client with a good certificate is logged in by it, on every way in and with either version of TLS."""
        base = tempfile.mkdtemp(prefix="mf-tls-")
        self.addCleanup(shutil.rmtree, base)
        node = self.node(
            workers=1,
            extra={
                "authenticator.password": ["external = true"],
                "tls": [
                    'client_certificates = "request"',
                    f'client_authorities = "{trusted(os.path.join(base, "authorities.pem"))}"',
                ],
            },
        )
        files = issue(ALICE).write(base)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(node.certificate))
            context.maximum_version = version
            with smtplib.SMTP_SSL("localhost", node.ports["submissions"], context=context) as client:
                client.ehlo()
                self.assertNotIn("EXTERNAL", client.esmtp_features["auth"].split())
            context.load_cert_chain(files.certificate, files.key)
            with smtplib.SMTP_SSL("localhost", node.ports["submissions"], context=context) as client:
                client.ehlo()
                self.assertEqual(235, client.docmd("AUTH", "EXTERNAL =")[0])
            with smtplib.SMTP("localhost", node.ports["submission"]) as client:
                client.starttls(context=context)
                client.ehlo()
                self.assertEqual(235, client.docmd("AUTH", "EXTERNAL =")[0])
            with imaplib.IMAP4_SSL("localhost", node.ports["imaps"], ssl_context=context) as mailboxes:
                self.assertIn("AUTH=EXTERNAL", mailboxes.capabilities)
                self.assertEqual("OK", mailboxes.authenticate("EXTERNAL", lambda challenge: b"")[0])

    def test_swap_under_load(self) -> None:
        """While clients come by STARTTLS, new certificates are taken at once, and nobody is refused."""
        node = self.node(roles=("mx", "store"), workers=2)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        faults: list[str] = []
        seen: list[bytes] = []
        stop = threading.Event()

        def send() -> None:
            while not stop.is_set():
                try:
                    with smtplib.SMTP("127.0.0.1", node.ports["smtp"], "client.test", timeout=20) as client:
                        client.starttls(context=context)
                        assert isinstance(client.sock, ssl.SSLSocket)
                        seen.append(client.sock.getpeercert(binary_form=True) or b"")
                        client.sendmail("joe@sender.test", [ALICE], MESSAGE)
                except Exception as error:
                    faults.append(repr(error))

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(3):
                make_certificate(str(node.certificate.parent), ["localhost", f"new{number}.test"])
                new = ssl.PEM_cert_to_DER_cert(node.certificate.read_text())
                deadline = time.monotonic() + 20
                while seen[-5:].count(new) < 5 and not faults and time.monotonic() < deadline:
                    time.sleep(0.05)
                self.assertEqual(5, seen[-5:].count(new))
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        self.assertEqual([], faults)
        self.assertGreaterEqual(len(set(seen)), 4)
