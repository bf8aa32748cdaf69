"""The tokens of IMAP commands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import astring, nstring, string
from mailframe.message.status import ProtocolError

OCTETS = st.binary(max_size=50).map(lambda octets: octets.replace(b"\0", b""))


class ParserTests(SynchronousTestCase):
    """Tokens are taken one by one."""

    def test_sequence(self):
        """Tokens come out in order and the end is noticed."""
        parser = Parser(b'a1 atom "quo\\"ted" {3}\r\nabc 42 NIL')
        self.assertEqual(parser.tag(), b"a1")
        parser.space()
        self.assertEqual(parser.atom(), b"atom")
        parser.space()
        self.assertEqual(parser.string(), b'quo"ted')
        parser.space()
        self.assertEqual(parser.astring(), b"abc")
        parser.space()
        self.assertEqual(parser.number(), 42)
        parser.space()
        self.assertFalse(parser.at_end)
        self.assertIsNone(parser.nstring())
        parser.end()
        self.assertTrue(parser.at_end)

    def test_refused(self):
        """What is not the token is a protocol error."""
        cases = [
            (b"", Parser.atom), (b"(", Parser.atom), (b"]", Parser.atom), (b'"a', Parser.quoted), (b'"\\a"', Parser.quoted),
            (b'"a\0"', Parser.quoted), (b"{3}\r\nab", Parser.literal), (b"{2}\r\na\0", Parser.literal), (b"{}\r\n", Parser.string),
            (b"4294967296", Parser.number), (b"x", Parser.number), (b"0", Parser.nz_number), (b"NOPE", Parser.nstring),
            (b"+", Parser.tag), (b" ", Parser.tag), (b"x", Parser.end), (b"x", Parser.space), (b"(", Parser.astring),
            (b"(", Parser.list_mailbox), (b"$", Parser.word), (b"x", lambda parser: parser.expect(b"(")),
        ]  # fmt: skip
        for octets, rule in cases:
            self.assertRaises(ProtocolError, rule, Parser(octets))

    def test_accept_word(self):
        """A keyword is taken in any case, and only whole."""
        parser = Parser(b"CharSet utf-8")
        self.assertFalse(parser.accept_word("CHAR"))
        self.assertTrue(parser.accept_word("CHARSET"))
        parser.space()
        self.assertFalse(parser.accept_word("US"))

    def test_list_mailbox(self):
        """A pattern may hold wildcards."""
        self.assertEqual(Parser(b"a/%*]").list_mailbox(), b"a/%*]")
        self.assertEqual(Parser(b'"a b"').list_mailbox(), b"a b")

    @given(OCTETS)
    def test_round_trip(self, octets):
        """Any string that is rendered is read back."""
        self.assertEqual(Parser(string(octets)).string(), octets)
        self.assertEqual(Parser(astring(octets)).astring(), octets)
        self.assertEqual(Parser(nstring(octets)).nstring(), octets)
        self.assertIsNone(Parser(nstring(None)).nstring())
