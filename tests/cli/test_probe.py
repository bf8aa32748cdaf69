"""Tests of ``mailframe probe``."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from typing import Any, BinaryIO

from mailframe.tls.development import make_certificate

from .runner import CommandTestCase
from .servers import Server, StartTLS, tcp


class Talk:
    """A server that offers STARTTLS and logins, and relays for everybody where it is told so."""

    def __init__(self, context: Any, relays: bool = False) -> None:
        self.context = context
        self.relays = relays
        self.said: list[str] = []

    def __call__(self, file: BinaryIO) -> None:
        secure = isinstance(getattr(file, "_sock", None), ssl.SSLSocket)
        if not secure:
            file.write(b"220 mx.example.test at your service\r\n")
        while line := file.readline():
            words = line.decode().split()
            self.said.append(" ".join(words))
            verb = words[0].upper()
            if verb == "EHLO":
                tls = b"" if secure else b"250-STARTTLS\r\n"
                file.write(b"250-mx.example.test\r\n" + tls + b"250-AUTH PLAIN\r\n250 SIZE 1000\r\n")
            elif verb == "STARTTLS":
                file.write(b"220 Go on\r\n")
                raise StartTLS(self.context)
            elif verb == "AUTH":
                good = words[2] == "AGFsaWNlAHNlY3JldA=="
                file.write(b"235 OK\r\n" if good else b"535 5.7.8 No\r\n")
            elif verb == "RCPT" and not self.relays:
                file.write(b"550 5.7.1 We do not relay\r\n")
            elif verb == "QUIT":
                file.write(b"221 Bye\r\n")
                return
            else:
                file.write(b"250 OK\r\n")


class ProbeTests(CommandTestCase):
    """What a server is, seen from outside."""

    def setUp(self) -> None:
        super().setUp()
        self.files = make_certificate(str(self.place), ["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.files.certificate, self.files.key)
        self.talk = Talk(context)
        server = Server(tcp(), self.talk)
        self.addCleanup(server.stop)
        self.port = server.port

    def run_apart(self, *arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        """In a process of its own: the command runs the reactor."""
        done = subprocess.run(
            [sys.executable, "-c", "from mailframe.cli import main; main()", "probe", "smtp", *arguments],
            input=stdin, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def probe(self, *arguments: str, stdin: str = "", code: int = 0, host: str = "localhost") -> Any:
        """What comes out as JSON."""
        done = self.run_apart(f"{host}:{self.port}", *arguments, "--json", stdin=stdin, code=code)
        return json.loads(done.stdout)

    def steps(self, report: Any) -> dict[str, bool | None]:
        """What was tried, and how it went."""
        return {step["name"]: step["good"] for step in report["steps"]}

    def test_good(self) -> None:
        """A server with a certificate that holds, that lets us in and does not relay."""
        report = self.probe(
            "--authorities", self.files.certificate, "--user", "alice", "--relay", "joe@elsewhere.test",
            "--hostname", "probe.example.test", stdin="secret\n",
        )  # fmt: skip
        self.assertTrue(report["good"])
        self.assertEqual(
            self.steps(report),
            dict.fromkeys(("connection", "tls", "certificate", "hello", "login", "relay"), True),
        )
        self.assertEqual(report["greeting"], "mx.example.test at your service")
        self.assertEqual(report["keywords"], {"AUTH": "PLAIN", "SIZE": "1000"})
        self.assertEqual(report["tls"]["version"], "TLSv1.3")
        self.assertTrue(report["tls"]["verified"])
        self.assertEqual(self.talk.said[0], "EHLO probe.example.test")
        self.assertNotIn("DATA", self.talk.said)

    def test_certificate(self) -> None:
        """A certificate that does not hold is a fault; the facts of TLS are told all the same."""
        report = self.probe(code=1)
        self.assertEqual(self.steps(report)["certificate"], False)
        self.assertFalse(report["tls"]["verified"])

    def test_password(self) -> None:
        """A password is not shown to a server whose certificate does not hold."""
        report = self.probe("--user", "alice", stdin="secret\n", code=1)
        self.assertEqual(self.steps(report)["login"], False)
        self.assertFalse([line for line in self.talk.said if line.startswith("AUTH")])

    def test_hostname(self) -> None:
        """A name beyond ASCII is said in A-labels."""
        self.probe("--no-starttls", "--hostname", "Bücher.example.test")
        self.assertEqual(self.talk.said[0], "EHLO xn--bcher-kva.example.test")

    def test_faults(self) -> None:
        """A wrong password, an open relay."""
        self.talk.relays = True
        report = self.probe(
            "--insecure", "--user", "alice", "--relay", "joe@elsewhere.test", stdin="wrong\n", code=1
        )
        self.assertEqual((self.steps(report)["login"], self.steps(report)["relay"]), (False, False))

    def test_for_people(self) -> None:
        """A table, and a sentence where something is wrong."""
        done = self.run_apart(f"localhost:{self.port}", code=1)
        self.assertIn("TLSv1.3", done.stdout)
        self.assertIn("is not as it should be", done.stderr)

    def test_nobody(self) -> None:
        """Nobody answers: exit code 3."""
        listening = tcp()
        port = listening.getsockname()[1]
        listening.close()
        self.assertIn("No session", self.run_apart(f"127.0.0.1:{port}", code=3).stderr)

    def test_wrong_usage(self) -> None:
        """What is no host or no address is wrong usage."""
        self.run_command("probe", "smtp", "a b", code=2)
        self.run_command("probe", "smtp", "localhost", "--relay", "x", code=2)
        self.run_command("probe", "smtp", "localhost", "--hostname", "a;b", code=2)
        self.run_command("probe", "smtp", "unix:/run/lmtp", "--tls", code=2)
        for seconds in ("0", "-1", "nan", "inf"):
            self.run_command("probe", "smtp", "localhost", "--timeout", seconds, code=2)
