"""Our TLS as the OpenSSL program sees it: versions, names, ciphers, groups, certificates of clients."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.tls.development import make_certificate
from tests.node.harness import Node
from tests.tls.authorities import issue, trusted

from . import service

NAMES = {
    "mail.example.test": "mail.example.test",
    "other.example.test": "other.example.test",
    "any.wild.test": "*.wild.test",
    "unknown.test": "mail.example.test",
}
WAYS: dict[str, tuple[str, Sequence[str]]] = {
    "SMTP": ("smtp", ("-starttls", "smtp")),
    "submission": ("submission", ("-starttls", "smtp")),
    "submissions": ("submissions", ()),
    "LMTP": ("lmtp", ("-starttls", "lmtp")),
    "IMAP": ("imap", ("-starttls", "imap")),
    "IMAPS": ("imaps", ()),
    "POP3": ("pop3", ("-starttls", "pop3")),
    "POP3S": ("pop3s", ()),
}
REFUSED_CIPHERS = (
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA384",
    "AECDH-AES128-SHA",
    "ADH-AES128-GCM-SHA256",
    "ECDHE-ECDSA-NULL-SHA",
    "PSK-AES128-GCM-SHA256",
)
TAKEN_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
)


@functools.cache
def node() -> Node:
    """A service with several certificates, two kinds of key, and client certificates on request."""
    import atexit

    base = tempfile.mkdtemp(prefix="mailframe-openssl-")
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    here = Path(base)
    make_certificate(str(here / "tls"), ["mail.example.test", "localhost"])
    issue("mail.example.test", "localhost", key="RSA").write(str(here / "found" / "rsa"))
    issue("other.example.test").write(str(here / "found" / "other"))
    issue("*.wild.test").write(str(here / "found" / "wild"))
    authorities = trusted(str(here / "authorities.pem"))
    extra = {
        "tls": [
            f'directories = ["{here / "found"}"]',
            'client_certificates = "request"',
            f'client_authorities = "{authorities}"',
        ]
    }
    found = Node(base, {service.ALICE: service.PASSWORD}, workers=1, extra=extra)
    found.start()
    atexit.register(found.stop)
    return found


def s_client(way: str, *options: str) -> tuple[int, str]:
    """A handshake; the exit code and all that the program says."""
    port, starttls = WAYS[way]
    done = subprocess.run(
        [
            service.program("openssl"),
            "s_client",
            "-connect",
            f"127.0.0.1:{node().ports[port]}",
            *starttls,
            "-brief" if "-showcerts" not in options else "-nocommands",
            *options,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


class OpenSSLTests(SynchronousTestCase):
    """``openssl s_client`` against every listener."""

    skip = service.SKIP

    def agreed(self, way: str, *options: str) -> str:
        code, text = s_client(way, *options)
        self.assertIn("CONNECTION ESTABLISHED", text, (way, options, code, text))
        return text

    def refused(self, way: str, *options: str) -> None:
        code, text = s_client(way, *options)
        self.assertNotIn("CONNECTION ESTABLISHED", text, (way, options))
        self.assertNotEqual(0, code, (way, options))

    def test_versions(self) -> None:
        """TLS 1.3 and 1.2 on every listener; 1.1 and 1.0 on none, though the client insists."""
        for way in WAYS:
            self.assertIn("Protocol version: TLSv1.3", self.agreed(way))
            self.assertIn("Protocol version: TLSv1.2", self.agreed(way, "-tls1_2"))
            for old in ("-tls1_1", "-tls1"):
                self.refused(way, old, "-cipher", "ALL:@SECLEVEL=0")

    def test_names(self) -> None:
        """Exact name, wildcard, default; no name is the default as well."""
        for way in WAYS:
            for name, shown in NAMES.items():
                self.assertIn(shown, self.subject(way, "-servername", name), (way, name))
            self.assertIn("mail.example.test", self.subject(way, "-noservername"))

    def subject(self, way: str, *options: str) -> str:
        _, text = s_client(way, "-showcerts", *options)
        found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.DOTALL)
        assert found is not None, text
        return service.run(
            "openssl", "x509", "-noout", "-ext", "subjectAltName", stdin=found.group().encode()
        ).decode()

    def test_ciphers(self) -> None:
        """Forward secrecy and authenticated encryption, with either kind of key; nothing else."""
        for way in ("SMTP", "submissions", "IMAPS", "POP3S"):
            for cipher in TAKEN_CIPHERS:
                text = self.agreed(way, "-tls1_2", "-cipher", cipher, "-servername", "mail.example.test")
                self.assertIn(f"Ciphersuite: {cipher}", text)
            for cipher in REFUSED_CIPHERS:
                self.refused(way, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        for cipher in ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"):
            self.assertIn(f"Ciphersuite: {cipher}", self.agreed("SMTP", "-ciphersuites", cipher))

    def test_groups(self) -> None:
        """The groups that we list, and no other."""
        for way in ("SMTP", "submissions", "IMAPS", "POP3S"):
            for group, shown in (
                ("X25519", "X25519"),
                ("P-256", "P-256|prime256v1"),
                ("P-384", "P-384|secp384r1"),
            ):
                text = self.agreed(way, "-groups", group)
                self.assertRegex(text, f"Server Temp Key:.*({shown})|Negotiated TLS1.3 group: .*")
            self.refused(way, "-groups", "P-521")

    def test_renegotiation_and_compression(self) -> None:
        """Neither is there."""
        text = service.run(
            "openssl",
            "s_client",
            "-connect",
            f"127.0.0.1:{node().ports['imaps']}",
            "-tls1_2",
            stdin=b"R\n",
            ok=(0, 1),
        ).decode("utf-8", "replace")
        self.assertIn("Compression: NONE", text)
        self.assertIn("Secure Renegotiation IS supported", text)
        self.assertNotIn("RENEGOTIATING\ndepth", text)

    def test_client_certificates(self) -> None:
        """The program's certificate logs its owner in by SASL EXTERNAL's name; without one it is served as well."""
        files = issue(service.ALICE).write(tempfile.mkdtemp(dir=node().base))
        text = self.agreed("submissions", "-cert", files.certificate, "-key", files.key)
        self.assertIn("TLSv1.3", text)
        self.agreed("submissions", "-tls1_2", "-cert", files.certificate, "-key", files.key)
        self.agreed("submissions")

    def test_verified(self) -> None:
        """The program verifies chain and name of what it is shown, with its own rules."""
        authorities = os.path.join(node().base, "authorities.pem")
        for way in WAYS:
            for name, answer in (("other.example.test", "OK"), ("any.wild.test", "OK")):
                text = self.agreed(
                    way,
                    "-servername",
                    name,
                    "-CAfile",
                    authorities,
                    "-verify_return_error",
                    "-verify_hostname",
                    name,
                )
                self.assertIn(f"Verification: {answer}", text)
