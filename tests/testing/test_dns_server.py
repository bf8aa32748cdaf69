"""Tests of the name server for tests: another DNS library reads what it sends."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dns.values import RecordType, SRVRecord
from mailframe.testing.dns_server import Behaviour, FakeNameServer


class FakeNameServerTests(SynchronousTestCase):
    """What comes back for a query."""

    def setUp(self) -> None:
        self.server = FakeNameServer(None)
        zones = self.server.zones
        zones.mx("a.test", (10, "mx.a.test")).host("mx.a.test", "192.0.2.1", "2001:db8::1")
        zones.txt("a.test", b"x" * 300).tlsa("_25._tcp.mx.a.test", b"\x03\x01\x01" + bytes(32))
        zones.srv("_imaps._tcp.a.test", SRVRecord(0, 1, 993, "mx.a.test")).alias("www.a.test", "mx.a.test")
        zones.add("a.test", RecordType.NS, "ns.a.test").sign("a.test")

    def ask(self, name: str, kind: str, transport: str = "udp", edns: int = 0) -> list[dns.message.Message]:
        """All replies to a query."""
        query = dns.message.make_query(name, kind, use_edns=edns, payload=1232)
        query.flags |= dns.flags.AD
        packets = self.server.packets(query.to_wire(), transport, 1)
        return [dns.message.from_wire(packet, raise_on_truncation=False) for packet in packets]

    def test_records(self) -> None:
        """Each type of record is what was written."""
        for name, kind, text in (
            ("a.test", "MX", "10 mx.a.test."),
            ("mx.a.test", "A", "192.0.2.1"),
            ("mx.a.test", "AAAA", "2001:db8::1"),
            ("a.test", "NS", "ns.a.test."),
            ("a.test", "TXT", '"' + "x" * 255 + '" "' + "x" * 45 + '"'),
            ("_25._tcp.mx.a.test", "TLSA", "3 1 1 " + "00" * 32),
            ("_imaps._tcp.a.test", "SRV", "0 1 993 mx.a.test."),
            ("www.a.test", "CNAME", "mx.a.test."),
        ):
            (reply,) = self.ask(name, kind)
            self.assertEqual([text], [record.to_text() for record in reply.answer[0]], kind)
            self.assertTrue(reply.flags & dns.flags.AD)

    def test_alias(self) -> None:
        """An alias comes with what it leads to."""
        (reply,) = self.ask("www.a.test", "A")
        self.assertEqual(["www.a.test.", "mx.a.test."], [each.name.to_text() for each in reply.answer])

    def test_nothing(self) -> None:
        """What is not there is told with an SOA record."""
        for name, code in (("nobody.test", dns.rcode.NXDOMAIN), ("_tcp.mx.a.test", dns.rcode.NOERROR)):
            (reply,) = self.ask(name, "A")
            self.assertEqual((code, "SOA"), (reply.rcode(), reply.authority[0].to_text().split()[3]))

    def test_too_long(self) -> None:
        """What is too long for UDP says so, by what the query has room for; TCP has room for all."""
        self.server.zones.host("many.test", *(f"192.0.2.{number}" for number in range(60)))
        for transport, edns, cut in (("udp", -1, True), ("udp", 0, False), ("tcp", -1, False)):
            (reply,) = self.ask("many.test", "A", transport, edns)
            self.assertEqual(cut, bool(reply.flags & dns.flags.TC), (transport, edns))
            self.assertEqual(0 if cut else 60, sum(map(len, reply.answer)))

    def test_failures(self) -> None:
        """It fails as it is told, for one name or all."""
        self.server.behave(Behaviour.SERVFAIL)
        self.server.behave(Behaviour.REFUSED, name="a.test")
        self.assertEqual(dns.rcode.SERVFAIL, self.ask("b.test", "A")[0].rcode())
        self.assertEqual(dns.rcode.REFUSED, self.ask("a.test", "MX")[0].rcode())
        self.server.behave(Behaviour.SILENT, name="a.test")
        self.assertEqual([], self.ask("a.test", "MX"))
        self.assertEqual(3, len(self.server.asked))
