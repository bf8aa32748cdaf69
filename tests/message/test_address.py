from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address, parse_domain, parse_mailbox, parse_path, split_path
from mailframe.message.status import ProtocolError, Status
from tests.strategies import addresses, domains, mailboxes


def forward(octets: bytes, *, smtputf8: bool = False, postmaster_allowed: bool = False) -> Address | None:
    return parse_path(octets, smtputf8=smtputf8, null_allowed=False, postmaster_allowed=postmaster_allowed)


def reverse(octets: bytes, *, smtputf8: bool = False) -> Address | None:
    return parse_path(octets, smtputf8=smtputf8, null_allowed=True)


class AddressTests(SynchronousTestCase):
    def test_domain_case(self) -> None:
        """Domains are equal without regard to case, local parts are not."""
        self.assertEqual(Address("a", "Example.TEST"), Address("a", "example.test"))
        self.assertNotEqual(Address("A", "example.test"), Address("a", "example.test"))

    def test_quoting(self) -> None:
        """A local part that is no dot-string is written in quotes."""
        for local_part, written in [
            ("alice", "alice@x.test"),
            ("a.b+c", "a.b+c@x.test"),
            ("a b", '"a b"@x.test'),
            ("a..b", '"a..b"@x.test'),
            ('q"\\', '"q\\"\\\\"@x.test'),
            ("", '""@x.test'),
            ("é", "é@x.test"),
        ]:
            self.assertEqual(str(Address(local_part, "x.test")), written)
            self.assertEqual(bytes(Address(local_part, "x.test")), written.encode())

    def test_postmaster(self) -> None:
        """The bare Postmaster is written without an at sign."""
        self.assertEqual(str(Address("postmaster", "")), "postmaster")

    def test_controls(self) -> None:
        """No address can break a header line or a log line."""
        for bad in ("a\r\nb", "a\0", "a\x85", "a\u2028", "a\x7f", "\ud800"):
            self.assertRaises(ValueError, Address, bad, "x.test")
            self.assertRaises(ValueError, Address, "a", bad)

    def test_is_ascii(self) -> None:
        """An address with a letter outside ASCII in its local part needs SMTPUTF8; a domain has A-labels."""
        self.assertTrue(Address("a", "[192.0.2.1]").is_literal)
        self.assertFalse(Address("a", "b").is_literal)
        self.assertTrue(Address("a", "b").is_ascii)
        self.assertFalse(Address("é", "b").is_ascii)
        self.assertTrue(Address("a", "é").is_ascii)
        self.assertFalse(Address("a", "☃").is_ascii)


class ParsePathTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """Quoted local parts, literals and source routes are understood."""
        for octets, local_part, domain in [
            (b"<a@B.Test>", "a", "b.test"),
            (b'<"a b"@b.test>', "a b", "b.test"),
            (b'<"a\\"\\\\@>"@b.test>', 'a"\\@>', "b.test"),
            (b'<"alice"@b.test>', "alice", "b.test"),
            (b"<@a.test,@b.test:u@c.test>", "u", "c.test"),
            (b"<@[IPv6:::1]:u@c.test>", "u", "c.test"),
            (b"<u@[192.0.2.1]>", "u", "[192.0.2.1]"),
            (b"<u@[ipv6:2001:DB8:0::1]>", "u", "[IPv6:2001:db8::1]"),
            (b"<u@[x-tag:any]>", "u", "[x-tag:any]"),
            (b"<u@my_host.test>", "u", "my_host.test"),
            (b"<@[x:y]:u@c.test>", "u", "c.test"),
            (b"<u@localhost>", "u", "localhost"),
        ]:
            self.assertEqual(forward(octets), Address(local_part, domain), octets)
            self.assertEqual(reverse(octets), Address(local_part, domain), octets)

    def test_null(self) -> None:
        """The empty path is a sender, never a recipient."""
        self.assertIsNone(reverse(b"<>"))
        self.assertEqual(self.status(b"<>").code, "5.1.3")

    def test_postmaster(self) -> None:
        """Postmaster needs no domain where it is allowed, in any case of letters."""
        self.assertEqual(forward(b"<PostMaster>", postmaster_allowed=True), Address("postmaster", ""))
        self.assertEqual(self.status(b"<Postmaster>").code, "5.1.3")

    def test_bad(self) -> None:
        """Broken syntax is refused with 501 and a code that tells sender and recipient apart."""
        for octets in [
            b"",
            b"<",
            b">",
            b"a@b",
            b"<a>",
            b"<@b>",
            b"<a@>",
            b"<a@b",
            b"<a b@c>",
            b"<.a@b>",
            b"<a.@b>",
            b"<a..b@c>",
            b"<a@b@c>",
            b"<a@b..c>",
            b"<a@b.>",
            b"<a@-b>",
            b"<a@b->",
            b"<a@b c>",
            b'<"a@b>',
            b'<"a"b@c>',
            b'<"a\\',
            b'<"a\\">',
            b'<"a\r"@b>',
            b"<a@[1.2.3]>",
            b"<a@[1.2.3.256]>",
            b"<a@[IPv6:1]>",
            b"<a@[IPv6:fe80::1%eth0]>",
            b"<a@[x:]>",
            b"<a@[:x]>",
            b"<a@[x-:y]>",
            b"<a@[]>",
            b"<a@[1.2.3.4>",
            b"<@a@b>",
            b"<@a,b:c@d>",
            b"<@:c@d>",
            b"<a@b\0>",
            b"<a@" + b"x" * 64 + b".test>",
            b"<a@" + b"x." * 128 + b"test>",
        ]:
            self.assertEqual(self.status(octets).code, "5.1.3", octets)
            self.assertEqual(self.status(octets, sender=True).code, "5.1.7", octets)
            self.assertEqual(self.status(octets).reply_code, 501)

    def test_limits(self) -> None:
        """A recipient's local part has at most 64 octets; a sender's may be longer, up to the path's limit."""
        self.assertIsNotNone(forward(b"<" + b"a" * 64 + b"@b.test>"))
        self.assertEqual(self.status(b"<" + b"a" * 65 + b"@b.test>").code, "5.1.3")
        self.assertIsNotNone(reverse(b"<" + b"a" * 65 + b"@b.test>"))
        self.assertIsNotNone(reverse(b"<" + b"a" * 247 + b"@b.test>"))
        self.assertEqual(self.status(b"<" + b"a" * 248 + b"@b.test>", sender=True).code, "5.1.7")
        bounded = parse_path(
            b"<" + b"a" * 70 + b"@b.test>", smtputf8=False, null_allowed=False, local_part_limit=70
        )
        self.assertIsNotNone(bounded)

    def test_utf8(self) -> None:
        """UTF-8 is understood with SMTPUTF8 and refused with 5.6.7 without it."""
        octets = "<é@Bücher.test>".encode()
        self.assertEqual(forward(octets, smtputf8=True), Address("é", "bücher.test"))
        self.assertEqual(self.status(octets).code, "5.6.7")
        self.assertEqual(self.status(octets, sender=True).code, "5.6.7")
        # The decomposed spelling is the same domain.
        self.assertEqual(forward("<a@u\u0308.test>".encode(), smtputf8=True), Address("a", "ü.test"))

    def test_bad_utf8(self) -> None:
        """Octets that are not UTF-8, and control characters in UTF-8, are refused even with SMTPUTF8."""
        for octets in (b"<\xff@b>", b"<a@\xff>", b"<a\xc2\x85@b>", b"<a@b\xe2\x80\xa8>", b'<"\xc2\x9f"@b>'):
            self.assertRaises(ProtocolError, forward, octets, smtputf8=True)

    @given(mailboxes(), st.lists(domains(), max_size=2), st.booleans())
    @example((b'0@[a:"]', "0", '[a:"]'), [], False)
    @example((b'0@[a:"]', "0", '[a:"]'), ['[b:"]'], True)
    def test_grammar(self, mailbox: tuple[bytes, str, str], route: list[str], sender: bool) -> None:
        """Every mailbox that the grammar of RFC 5321 allows is understood, with a source route too."""
        written, local_part, domain = mailbox
        hops = ",".join("@" + hop for hop in route)
        path = b"<" + (hops.encode() + b":" if route else b"") + written + b">"
        self.assertEqual(split_path(path + b" X=<>"), (path, b" X=<>"))
        self.assertEqual((reverse if sender else forward)(path), Address(local_part, domain))

    @given(addresses(smtputf8=True))
    def test_round_trip(self, address: Address) -> None:
        """What is written is read back as the same address."""
        octets = b"<" + bytes(address) + b">"
        self.assertEqual(parse_path(octets, smtputf8=True, null_allowed=True), address)

    @given(
        st.one_of(st.binary(max_size=40), st.text('<>@"[].:,\\ab1 é', max_size=20).map(str.encode)),
        st.booleans(),
    )
    @example(b'<"', False)
    def test_anything(self, octets: bytes, flag: bool) -> None:
        """No octets raise anything but a protocol error, and what is accepted can be written and read again."""
        path, rest = split_path(octets)
        self.assertEqual(path + rest, octets)
        try:
            address = parse_path(octets, smtputf8=flag, null_allowed=flag, postmaster_allowed=flag)
        except ProtocolError as error:
            self.assertTrue(error.status.permanent)
            self.assertTrue(error.status.text.isascii())
            return
        if address is not None and address.domain:
            self.assertEqual(
                parse_path(b"<" + bytes(address) + b">", smtputf8=True, null_allowed=True), address
            )

    def status(self, octets: bytes, sender: bool = False) -> Status:
        error = self.assertRaises(ProtocolError, reverse if sender else forward, octets)
        assert isinstance(error, ProtocolError)
        return error.status


class SplitPathTests(SynchronousTestCase):
    def test_examples(self) -> None:
        """The path ends at its bracket, or without brackets at a space, quotes respected."""
        for octets, expected in [
            (b"<a@b> SIZE=1", (b"<a@b>", b" SIZE=1")),
            (b"<>", (b"<>", b"")),
            (b'<"a> "@b> X', (b'<"a> "@b>', b" X")),
            (b'<"\\"> "@b> X', (b'<"\\"> "@b>', b" X")),
            (b"<a@[x:>y]> X", (b"<a@[x:>y]>", b" X")),
            (b"<a@b>X", (b"<a@b>", b"X")),
            (b"a@b X=1", (b"a@b", b" X=1")),
            (b'"a b"@c X', (b'"a b"@c', b" X")),
            (b"<a@b X=1", (b"<a@b X=1", b"")),
            (b'<"a@b>', (b'<"a@b>', b"")),
            (b"", (b"", b"")),
        ]:
            self.assertEqual(split_path(octets), expected, octets)

    @given(addresses(smtputf8=True), st.sampled_from([b"", b" SIZE=1", b' X="<>"']))
    def test_any_address(self, address: Address, rest: bytes) -> None:
        """Parameters behind any address are found."""
        path = b"<" + bytes(address) + b">"
        self.assertEqual(split_path(path + rest), (path, rest))


class ParseMailboxTests(SynchronousTestCase):
    def test_good(self) -> None:
        """People write an address with or without white space around it."""
        self.assertEqual(parse_mailbox(" alice@Example.test\n"), Address("alice", "example.test"))
        self.assertEqual(parse_mailbox("é@bücher.test"), Address("é", "bücher.test"))

    def test_bad(self) -> None:
        """The error says which text is wrong, and why."""
        for text, reason in [
            ("alice", "it has no @"),
            ("alice@", "it has no domain"),
            ("<alice@example.test>", "the local part has a character"),
            ("a@b c", "the domain has a character"),
            ("\ud800@b", "not valid Unicode"),
        ]:
            error = self.assertRaises(ValueError, parse_mailbox, text)
            self.assertIn(reason, str(error))
            self.assertIn(repr(text), str(error))

    def test_domain(self) -> None:
        """A domain alone is read with the same rules."""
        self.assertEqual(parse_domain("Example.TEST"), "example.test")
        for bad in ("", "a b", "a@b", "-a", "\udfff"):
            self.assertRaises(ValueError, parse_domain, bad)
