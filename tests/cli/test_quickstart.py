"""Tests of ``mailframe quickstart``, but for the service itself, which `tests.node` starts."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

from mailframe.cli import quickstart
from mailframe.config.loading import load
from mailframe.tls.development import make_certificate

from .runner import ALICE, CommandTestCase
from .servers import SMTP, Server, tcp

FREE = "7300"


class QuickstartTests(CommandTestCase):
    """One command makes and starts a service."""

    def start(self, code: str, wait: str = "5", exit_code: int = 0) -> str:
        """Run the command with a program of ours in the service's place; its output."""
        self.patch(quickstart, "_twistd", lambda path, log: [sys.executable, "-c", code, path, log])
        place = str(self.config.parent)
        result = self.run_command("quickstart", place, "--port-offset", FREE, "--wait", wait, code=exit_code)
        return result.output

    def test_does_not_start(self) -> None:
        """A service that ends at once is told with the end of its log."""
        text = self.start(
            "import sys; open(sys.argv[2], 'w').write('because of this'); sys.exit(3)", exit_code=1
        )
        self.assertIn("did not start", text)
        self.assertIn("because of this", text)
        self.assertTrue(self.config.exists())

    def test_does_not_answer(self) -> None:
        """A service that does not answer in time is stopped and told."""
        text = self.start("import time; time.sleep(60)", wait="0.3", exit_code=1)
        self.assertIn("Nothing answers on", text)

    def test_taken_ports(self) -> None:
        """A port that something else has is told before anything is started."""
        self.make_service()
        server = Server(tcp(), SMTP().talk)
        self.addCleanup(server.stop)
        text = self.config.read_text().replace("tcp:2525:", f"tcp:{server.port}:")
        self.config.write_text(text)
        told = self.run_command("quickstart", str(self.config.parent), code=1).stderr
        self.assertIn(f"listens on port {server.port} already", told)

    def test_screen(self) -> None:
        """The screen has ports, accounts, a line that sends and a line that reads."""
        self.start("import sys; sys.exit(3)", exit_code=1)
        directory = str(self.config.parent)
        passwords = quickstart._passwords(directory)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(os.path.join(directory, "passwords.json")).st_mode))
        text = quickstart.screen(load(str(self.config)), passwords, "the.log")
        for words in (
            "SMTP        127.0.0.1:9825   STARTTLS",
            "submission  127.0.0.1:9765   TLS",
            "LMTP        127.0.0.1:9724\n",
            "POP3        127.0.0.1:10295  TLS",
            "http://127.0.0.1:9880/",
            f"account {ALICE}   password {passwords[ALICE]}",
            f"--to {ALICE} --subject Hello",
            f"{ALICE} --password {passwords[ALICE]}",
            "Ctrl-C stops it",
        ):
            self.assertIn(words, text)

    def test_stop(self) -> None:
        """A service that was asked to stop has not failed; one that stops by itself has."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        self.assertEqual(0, quickstart._wait_until_stopped(process))
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(3)"])
        self.assertEqual(3, quickstart._wait_until_stopped(process))

    def test_greets(self) -> None:
        """A listener answers when its greeting comes, under TLS where it is TLS."""
        import ssl

        files = make_certificate(str(self.place), ["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        plain, secure = Server(tcp(), SMTP().talk), Server(tcp(), SMTP().talk, context)
        self.addCleanup(plain.stop)
        self.addCleanup(secure.stop)
        for server, implicit_tls in ((plain, False), (secure, True)):
            service = quickstart.Service("mx", "listen", "127.0.0.1", server.port, implicit_tls)
            self.assertTrue(quickstart.greets(service))
        self.assertTrue(Path(files.key).exists())
        closed = tcp()
        port = closed.getsockname()[1]
        closed.close()
        self.assertFalse(quickstart.greets(quickstart.Service("mx", "listen", "127.0.0.1", port, False)))
