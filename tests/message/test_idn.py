"""Internationalised domain names, in both spellings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address, parse_domain, parse_mailbox, parse_path
from mailframe.message.idn import to_ascii, to_unicode
from mailframe.message.status import ProtocolError


class DomainTests(SynchronousTestCase):
    """U-labels and A-labels."""

    def test_both_ways(self) -> None:
        """A U-label and its A-label are one name in two spellings; other labels stay as they are."""
        for unicode, ascii in (
            ("bücher.example", "xn--bcher-kva.example"),
            ("straße.test", "xn--strae-oqa.test"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("my_host.test", "my_host.test"),
        ):
            self.assertEqual((to_ascii(unicode), to_unicode(ascii)), (ascii, unicode))
            self.assertEqual((to_ascii(ascii), to_unicode(unicode)), (ascii, unicode))

    def test_fake(self) -> None:
        """What only looks like an A-label is kept as it is: it is a host name like any other."""
        for domain in (
            "xn--.test",
            "xn--a.test",
            "xn--zzzzzz9999.test",
            "xn--abc-.test",
            "xn--bcher-kvb.test",
        ):
            self.assertEqual(to_unicode(domain), domain)
            self.assertEqual(bytes(Address("a", domain)), b"a@" + domain.encode())

    def test_no_u_label(self) -> None:
        """Symbols, mixed directions and what is too long are no domain."""
        for domain in ("☃.test", "ü" * 64 + ".test", "a\u0627.test", "ü--ü-.test", "\uff21.test"):
            self.assertRaises(ValueError, to_ascii, domain)
            self.assertRaises(ValueError, parse_domain, domain)
            path = f"<a@{domain}>".encode()
            self.assertRaises(ProtocolError, parse_path, path, smtputf8=True, null_allowed=False)

    @given(st.text("abcüßéжя例-xn", min_size=1, max_size=15))
    def test_any_label(self, label: str) -> None:
        """Whatever is taken for a domain is the same in both spellings."""
        try:
            domain = parse_domain(label + ".test")
        except ValueError:
            return
        self.assertEqual(parse_domain(to_ascii(domain)), domain)


class AddressTests(SynchronousTestCase):
    """Addresses in such domains."""

    def test_equal(self) -> None:
        """An address is the same in A-labels and U-labels, in any case of letters."""
        address = parse_mailbox("alice@bücher.example")
        for domain in ("BÜCHER.example", "xn--bcher-kva.example", "XN--Bcher-KVA.Example"):
            self.assertEqual(parse_mailbox(f"alice@{domain}"), address)
            self.assertEqual(Address("alice", domain), address)
        self.assertEqual(str(address), "alice@bücher.example")

    def test_on_the_wire(self) -> None:
        """An ASCII local part goes out with A-labels and needs no SMTPUTF8; any other goes out in UTF-8."""
        address = parse_mailbox("alice@bücher.example")
        self.assertTrue(address.is_ascii)
        self.assertEqual(bytes(address), b"alice@xn--bcher-kva.example")
        address = parse_mailbox("üse@xn--bcher-kva.example")
        self.assertFalse(address.is_ascii)
        self.assertEqual(bytes(address), "üse@bücher.example".encode())
