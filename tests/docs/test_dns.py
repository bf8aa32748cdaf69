"""The commands of ``docs/dns.rst``, with a name server of this test's own."""

from __future__ import annotations

import os
import shlex
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from mailframe.dns.options import DNSOptions
from mailframe.dns.values import RecordType
from mailframe.testing.dns_server import FakeNameServer

from .pages import DOCS, ROOT, commands


class PageTests(TestCase):
    """«Asking the DNS», line by line."""

    timeout = 60.0

    async def test_page(self) -> None:
        """Each line tells what its name has."""
        server = FakeNameServer(reactor)
        server.zones.mx("example.test", "mx.example.test").sign("example.test")
        server.zones.tlsa("_25._tcp.mx.example.test", b"\x03\x01\x01" + bytes(32))
        server.zones.add("1.2.0.192.in-addr.arpa", RecordType.PTR, "mx.example.test")
        server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        outputs = [await self.run_line(line, server) for line in commands(DOCS / "dns.rst")]
        for output, word in zip(outputs, ("10 mx.example.test", "030101", '"mx.example.test"'), strict=True):
            self.assertIn(word, output)

    async def run_line(self, line: str, server: FakeNameServer) -> str:
        """Runs one line to its end, with the test's server in the place of the page's."""
        words = shlex.split(line.removesuffix("--server 127.0.0.1"))[1:]
        program = "from mailframe.cli import main; main()"
        arguments = ["-c", program, *words, "--server", str(server.server)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, env=environment)
        self.assertEqual((0, b""), (code, errors), line)
        return str(output.decode())

    def test_options(self) -> None:
        """Each option of ``[dns]`` is told of."""
        text = (DOCS / "dns.rst").read_text()
        for field in DNSOptions.__attrs_attrs__:  # type: ignore[attr-defined]
            self.assertIn(field.name, text)
