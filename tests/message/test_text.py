from __future__ import annotations

import base64
import quopri
from collections.abc import Iterable
from encodings.aliases import aliases

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import text
from mailframe.message.scanner import scan
from mailframe.message.text import Lookout, fold_case, header_texts, message_texts, part_text
from tests.strategies import mime_messages


def reader(octets: bytes) -> text.Read:
    return lambda offset, length: octets[offset : offset + length]


def whole(octets: bytes) -> str:
    return "".join(message_texts(scan([octets]), reader(octets)))


def contains(pieces: Iterable[str], needle: str) -> bool:
    lookout = Lookout([fold_case(needle)])
    for piece in pieces:
        lookout.feed(piece)
    return not lookout.missing


class MessageTextsTests(SynchronousTestCase):
    def test_parts(self) -> None:
        """Text parts and messages inside are given decoded, HTML without tags; of attachments there is the name."""
        octets = (
            b"Subject: =?utf-8?q?h=C3=A4?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 so=\r\nft\r\n"
            b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment;"
            b" filename*=utf-8''r%C3%A9sum%C3%A9.pdf\r\n\r\nsecret\r\n"
            b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+w4Q8L2I+\r\n"
            b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ndeep\r\n--b--\r\n"
        )
        body = whole(octets)
        for part in ("café soft", "\nÄ\n", "résumé.pdf", "Subject: inner", "deep"):
            self.assertIn(part, body)
        self.assertNotIn("hä", body)
        self.assertNotIn("secret", body)

    def test_unknown_charset(self) -> None:
        """Text without a charset is read as UTF-8 where it is that, else as Windows-1252."""
        self.assertIn("é é", whole(b"A: b\r\n\r\n\xc3\xa9 \xe9"))
        self.assertIn("é", whole(b"Content-Type: text/plain; charset=x-none\r\n\r\n\xe9"))

    def test_utf16(self) -> None:
        """UTF-16 is read with and without a byte order mark."""
        for name in ("utf-16", "utf-16-le"):
            self.assertIn("é", whole(b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + "é".encode(name)))

    def test_endless_run(self) -> None:
        """UTF-7 that does not come to an end takes little memory, and time in proportion."""
        octets = b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+" + b"AGEA" * 250_000
        pieces = list(part_text(scan([octets]), reader(octets)))
        self.assertLess(max(map(len, pieces)), 3 * text.PIECE)
        self.assertTrue(pieces[0].startswith("a\0"))

    @given(st.text())
    def test_fold_case(self, words: str) -> None:
        """What is folded stays as it is, so that what was looked for can be kept folded."""
        self.assertEqual(fold_case(fold_case(words)), fold_case(words))
        self.assertEqual(fold_case("\N{DOUBLE-STRUCK CAPITAL C}"), "c")

    @given(st.text(max_size=300), st.sampled_from(["base64", "quoted-printable", "8bit"]), st.integers(1, 9))
    def test_any_piece(self, words: str, encoding: str, size: int) -> None:
        """Text is decoded the same whatever the size of the pieces."""
        octets = words.encode("utf-8", "replace")
        if encoding == "base64":
            body = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        elif encoding == "quoted-printable":
            body = quopri.encodestring(octets.replace(b"\r", b"").replace(b"\n", b"")).replace(b"\n", b"\r\n")
            octets = octets.replace(b"\r", b"").replace(b"\n", b"")
        else:
            body = octets
        header = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        message = header + body
        root = scan([message])
        self.patch(text, "PIECE", size)
        self.assertEqual("".join(part_text(root, reader(message))), octets.decode())

    @given(mime_messages())
    def test_any_message(self, octets: bytes) -> None:
        """Every message has a text that can be folded and searched."""
        body = whole(octets)
        self.assertTrue(contains(iter([body]), body[3:9]))

    @given(
        st.binary(max_size=80),
        st.sampled_from(["base64", "quoted-printable"]),
        st.sampled_from(sorted(set(aliases.values()))),
    )
    def test_broken(self, body: bytes, encoding: str, charset: str) -> None:
        """Broken encodings give what text there is."""
        header = (
            f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        whole(header.encode() + body)


class SearchTests(SynchronousTestCase):
    def test_contains(self) -> None:
        """Text is found without regard to case, also across pieces."""
        self.assertTrue(contains(["Straße", "n in KÖLN"], "STRASSEN IN köln"))
        self.assertTrue(contains([], ""))
        self.assertFalse(contains(["abc", "abd"], "cd"))

    @given(st.lists(st.text("abÄß", max_size=4), max_size=6), st.text("abäß", max_size=5))
    def test_contains_any(self, pieces: list[str], needle: str) -> None:
        """A search in pieces finds what a search in the whole finds."""
        self.assertEqual(contains(pieces, needle), fold_case(needle) in fold_case("".join(pieces)))

    @given(st.lists(st.text("abÄß", max_size=4), max_size=6), st.sets(st.text("abäß", max_size=5)))
    def test_many(self, pieces: list[str], needles: set[str]) -> None:
        """Many texts are looked for at once; each is found where it would be found alone."""
        lookout = Lookout(map(fold_case, needles))
        for piece in pieces:
            lookout.feed(piece)
        found = {fold_case(needle) for needle in needles if contains(pieces, needle)}
        self.assertEqual(lookout.found, found)
        self.assertEqual(lookout.missing, set(map(fold_case, needles)) - found)

    def test_header(self) -> None:
        """Fields are decoded, each with its name."""
        octets = b"Subject: =?utf-8?q?=C3=84?=\r\nTo: a\r\n b\r\nbroken\r\nTO: c\r\n\r\n"
        self.assertEqual(list(header_texts(octets)), ["Subject: Ä\n", "To: a b\n", "TO: c\n"])
