"""The octets of a message and what is put in front of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.content import Content, FileBody, OctetsBody, Remainder
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


class HeaderTests(SynchronousTestCase):
    """Another header section before the same body."""

    @given(st.binary(max_size=40), st.binary(max_size=200), st.integers(0, 240), st.booleans())
    def test_any(self, prefix: bytes, octets: bytes, end: int, in_file: bool) -> None:
        """Exactly the first octets are replaced, in memory and in a file, whatever is in front already."""
        end = min(end, len(prefix + octets))
        with tempfile.TemporaryFile() as file:
            file.write(b"before" + octets + b"after")
            file.flush()
            body = FileBody(file, len(octets), octets[:100], 6) if in_file else OctetsBody(octets)  # type: ignore[arg-type]
            if in_file and end > len(prefix) + 100:
                end = len(prefix) + 100
            made = Content(body, prefix).with_header(b"New: 1\r\n", end)
            wanted = b"New: 1\r\n" + (prefix + octets)[end:]
            self.assertEqual(made.octets(), wanted)
            self.assertEqual(made.size, len(wanted))
            self.assertTrue(wanted.startswith(made.head))

    def test_remainder(self) -> None:
        """What is left of a body begins where it should, however that is cut into pieces."""

        class Pieces(OctetsBody):
            def chunks(self) -> Iterator[bytes]:
                return iter([b"ab", b"c", b"", b"def"])

        for offset in range(7):
            rest = Remainder(Pieces(b"abcdef"), offset)
            self.assertEqual(b"".join(rest.chunks()), b"abcdef"[offset:])
            self.assertEqual((rest.size, rest.head), (6 - offset, b"abcdef"[offset:]))
            self.assertNotIn(b"", list(rest.chunks()))
