"""What the page about handing mail on shows, against a server of our own."""

from __future__ import annotations

import shlex
import ssl
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.tls.development import make_certificate
from tests.cli.servers import Server, tcp
from tests.cli.test_probe import Talk

from .pages import DOCS, commands


class ProbeTests(SynchronousTestCase):
    """The commands of the page."""

    def test_commands(self) -> None:
        """Each runs, and judges the server."""
        place = Path(self.mktemp()).absolute()
        files = make_certificate(str(place), ["localhost"])
        (place / "password").write_text("secret\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        server = Server(tcp(), Talk(context))
        self.addCleanup(server.stop)
        lines = commands(DOCS / "delivery.rst")
        self.assertEqual(len(lines), 2)
        for line in lines:
            words = shlex.split(line.replace("mail.example.test:25", f"localhost:{server.port}"))
            done = subprocess.run(
                [sys.executable, "-c", "from mailframe.cli import main; main()", *words[1:], "--authorities",
                 files.certificate],
                cwd=place, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
