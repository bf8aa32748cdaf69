"""Tests of `mailframe.dns.questions`."""

from __future__ import annotations

import dns.name
import dns.reversename
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailframe.dns.questions import normal_name, reverse_name, service_name, tlsa_name


class NormalNameTests(TestCase):
    """Names as they are asked for."""

    def test_same(self) -> None:
        """Case and the last dot make no difference; the root has a name too."""
        self.assertEqual("_25._tcp.mx.example.test", normal_name("_25._TCP.mx.Example.test."))
        self.assertEqual("", normal_name("."))

    def test_not_a_name(self) -> None:
        """Empty labels, long ones, long names and odd characters make no name."""
        for text in (
            "",
            "..",
            "a..b",
            ".a",
            "a b",
            "a\x00b",
            "a\\.b",
            "\xe9.test",
            "x" * 64,
            "a." * 126 + "ab",
        ):
            self.assertRaises(ValueError, normal_name, text)

    @given(st.text(st.characters(min_codepoint=0, max_codepoint=300), max_size=80))
    @settings(deadline=None)
    def test_any_text(self, text: str) -> None:
        """Whatever is taken is a name to another DNS library, and is taken again as it is."""
        try:
            name = normal_name(text)
        except ValueError:
            return
        self.assertEqual(name or ".", normal_name(name or ".") or ".")
        self.assertEqual(name.count(".") + 2 if name else 1, len(dns.name.from_text(f"{name}.")))


class MadeNamesTests(TestCase):
    """Names that are made of something else."""

    @given(st.ip_addresses())
    @settings(deadline=None)
    def test_reverse(self, address: object) -> None:
        """Another DNS library finds an address under the same name."""
        self.assertEqual(
            dns.reversename.from_address(str(address)).to_text(), reverse_name(str(address)) + "."
        )

    def test_mapped(self) -> None:
        """IPv4 in IPv6 is IPv4; a zone of a link makes no difference; other text is no address."""
        self.assertEqual("1.2.0.192.in-addr.arpa", reverse_name("::ffff:192.0.2.1"))
        self.assertTrue(reverse_name("fe80::1%eth0").endswith(".0.8.e.f.ip6.arpa"))
        self.assertRaises(ValueError, reverse_name, "example.test")

    def test_services(self) -> None:
        """The records of services and of certificates are below names of their own."""
        self.assertEqual("_imaps._tcp.example.test", service_name("imaps", "tcp", "example.test"))
        self.assertEqual("_25._tcp.mx.example.test", tlsa_name(25, "mx.example.test"))
