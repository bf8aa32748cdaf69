"""Tests of `mailframe.dns.servers` and of the options that name them."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from mailframe.dns.options import DNSOptions
from mailframe.dns.servers import (
    LOOK_EVERY,
    FixedServers,
    Server,
    SystemServers,
    TrustedServers,
    parse_resolv_conf,
    parse_server,
)
from mailframe.dns.stub import servers_of


class ParseTests(TestCase):
    """How servers are written."""

    def test_servers(self) -> None:
        """An address of either family, with a port or without."""
        for text, server in (
            ("127.0.0.1", Server("127.0.0.1")),
            ("192.0.2.1:5353", Server("192.0.2.1", 5353)),
            ("2001:DB8::1", Server("2001:db8::1")),
            ("[2001:db8::1]", Server("2001:db8::1")),
            ("[::1]:5353", Server("::1", 5353)),
        ):
            self.assertEqual(server, parse_server(text))
            self.assertEqual(server, parse_server(str(server)))

    def test_not_servers(self) -> None:
        """Names, and ports that are none, are refused with what is allowed."""
        for text in (
            "",
            "ns.example.test",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "[::1",
            "[::1]5",
            "1:x",
        ):
            error = self.assertRaises(ValueError, parse_server, text)
            self.assertIn("is not an address such as", str(error))

    def test_options(self) -> None:
        """The configuration says so at the start, and has a bound."""
        self.assertRaises(ValueError, DNSOptions, servers=["resolver"])
        self.assertRaises(ValueError, DNSOptions, servers=["127.0.0.1"] * 9)

    def test_resolv_conf(self) -> None:
        """Its servers are taken in their order, and everything else is passed over."""
        text = (
            "# made by hand\nsearch example.test\nnameserver 192.0.2.1\nnameserver  2001:db8::1  # x\n"
            "nameserver nonsense\nnameserver\nnameserver 192.0.2.1\noptions trust-ad\n"
        )
        self.assertEqual((Server("192.0.2.1"), Server("2001:db8::1")), parse_resolv_conf(text))
        self.assertEqual((Server("127.0.0.1"),), parse_resolv_conf("options ndots:1\n"))

    @given(st.text(max_size=300))
    @settings(deadline=None)
    def test_any_resolv_conf(self, text: str) -> None:
        """Whatever the file has, there is somebody to ask."""
        self.assertTrue(1 <= len(parse_resolv_conf(text)) <= 8)
        self.assertTrue(parse_resolv_conf("nameserver " + text))


class ServersTests(TestCase):
    """Whom to ask now, and whom to believe."""

    def test_file_changes(self) -> None:
        """A changed file is read again after a moment; one that is gone leaves the servers as they were."""
        path, clock = self.mktemp(), Clock()
        source = SystemServers(clock.seconds, path)
        self.assertEqual((Server("127.0.0.1"),), source.servers())
        for address, written in (("192.0.2.1", 1000), ("192.0.2.2", 2000)):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"nameserver {address}\n")
            os.utime(path, (written, written))
            before = source.servers()
            clock.advance(LOOK_EVERY - 0.1)
            self.assertEqual(before, source.servers())
            clock.advance(0.2)
            self.assertEqual((Server(address),), source.servers())
        os.unlink(path)
        with capturedLogs() as lines:
            for _ in range(3):
                clock.advance(LOOK_EVERY + 1)
                self.assertEqual((Server("192.0.2.2"),), source.servers())
        self.assertEqual(1, len(lines))

    def test_sources(self) -> None:
        """The configuration's servers are asked, or else the system's."""
        found = servers_of(DNSOptions(servers=["192.0.2.1"]), Clock())
        self.assertIsInstance(found, FixedServers)
        self.assertEqual([Server("192.0.2.1")], list(found.servers()))
        self.assertIsInstance(servers_of(DNSOptions(), Clock()), SystemServers)

    def test_trusted(self) -> None:
        """This machine is believed, and others are where the configuration says so."""
        self.assertIn(Server("127.0.0.53"), TrustedServers())
        self.assertIn(Server("::1"), TrustedServers())
        self.assertNotIn(Server("192.0.2.1"), TrustedServers())
        self.assertIn(Server("192.0.2.1"), TrustedServers(["192.0.2.0/24"]))
