"""The octets of a message and what is put in front of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.content import Content
from mailframe.message.header import fields


class PrefixTests(SynchronousTestCase):
    """Fields put in front."""

    def test_order(self) -> None:
        """What is put in front last stands first; the body is untouched."""
        content = Content.of(b"Subject: x\r\n\r\ny\r\n").with_prefix(b"B: 2\r\n").with_prefix(b"A: 1\r\n")
        self.assertEqual(content.octets(), b"A: 1\r\nB: 2\r\nSubject: x\r\n\r\ny\r\n")
        self.assertEqual(content.size, len(content.octets()))

    def test_body_without_header(self) -> None:
        """A message that begins with white space cannot add to the fields put in front of it."""
        for white in (b" ", b"\t"):
            content = Content.of(white + b"by evil.test; yesterday\r\n").with_prefix(b"Received: here\r\n")
            content = content.with_prefix(b"Return-Path: <>\r\n")
            self.assertEqual(
                content.octets(),
                b"Return-Path: <>\r\nReceived: here\r\n\r\n" + white + b"by evil.test; yesterday\r\n",
            )

    @given(st.text(" \t\r\nab:", max_size=20))
    def test_own_fields_stay(self, text: str) -> None:
        """Whatever a message begins with, our own field is read as it was written."""
        octets = Content.of(text.encode()).with_prefix(b"Received: here\r\n").octets()
        self.assertEqual(fields(octets)[0].raw, b"Received: here\r\n")
