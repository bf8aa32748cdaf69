"""Runs what the page «Accounts and domains by HTTP» shows, against a running node."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile

from click.testing import CliRunner
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailframe.api.tokens import TokenFile
from mailframe.cli.app import mailframe
from tests.node.harness import Node
from tests.ports import free_port

from .pages import DOCS, commands


class HTTPTests(SynchronousTestCase):
    """The page is right."""

    def setUp(self) -> None:
        """A node with the API."""
        if shutil.which("curl") is None:
            raise SkipTest("curl is not installed")
        base = tempfile.mkdtemp(prefix="mailframe-docs-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.port = free_port()
        extra = {"api": [f'listen = ["ssl:{self.port}:interface=127.0.0.1"]']}
        self.node = Node(base, {"alice@example.test": "wonder"}, ("store",), workers=1, extra=extra)
        self.addCleanup(self.node.stop)
        self.node.start()
        self.token = TokenFile(str(self.node.data / "api-tokens.json")).add("page", ["write"])

    def test_commands(self) -> None:
        """Every line of the page works, one after the other."""
        lines = commands(DOCS / "http-api.rst")
        outputs = [self.run_line(line) for line in lines]
        told = [json.loads(output) for line, output in zip(lines, outputs, strict=True)
                if line.startswith("curl") and output]  # fmt: skip
        self.assertEqual(18, len(lines))
        self.assertEqual([], [one for one in told if "detail" in one])
        accounts = next(one for one in told if "accounts" in one)
        self.assertEqual(["dora@example.org"], [one["account"] for one in accounts["accounts"]])
        self.assertIn(["added", "removed"], [one.get("outcomes") for one in told])
        self.assertIn("api:page", outputs[-2])

    def run_line(self, line: str) -> str:
        """What one line prints."""
        line = line.replace("/srv/mail/mailframe.toml", str(self.node.configuration))
        program, *words = shlex.split(line.replace("$TOKEN", self.token))
        if program == "mailframe":
            result = CliRunner().invoke(mailframe, words)
            self.assertEqual(0, result.exit_code, f"{line}\n{result.output}")
            return str(result.stdout)
        self.assertEqual("curl", program)
        done = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "20"),
                *("--cacert", str(self.node.certificate)),
                *(word.replace("mail.example.org:2443", f"localhost:{self.port}") for word in words),
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual(0, done.returncode, f"{line}\n{done.stdout}\n{done.stderr}")
        return done.stdout
