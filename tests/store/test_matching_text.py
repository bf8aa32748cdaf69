"""Tests of `mailframe.store.matching_text`: what was written into a message is found, by reading and by the index."""

from __future__ import annotations

import base64
import quopri
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.text import fold_case
from mailframe.store.matching import Program
from mailframe.store.matching_text import OctetsSource
from mailframe.store.search_keys import HeaderContains, TextContains
from mailframe.store.text.interfaces import InBody, InField
from mailframe.store.text.reading import text_of
from mailframe.store.text.sqlite.blocks import block_of, compiled
from mailframe.store.values import Message

CHARSETS = (
    "utf-8", "iso-8859-1", "windows-1251", "koi8-r", "iso-2022-jp", "gb18030", "utf-16", "utf-7", "us-ascii", "big5",
    "shift_jis", "euc-kr",
)  # fmt: skip
LETTERS = "aZ\N{LATIN SMALL LETTER SHARP S}\u00c4\u00e9\u0416\u0439\u3042\u4e2d\ufb01\u2102\u0130\u03c3\u03c2\U0001f600 .<&>%=?_'"
HIDDEN = b"what nobody sees"


@dataclass
class Written:
    """A part with its header fields, and what must be found in it."""

    octets: bytes
    texts: list[str]


def sent(text: str, charset: str) -> tuple[bytes, str]:
    """A text in a charset, and as much of it as the charset can say; it has no more white space than it shows."""
    said = text.encode(charset, "ignore").decode(charset)
    text = "x" + " ".join(said.split()) + "x"
    return text.encode(charset), text


def body(octets: bytes, encoding: str) -> bytes:
    """A body in a transfer encoding, which 16-bit charsets always have."""
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(octets, quotetabs=True).replace(b"\n", b"\r\n")
    return octets


def word(text: str, charset: str, form: str = "b") -> tuple[bytes, str]:
    """An encoded word."""
    octets, text = sent(text, charset)
    coded = base64.b64encode(octets) if form == "b" else b"".join(b"=%02X" % octet for octet in octets)
    return b"=?%s?%s?%s?=" % (charset.encode(), form.encode(), coded), text


def text_part(text: str, charset: str, encoding: str, html: bool, cut: int) -> Written:
    octets, text = sent(text, charset)
    kind = b"plain"
    if html:
        kind = b"html"
        at = cut % len(text)
        octets = f"<p>{escape(text[:at])}<i>{escape(text[at:])}</i><!-- hidden -->".encode(charset)
    if charset == "utf-16":
        encoding = "base64"
    fields = b"Content-Type: text/%s; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n"
    return Written(
        fields % (kind, charset.encode(), encoding.encode()) + body(octets, encoding) + b"\r\n", [text]
    )


def attachment(text: str, charset: str, form: str) -> Written:
    if form == "2231":
        octets, text = sent(text, charset)
        name = b"filename*=%s''%s" % (charset.encode(), quote_from_bytes(octets, safe="").encode())
    else:
        coded, text = word(text, charset)
        name = b'name="%s"' % coded
    kind = b"Content-Disposition: attachment; " if form == "2231" else b"Content-Type: application/pdf; "
    other = b"" if form != "2231" else b"Content-Type: application/pdf\r\n"
    return Written(other + kind + name + b"\r\n\r\n" + HIDDEN + b"\r\n", [text])


def message_part(subject: str, charset: str, inner: Written) -> Written:
    coded, subject = word(subject, charset, "q")
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: %s\r\n" % coded + inner.octets
    return Written(octets, [subject, *inner.texts])


def multipart(number: int, parts: list[Written]) -> Written:
    boundary = b"=_%d_%d" % (number, sum(len(part.octets) for part in parts))
    octets = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary + HIDDEN + b"\r\n"
    for part in parts:
        octets += b"--%s\r\n%s\r\n" % (boundary, part.octets)
    return Written(octets + b"--%s--\r\n" % boundary, [text for part in parts for text in part.texts])


TEXT = st.text(LETTERS, max_size=12)
CHARSET = st.sampled_from(CHARSETS)
LEAVES = st.one_of(
    st.builds(
        text_part, TEXT, CHARSET, st.sampled_from(["base64", "quoted-printable", "8bit"]), st.booleans(),
        st.integers(0, 20),
    ),
    st.builds(attachment, TEXT, CHARSET, st.sampled_from(["2231", "word"])),
)  # fmt: skip
PARTS: st.SearchStrategy[Written] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(message_part, TEXT, CHARSET, inner),
        st.builds(multipart, st.integers(0, 99), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)


def other_case(text: str) -> str:
    """The text in other letters, where it is the same text then."""
    return "".join(
        swapped if fold_case(swapped := letter.swapcase()) == fold_case(letter) else letter for letter in text
    )


class ExactTests(SynchronousTestCase):
    """Messages of all forms, and what was put into them."""

    def both(self, octets: bytes, text: str, field: str = "") -> bool:
        """Is the text there? Reading and the index must agree."""
        key: Any = HeaderContains(field, text) if field else TextContains(text)
        read = Program(key).matches(Message(1), octets)
        block = block_of([text_of(1, OctetsSource(octets))])
        needle = fold_case(text)
        found = compiled(InField(field, needle) if field else InBody(needle))(
            block.directory, block.headers if field else block.bodies
        )
        self.assertEqual(bool(found), read, (text, octets))
        return read

    @given(PARTS, st.data())
    def test_found(self, part: Written, data: st.DataObject) -> None:
        """Every piece of what was written is found in any case; what nobody sees is not."""
        octets = b"MIME-Version: 1.0\r\n" + part.octets
        for text in part.texts:
            first = data.draw(st.integers(0, len(text) - 1))
            piece = text[first : data.draw(st.integers(first + 1, len(text)))]
            for needle in (text, piece, other_case(piece)):
                self.assertTrue(self.both(octets, needle), (needle, octets))
        for needle in (HIDDEN.decode(), "hidden", "MIME-Version"):
            self.assertFalse(self.both(octets, needle), (needle, octets))

    @given(PARTS, TEXT)
    def test_agree(self, part: Written, needle: str) -> None:
        """Whatever is looked for, reading and the index say the same."""
        self.both(part.octets, needle)

    # Of words in UTF-16 each has a byte order mark, which stays between them.
    @given(
        st.lists(
            st.tuples(TEXT, CHARSET.filter(lambda name: name != "utf-16"), st.sampled_from("bq")),
            min_size=1,
            max_size=3,
        )
    )
    def test_header(self, words: list[tuple[str, str, str]]) -> None:
        """Encoded words are found in the field that they are in, also where they meet."""
        made = [word(*each) for each in words]
        octets = b"Subject: " + b"\r\n ".join(coded for coded, _ in made) + b"\r\nTo: a\r\n\r\nb\r\n"
        for needle in ("".join(text for _, text in made), *(other_case(text) for _, text in made)):
            self.assertTrue(self.both(octets, needle, "subject"), (needle, octets))
            self.assertFalse(self.both(octets, needle, "to"))
