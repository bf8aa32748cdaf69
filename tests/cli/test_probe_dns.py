"""Tests of ``mailframe probe dns``."""

from __future__ import annotations

import json
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from mailframe.cli import probe_dns
from mailframe.dns.interfaces import LookupFailed
from mailframe.dns.options import DNSOptions
from mailframe.dns.values import Answer, Found, MXRecord, RecordType, SRVRecord
from mailframe.testing.dns_server import FakeNameServer

from .runner import CommandTestCase

MX = Answer(
    "a.test",
    RecordType.MX,
    Found.RECORDS,
    (MXRecord(10, "mx.a.test"), MXRecord(0, "")),
    "b.test",
    secure=True,
)


class ProbeDNSTests(CommandTestCase):
    """What is told of answers."""

    def setUp(self) -> None:
        super().setUp()
        self.answers: list[Answer | LookupFailed] = []
        self.asked: list[tuple[DNSOptions, str, list[RecordType]]] = []

        def ask(options: DNSOptions, name: str, kinds: list[RecordType]) -> list[Answer | LookupFailed]:
            self.asked.append((options, name, kinds))
            return self.answers

        self.patch(probe_dns, "_ask", ask)

    def test_table(self) -> None:
        """Each record has a line, and where an alias leads; and whether DNSSEC proves it."""
        service = Answer("a.test", RecordType.SRV, Found.RECORDS, (SRVRecord(1, 2, 3, ""),), "a.test")
        texts = Answer("a.test", RecordType.TXT, Found.RECORDS, (b"v=spf1 -all", b"\x00\xff"), "a.test")
        nothing = Answer("a.test", RecordType.AAAA, Found.NO_RECORDS, (), "a.test")
        self.answers = [MX, service, texts, nothing]
        text = self.run_command("probe", "dns", "A.test").stdout
        for word in (
            "10 mx.a.test",
            "0 .",
            "b.test",
            "proved",
            "1 2 3 .",
            "v=spf1 -all",
            "00ff",
            "no records",
        ):
            self.assertIn(word, text)

    def test_questions(self) -> None:
        """Domains are asked for what mail wants, addresses for their names; what is said counts more."""
        for arguments, name, kinds in (
            (("Example.test.",), "example.test", "MX A AAAA"),
            (("B\xfccher.test",), "xn--bcher-kva.test", "MX A AAAA"),
            (("192.0.2.1",), "1.2.0.192.in-addr.arpa", "PTR"),
            (("_25._tcp.mx.test", "-t", "tlsa", "-t", "A"), "_25._tcp.mx.test", "TLSA A"),
            ((".", "-t", "NS"), ".", "NS"),
        ):
            self.run_command("probe", "dns", *arguments)
            self.assertEqual(
                (name, kinds), (self.asked[-1][1], " ".join(kind.name for kind in self.asked[-1][2]))
            )

    def test_servers(self) -> None:
        """The resolvers of the configuration are asked, or those that are named."""
        self.make_service()
        with self.config.open("a") as file:
            file.write('\n[dns]\nservers = ["192.0.2.1"]\n')
        self.on_service("probe", "dns", "a.test")
        self.on_service("probe", "dns", "a.test", "--server", "192.0.2.2:5353")
        self.run_command("probe", "dns", "a.test")
        self.assertEqual([["192.0.2.1"], ["192.0.2.2:5353"], []], [each[0].servers for each in self.asked])

    def test_mistakes(self) -> None:
        """What is no name, no type and no server is told."""
        self.run_command("probe", "dns", "a..test", code=2)
        self.run_command("probe", "dns", "a.test", "-t", "XYZ", code=2)
        self.run_command("probe", "dns", "a.test", "--server", "resolver", code=2)

    def test_exit_codes(self) -> None:
        """No such name and no resolver have their own exit codes."""
        self.answers = [Answer("a.test", RecordType.MX, Found.NO_NAME, (), "a.test")]
        self.assertIn("no name a.test", self.run_command("probe", "dns", "a.test", code=1).output)
        self.answers = [LookupFailed("quiet")]
        self.assertIn("quiet", self.run_command("probe", "dns", "a.test", code=3).output)

    def test_json(self) -> None:
        """Programs get all of it."""
        self.answers = [MX, LookupFailed("quiet", True)]
        told = json.loads(self.run_command("probe", "dns", "a.test", "--json", code=3).stdout)
        self.assertEqual("a.test", told["name"])
        self.assertEqual(["10 mx.a.test", "0 ."], told["answers"][0]["records"])
        self.assertEqual((True, "b.test"), (told["answers"][0]["dnssec"], told["answers"][0]["canonical"]))
        self.assertEqual({"failed": "quiet", "servfail": True}, told["answers"][1])


class ProbeServerTests(TestCase):
    """The command as a process, with a name server."""

    async def test_asks(self) -> None:
        """It asks the resolver that is named."""
        server = FakeNameServer(reactor)
        server.zones.mx("example.test", (10, "mx.example.test")).sign("example.test")
        server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        script = "from mailframe.cli import main; main()"
        arguments = ["-c", script, "probe", "dns", "example.test", "--server", str(server.server), "--json"]
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, env=None)
        self.assertEqual((b"", 0), (errors, code))
        mx, *addresses = json.loads(output)["answers"]
        self.assertEqual((["10 mx.example.test"], True), (mx["records"], mx["dnssec"]))
        self.assertEqual(["no records", "no records"], [each["found"] for each in addresses])
