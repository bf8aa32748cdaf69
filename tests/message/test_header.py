from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import header
from tests.strategies import header_fields

HEADER = (
    b"Received: from a\r\n\tby b\r\n"
    b"Subject : folded\r\n  subject \r\n"
    b"no colon here\r\n"
    b"received: again\r\n"
    b"X-Empty:\r\n"
    b"To: a@b\r\n\r\n"
    b"Received: in the body\r\n"
)


class FieldsTests(SynchronousTestCase):
    def test_split(self) -> None:
        """Names, folded bodies and malformed lines are told apart."""
        found = [(field.name, field.body) for field in header.fields(HEADER)]
        self.assertEqual(
            found,
            [
                (b"Received", b"from a\tby b"),
                (b"Subject", b"folded  subject"),
                (b"", b"no colon here"),
                (b"received", b"again"),
                (b"X-Empty", b""),
                (b"To", b"a@b"),
            ],
        )

    def test_values(self) -> None:
        """Fields are found without regard to case, the first or all of them."""
        self.assertEqual(header.first(HEADER, b"RECEIVED"), b"from a\tby b")
        self.assertEqual(header.values(HEADER, b"Received"), [b"from a\tby b", b"again"])
        self.assertIsNone(header.first(HEADER, b"Cc"))
        self.assertIsNone(header.first(HEADER, b"body"))

    def test_count(self) -> None:
        """Hops are counted in the header section only."""
        self.assertEqual(header.count(HEADER, b"Received"), 2)
        self.assertEqual(header.count(b"Received : x\r\nX: Received: no\r\n\r\n", b"received"), 1)
        self.assertEqual(header.count(b"\r\nReceived: x\r\n", b"Received"), 0)

    def test_header_end(self) -> None:
        """The header section ends at the first empty line, or with the message."""
        self.assertEqual(header.header_end(b"\r\nbody"), 0)
        self.assertEqual(header.header_end(b"A: b\r\n\r\nbody"), 6)
        self.assertEqual(header.header_end(b"A: b"), 4)

    def test_select(self) -> None:
        """Chosen fields come as they are, in order, with an empty line."""
        self.assertEqual(
            header.select(HEADER, [b"to", b"Subject"]),
            b"Subject : folded\r\n  subject \r\nTo: a@b\r\n\r\n",
        )
        self.assertEqual(
            header.select(HEADER, [b"to", b"Subject", b"received"], without=True),
            b"no colon here\r\nX-Empty:\r\n\r\n",
        )
        self.assertEqual(header.select(HEADER, [b"Cc"]), b"\r\n")
        self.assertEqual(header.select(b"A: b", [b"a"]), b"A: b\r\n\r\n")

    @given(st.lists(header_fields(), max_size=6))
    def test_count_agrees(self, raw: list[bytes]) -> None:
        """Counting gives as many as splitting."""
        section = b"".join(raw) + b"\r\n"
        for name in (b"Received", b"Subject"):
            self.assertEqual(header.count(section, name), len(header.values(section, name)))
        self.assertEqual([field.raw for field in header.fields(section)], raw)

    @given(st.lists(header_fields(), max_size=6))
    def test_bodies(self, raw: list[bytes]) -> None:
        """The quick pass finds what splitting finds."""
        section = b"".join(raw) + b"\r\n"
        for name, bodies in header.bodies(section, (b"subject", b"to", b"from")).items():
            self.assertEqual(bodies, header.values(section, name))
        self.assertEqual(header.bodies(HEADER, (b"subject", b"cc", b"")), {b"subject": [b"folded  subject"]})

    @given(st.binary(max_size=60), st.booleans())
    def test_anything(self, octets: bytes, crlf: bool) -> None:
        """Any octets are split, and nothing of them is lost."""
        if crlf:
            octets = octets.replace(b"\n", b"\r\n")
        end = header.header_end(octets)
        self.assertEqual(b"".join(field.raw for field in header.fields(octets)), octets[:end])
        header.select(octets, [b"a"])

    def test_leading(self) -> None:
        """Fields are told up to the first line that is none, or to the empty line."""
        found, end = header.leading(HEADER)
        self.assertEqual([field.name for field in found], [b"Received", b"Subject"])
        self.assertTrue(HEADER[end:].startswith(b"no colon here"))
        for octets, names, size in ((b"\r\nA: b", [], 0), (b"", [], 0), (b"A: b\r\nC:d", [b"A", b"C"], 9)):
            found, end = header.leading(octets)
            self.assertEqual(([field.name for field in found], end), (names, size))


class BuildTests(SynchronousTestCase):
    def test_short(self) -> None:
        """A short field stays on one line."""
        self.assertEqual(header.build("Subject", "Hello there"), b"Subject: Hello there\r\n")

    def test_folds(self) -> None:
        """A long field is folded at spaces, and lines keep within 78 characters."""
        octets = header.build("X-Long", " ".join(["word"] * 60))
        self.assertTrue(all(len(line.expandtabs(8)) <= 78 for line in octets.splitlines()))
        self.assertEqual(header.fields(octets)[0].body.split(), [b"word"] * 60)

    def test_wanted_fold(self) -> None:
        """A fold that the caller asks for is kept."""
        self.assertEqual(header.build("Received", "from a\r\n\tby b"), b"Received: from a\r\n\tby b\r\n")

    def test_injection(self) -> None:
        """Nothing in a body can start another field."""
        for bad in ("a\r\nX: b", "a\nb", "a\rb", "a\0"):
            self.assertRaises(ValueError, header.build, "X", bad)
        for bad in ("", "a b", "a:", "é"):
            self.assertRaises(ValueError, header.build, bad, "x")

    @given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs"]), max_size=200))
    def test_any_text(self, body: str) -> None:
        """What is built is one field with the same words."""
        fields = header.fields(header.build("Name", body) + b"\r\n")
        self.assertEqual(len(fields), 1)
        self.assertEqual(fields[0].body.decode().split(), body.split())
