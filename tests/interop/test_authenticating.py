"""Real clients log in by every SASL mechanism they have."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailframe.directory.passwords import make_hash
from mailframe.directory.scram_keys import new_keys
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.sasl.scram import HASHES
from tests.directory import issuer
from tests.node.harness import Node

from . import service
from .service import ALICE, BOB, PASSWORD, run

MESSAGE = b"Subject: by another way\r\n\r\nHello.\r\n"


@functools.cache
def node() -> Node:
    """A service with everything on. Alice's password is kept as a hash and as SCRAM keys, Bob's in clear."""
    base = tempfile.mkdtemp(prefix="mailframe-sasl-")
    Path(base, "keys.json").write_bytes(issuer.keys_text())
    Path(base, "message").write_bytes(MESSAGE)
    running = Node(
        base,
        accounts={ALICE: PASSWORD, BOB: PASSWORD},
        roles=("relay", "store"),
        extra={
            "authenticator.password": ["scram = true", "scram_sha_1 = true", "cram_md5 = true"],
            "authenticator.password.oauth": [
                'jwks_file = "keys.json"',
                f'issuer = "{issuer.ISSUER}"',
                f'audience = ["{issuer.AUDIENCE}"]',
            ],
        },
    )
    running.start()
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    atexit.register(running.stop)
    directory = SQLiteDirectory(str(running.data / "directory.sqlite"), None)
    directory.set_password(ALICE, make_hash(PASSWORD), new_keys(PASSWORD, HASHES))
    directory.set_password(BOB, f"{{PLAIN}}{PASSWORD}")
    return running


@functools.cache
def token() -> str:
    """A token for alice that is good for an hour."""
    now = int(time.time())
    return issuer.token("ES256", iat=now, exp=now + 3600)


def port(name: str) -> str:
    """A listener's port."""
    return str(node().ports[name])


class GsaslTests(TestCase):
    """GNU SASL's own program, which has every SCRAM and binds to the channel by tls-exporter."""

    skip = service.SKIP
    timeout = 120

    def gsasl(
        self, mechanism: str, account: str, *options: str, protocol: str = "imap", ok: tuple[int, ...] = (0,)
    ) -> str:
        words = (f"--{protocol}", f"--mechanism={mechanism}", f"--x509-ca-file={node().certificate}")
        place = port("submission" if protocol == "smtp" else protocol)
        login = ("-a", account, "-p", PASSWORD, "localhost", place)
        return run("gsasl", *words, *options, *login, stdin=b"", ok=ok).decode()

    def test_channel_binding(self) -> None:
        """Both SCRAMs with -PLUS: the server's signature convinces the client."""
        for name in HASHES:
            for account in (ALICE, BOB):
                # It ends with another code than 0 when it does not believe the server.
                self.assertIn("Logged in", self.gsasl(f"{name}-PLUS", account))

    def test_without(self) -> None:
        """Both SCRAMs without it, by a client that says it cannot bind; PLAIN, LOGIN and CRAM-MD5."""
        for name in (*HASHES, "PLAIN", "LOGIN"):
            for account in (ALICE, BOB):
                self.assertIn("Logged in", self.gsasl(name, account, "--no-cb"))
        self.assertIn("Logged in", self.gsasl("CRAM-MD5", BOB))

    def test_over_smtp(self) -> None:
        """It finds STARTTLS and the mechanisms among the keywords, and binds to the channel."""
        for mechanism in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "PLAIN"):
            self.assertIn("235 2.7.0", self.gsasl(mechanism, ALICE, protocol="smtp"))

    def test_downgrade(self) -> None:
        """A client that could bind and says that we cannot is refused: we can."""
        heard = self.gsasl("SCRAM-SHA-256", BOB, ok=(1,))
        self.assertNotIn("Logged in", heard)

    def test_wrong(self) -> None:
        """Who has no account, or no password in clear for CRAM-MD5, is refused."""
        for mechanism, account in (("SCRAM-SHA-256-PLUS", "nobody@example.test"), ("CRAM-MD5", ALICE)):
            self.assertIn("AUTHENTICATIONFAILED", self.gsasl(mechanism, account, ok=(1,)))


class MsmtpTests(TestCase):
    """msmtp, which many a machine sends its mail by."""

    skip = service.SKIP
    timeout = 120

    def msmtp(self, mechanism: str, account: str, secret: str, ok: tuple[int, ...] = (0,)) -> None:
        certificate = f"--tls-trust-file={node().certificate}"
        run("msmtp", "--host=localhost", f"--port={port('submission')}", "--tls=on", "--tls-starttls=on", certificate,
            f"--auth={mechanism}", f"--user={account}", f"--passwordeval=echo {secret}", f"--from={account}", ALICE,
            stdin=MESSAGE, ok=ok)  # fmt: skip

    def test_passwords(self) -> None:
        """Every mechanism with a password."""
        for mechanism in ("plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"):
            self.msmtp(mechanism, BOB, PASSWORD)
        self.msmtp("scram-sha-256", ALICE, PASSWORD)
        self.msmtp("scram-sha-256", BOB, "wrong", ok=(77,))

    def test_tokens(self) -> None:
        """Both mechanisms with a token; a refused one is told from a broken dialogue."""
        for mechanism in ("oauthbearer", "xoauth2"):
            self.msmtp(mechanism, ALICE, token())
            self.msmtp(mechanism, ALICE, "x" + token(), ok=(77,))
            self.msmtp(mechanism, BOB, token(), ok=(77,))


class CurlTests(TestCase):
    """curl, which speaks all three protocols."""

    skip = service.SKIP
    timeout = 120

    def curl(
        self, protocol: str, mechanism: str, account: str, *login: str, ok: tuple[int, ...] = (0,)
    ) -> None:
        place = port("submission" if protocol == "smtp" else protocol)
        words = ["curl", "-sS", "--ssl-reqd", "--cacert", str(node().certificate), "--resolve",
                 f"localhost:{place}:127.0.0.1", "--login-options", f"AUTH={mechanism}", *login]  # fmt: skip
        if protocol == "smtp":
            words += ["--mail-from", account, "--mail-rcpt", ALICE, "-T", str(Path(node().base, "message"))]
        run(*words, f"{protocol}://localhost:{place}/", ok=ok)

    def test_passwords(self) -> None:
        """PLAIN, LOGIN and CRAM-MD5 over SMTP, IMAP and POP3."""
        for protocol in ("smtp", "imap", "pop3"):
            for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
                self.curl(protocol, mechanism, BOB, "-u", f"{BOB}:{PASSWORD}")
            self.curl(protocol, "CRAM-MD5", BOB, "-u", f"{BOB}:wrong", ok=(67,))

    def test_tokens(self) -> None:
        """OAUTHBEARER and XOAUTH2 over SMTP, IMAP and POP3."""
        for protocol in ("smtp", "imap", "pop3"):
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                self.curl(protocol, mechanism, ALICE, "-u", ALICE, "--oauth2-bearer", token())
                self.curl(
                    protocol, mechanism, ALICE, "-u", ALICE, "--oauth2-bearer", f"x{token()}", ok=(67, 94)
                )


class SwaksTests(TestCase):
    """swaks, the administrators' own test program."""

    skip = service.SKIP
    timeout = 120

    def test_passwords(self) -> None:
        """PLAIN, LOGIN and CRAM-MD5."""
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            heard = run("swaks", "--server", "127.0.0.1", "--port", port("submission"), "--tls", "--auth", mechanism,
                        "--auth-user", BOB, "--auth-password", PASSWORD, "--from", BOB, "--to", ALICE)  # fmt: skip
            self.assertIn(b"235 2.7.0", heard)


class MbsyncTests(TestCase):
    """mbsync, by Cyrus SASL's library."""

    skip = service.SKIP
    timeout = 120

    def mbsync(self, mechanism: str, account: str, password: str, ok: int = 0) -> None:
        place = Path(tempfile.mkdtemp(prefix="mailframe-mbsync-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        (place / "mail").mkdir()
        (place / "rc").write_text(
            f"IMAPAccount a\nHost localhost\nPort {port('imaps')}\nUser {account}\nPass {password}\n"
            f"AuthMechs {mechanism}\nSSLType IMAPS\nCertificateFile {node().certificate}\n"
            f"SystemCertificates no\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {place}/mail/\n"
            f"Inbox {place}/INBOX\n\nChannel c\nFar :far:\nNear :near:\nSyncState {place}/state\nCreate Near\n"
        )
        run("mbsync", "-q", "-c", place / "rc", "c", ok=(ok,))
        self.assertEqual((place / "INBOX" / "new").is_dir(), not ok)

    def test_passwords(self) -> None:
        """Each mechanism as the only one it may use; SCRAM with keys and with a password in clear."""
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"):
            self.mbsync(mechanism, ALICE, PASSWORD)
        for mechanism in ("SCRAM-SHA-256", "CRAM-MD5"):
            self.mbsync(mechanism, BOB, PASSWORD)
        self.mbsync("SCRAM-SHA-256", ALICE, "wrong", ok=1)
