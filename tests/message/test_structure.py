from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.scanner import scan
from mailframe.message.structure import pack, part_at, section_span, unpack
from tests.strategies import mime_messages

# The shape of the example in RFC 9051 section 6.4.5.1: a multipart in a message in a multipart.
NESTED = (
    b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
    b"--a\r\nContent-Type: text/plain\r\n\r\none\r\n"
    b"--a\r\nContent-Type: message/rfc822\r\nContent-ID: <2>\r\n\r\n"
    b"Subject: inner\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\n\r\ntwo one\r\n--b\r\nContent-Type: text/html\r\n\r\ntwo two\r\n--b--\r\n"
    b"--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: single\r\n\r\nthree\r\n--a--\r\n"
)


class SectionTests(SynchronousTestCase):
    def section(self, *numbers: int, text: str = "", octets: bytes = NESTED) -> bytes | None:
        span = section_span(scan([octets]), numbers, text)
        return None if span is None else octets[span[0] : span[0] + span[1]]

    def test_message(self) -> None:
        """The message has a whole, a header section and a text, but no MIME header of its own."""
        self.assertEqual(self.section(), NESTED)
        self.assertEqual((self.section(text="HEADER") or b"") + (self.section(text="TEXT") or b""), NESTED)
        self.assertTrue((self.section(text="HEADER") or b"").endswith(b"boundary=a\r\n\r\n"))
        self.assertIsNone(self.section(text="MIME"))

    def test_parts(self) -> None:
        """Numbers go through multiparts and into messages."""
        self.assertEqual(self.section(1), b"one")
        self.assertEqual(self.section(2, 1), b"two one")
        self.assertEqual(self.section(2, 2), b"two two")
        self.assertEqual(self.section(3), b"Subject: single\r\n\r\nthree")
        self.assertEqual(self.section(3, 1), b"three")

    def test_missing(self) -> None:
        """What is not there has no span."""
        for numbers in [(0,), (4,), (1, 1), (2, 3), (3, 2), (3, 1, 1), (2, 1, 1)]:
            self.assertIsNone(self.section(*numbers), numbers)
        self.assertIsNone(self.section(1, text="HEADER"))
        self.assertIsNone(self.section(1, text="TEXT"))

    def test_enclosed(self) -> None:
        """HEADER and TEXT of a part are those of the message inside; MIME is the part's own header."""
        self.assertEqual(self.section(3, text="HEADER"), b"Subject: single\r\n\r\n")
        self.assertEqual(self.section(3, text="TEXT"), b"three")
        self.assertEqual(
            self.section(2, text="MIME"), b"Content-Type: message/rfc822\r\nContent-ID: <2>\r\n\r\n"
        )
        self.assertEqual(self.section(2, 1, text="MIME"), b"\r\n")

    def test_single(self) -> None:
        """A message without parts has part 1, its body."""
        octets = b"Subject: x\r\n\r\nbody"
        self.assertEqual(self.section(1, octets=octets), b"body")
        self.assertEqual(self.section(1, text="MIME", octets=octets), b"Subject: x\r\n\r\n")
        self.assertIsNone(self.section(2, octets=octets))
        self.assertIsNone(self.section(1, 1, octets=octets))
        self.assertIsNone(self.section(1, text="TEXT", octets=octets))

    def test_message_at_top(self) -> None:
        """A message that is nothing but a forwarded message has part 1, and that one's parts below it."""
        octets = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody"
        self.assertEqual(self.section(1, octets=octets), b"Subject: in\r\n\r\nbody")
        self.assertEqual(self.section(1, 1, octets=octets), b"body")
        self.assertEqual(self.section(1, text="HEADER", octets=octets), b"Subject: in\r\n\r\n")

    @given(
        mime_messages(),
        st.lists(st.integers(0, 3), max_size=4),
        st.sampled_from(["", "HEADER", "TEXT", "MIME"]),
    )
    def test_any(self, octets: bytes, numbers: list[int], text: str) -> None:
        """Every section lies within the message."""
        root = scan([octets])
        span = section_span(root, numbers, text)
        if span is not None:
            self.assertIsNotNone(part_at(root, numbers))
            self.assertTrue(0 <= span[0] <= span[0] + span[1] <= len(octets))


class PackTests(SynchronousTestCase):
    @given(mime_messages())
    def test_round_trip(self, octets: bytes) -> None:
        """A packed structure comes back as it was."""
        root = scan([octets])
        self.assertEqual(unpack(pack(root)), root)

    def test_odd_octets(self) -> None:
        """8-bit and control octets in fields survive."""
        root = scan([b'Content-Type: a/b; x="\xff\0\x1f"\r\nContent-Description: \x80"\\\r\n\r\n'])
        self.assertEqual(root.parameters, ((b"x", b"\xff\0\x1f"),))
        self.assertEqual(unpack(pack(root)), root)

    def test_deepest(self) -> None:
        """The deepest structure there can be is packed too."""
        root = scan([b"Content-Type: message/rfc822\r\n\r\n" * 200])
        self.assertEqual(unpack(pack(root)), root)

    @given(st.binary(max_size=30))
    def test_damaged(self, rest: bytes) -> None:
        """What is no packed structure, or of another version, is a ValueError."""
        packed = pack(scan([b"A: b\r\n\r\n"]))
        for octets in (rest, packed[:1] + rest, packed[:-5] + rest[:4], b"\x00" + packed[1:]):
            if octets != packed:
                self.assertRaises(ValueError, unpack, octets)

    def test_filename(self) -> None:
        """The file name of a part is decoded, from wherever the client put it."""
        for field, name in [
            (b"Content-Disposition: attachment; filename=a.pdf", "a.pdf"),
            (b"Content-Disposition: attachment; filename*=utf-8'de'%C3%A9.pdf", "é.pdf"),
            (b"Content-Disposition: a; filename*0*=iso-8859-1''%E9; filename*1=\"x y\"; filename=z", "éx y"),
            (b'Content-Type: a/b; name="=?utf-8?q?=C3=A9?="', "é"),
            (b"Content-Disposition: inline\r\nContent-Type: a/b; name=c.txt", "c.txt"),
            (b"Content-Type: a/b", None),
        ]:
            self.assertEqual(scan([field + b"\r\n\r\n"]).filename, name, field)
