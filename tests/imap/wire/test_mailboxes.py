"""Mailbox names and patterns on the wire."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.mailboxes import Pattern, decode, encode, mailbox
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import MailframeError
from tests.imap.strategies import mailbox_names


class NameTests(SynchronousTestCase):
    """Names are in modified UTF-7."""

    def test_examples(self):
        """Names as RFC 3501 and clients write them."""
        cases = [
            ("INBOX", b"INBOX"),
            ("a&b", b"a&-b"),
            ("Entwürfe", b"Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("\U0001f600", b"&2D3eAA-"),
            ("&ü&", b"&-&APw-&-"),
        ]
        for name, octets in cases:
            self.assertEqual(encode(name), octets)
            self.assertEqual(decode(octets), name)

    def test_refused(self):
        """Names with a second spelling, or none, are refused."""
        for octets in (
            b"a&b",
            b"&",
            b"&AGE-",
            b"&APw",
            b"&APw-&APw-",
            b"&!-",
            b"\xc3\xbc",
            b"&AA-",
            b"&2D0-",
            b"a" * 5000,
        ):
            error = self.assertRaises(MailframeError, decode, octets)
            self.assertEqual(error.status.word, "CANNOT")

    def test_canonical(self):
        """INBOX is one mailbox in any case."""
        self.assertEqual(mailbox(Parser(b"iNbOx")), "INBOX")

    @given(mailbox_names())
    def test_round_trip(self, name):
        """Any name is read back, and its encoding is plain ASCII."""
        octets = encode(name)
        self.assertTrue(re.fullmatch(rb"[\x20-\x7e]*", octets))
        self.assertEqual(decode(octets), name)

    @given(st.binary(max_size=20))
    def test_garbage(self, octets):
        """Any octets are a name or refused."""
        try:
            name = decode(octets)
        except MailframeError:
            return
        self.assertEqual(encode(name), octets)


class PatternTests(SynchronousTestCase):
    """Patterns of LIST match names."""

    @given(st.text("ab/%*", max_size=8), st.text("ab/", max_size=8))
    def test_model(self, pattern, name):
        """The asterisk stands for anything, the percent sign for anything without a separator."""
        expression = "".join({"*": ".*", "%": "[^/]*"}.get(char, re.escape(char)) for char in pattern)
        self.assertEqual(Pattern(pattern).matches(name), re.fullmatch(expression, name) is not None)

    def test_no_catastrophe(self):
        """Many wildcards take no long time."""
        self.assertFalse(Pattern("*a%" * 300 + "c").matches("a" * 300))

    def test_inbox_in_any_case(self):
        """INBOX and what is below it match in any case, also in part; other names as they are written."""
        for pattern in ("inb*", "InBoX", "i%X", "%", "*"):
            self.assertTrue(Pattern(pattern).matches("INBOX"), pattern)
        self.assertTrue(Pattern("inbox/%").matches("INBOX/Work"))
        self.assertTrue(Pattern("in*work").matches("INBOX/work"))
        self.assertFalse(Pattern("inbox/work").matches("INBOX/Work"))
        self.assertTrue(Pattern("inb*").matches("inbound"))
        self.assertFalse(Pattern("INB*").matches("inbound"))
