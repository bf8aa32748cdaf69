from __future__ import annotations

import email.utils
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.addresslist import GROUP_END, Entry, parse
from tests.strategies import addresses

WORDS = st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=6)


class ParseTests(SynchronousTestCase):
    def test_usual(self) -> None:
        """Names, quoted names and bare addresses are read in order."""
        self.assertEqual(
            parse(b'"Bob, B" <b@x.test>, carol@x.test,Dave  =?utf-8?q?D?= <d.e@f.test>'),
            [
                Entry(b"Bob, B", None, b"b", b"x.test"),
                Entry(None, None, b"carol", b"x.test"),
                Entry(b"Dave =?utf-8?q?D?=", None, b"d.e", b"f.test"),
            ],
        )

    def test_groups(self) -> None:
        """Groups have a start with their name, and an end."""
        self.assertEqual(
            parse(b'"My Friends": a@b, X <c@d>; , e@f, None:;'),
            [
                Entry(None, None, b"My Friends", None),
                Entry(None, None, b"a", b"b"),
                Entry(b"X", None, b"c", b"d"),
                GROUP_END,
                Entry(None, None, b"e", b"f"),
                Entry(None, None, b"None", None),
                GROUP_END,
            ],
        )

    def test_forms(self) -> None:
        """Comments, routes, quoted local parts, literals and white space are understood; so are mistakes."""
        for octets, *expected in [
            (b"a@b (John (x) \\) D)", Entry(b"John (x) ) D", None, b"a", b"b")),
            (b"(c) N (d) <a@b> (e)", Entry(b"N", None, b"a", b"b")),
            (b"<@a,@b:c@d>", Entry(None, b"@a,@b", b"c", b"d")),
            (b'"q\\"x" <"a b"@[192.0.2.1]>', Entry(b'q"x', None, b"a b", b"[192.0.2.1]")),
            (b"John Q. Public <a@b>", Entry(b"John Q. Public", None, b"a", b"b")),
            (b"a . b @ c . d", Entry(None, None, b"a.b", b"c.d")),
            (b"a@b <c@d>", Entry(b"a@b", None, b"c", b"d")),
            (b"caf\xc3\xa9 <a@b>", Entry(b"caf\xc3\xa9", None, b"a", b"b")),
            (b"nobody", Entry(None, None, b"nobody", b"")),
            (b"<>", Entry(None, None, b"", b"")),
            (b"A <a@b, c@d", Entry(b"A", None, b"a", b"b"), Entry(None, None, b"c", b"d")),
            (b"G: a@b", Entry(None, None, b"G", None), Entry(None, None, b"a", b"b"), GROUP_END),
            (b"x <a@b> y, c@d", Entry(b"x", None, b"a", b"b"), Entry(None, None, b"c", b"d")),
            (b"a@b; c@d", Entry(None, None, b"a", b"b"), Entry(None, None, b"c", b"d")),
            (b"a@b (unclosed", Entry(b"unclosed", None, b"a", b"b")),
            (b'"unclosed <a@b>', Entry(None, None, b"unclosed <a@b>", b"")),
        ]:
            self.assertEqual(parse(octets), expected, octets)

    def test_nothing(self) -> None:
        """Empty places give nothing."""
        for octets in (b"", b" ", b",", b" , ,", b"(only a comment)"):
            self.assertEqual(parse(octets), [], octets)

    @given(st.lists(st.tuples(st.lists(WORDS, max_size=3), addresses()), max_size=4), st.booleans())
    def test_standard_library(self, people: list[tuple[list[str], Address]], quoted: bool) -> None:
        """Names and addresses are those that the standard library finds."""
        named = []
        for words, address in people:
            name = '"{}"'.format(" ".join(words)) if quoted and words else " ".join(words)
            named.append(f"{name} <{address}>")
        text = ", ".join(named)
        entries = parse(text.encode())
        self.assertEqual(
            [(entry.mailbox or b"").decode() for entry in entries], [a.local_part for _, a in people]
        )
        self.assertEqual([(entry.host or b"").decode() for entry in entries], [a.domain for _, a in people])
        self.assertEqual(
            [(entry.name or b"").decode() for entry in entries], [" ".join(words) for words, _ in people]
        )
        if all(_is_plain(a) for _, a in people):
            expected = email.utils.getaddresses([text]) if people else []
            self.assertEqual(
                [(entry.name or b"").decode() for entry in entries], [name for name, _ in expected]
            )

    @given(st.one_of(st.binary(max_size=40), st.text('a@b<>,;:()"\\[]. é', max_size=30).map(str.encode)))
    def test_anything(self, octets: bytes) -> None:
        """Any octets give a list whose groups are closed."""
        open_groups = 0
        for entry in parse(octets):
            if entry == GROUP_END:
                open_groups -= 1
            elif entry.host is None:
                open_groups += 1
            else:
                self.assertIsNotNone(entry.mailbox)
            self.assertIn(open_groups, (0, 1))
        self.assertEqual(open_groups, 0)

    @given(st.text('a@b<>,;:()" ', max_size=30).map(str.encode), st.integers(1, 5))
    def test_some(self, octets: bytes, limit: int) -> None:
        """Of a long list the first entries can be had; a group that is cut short has its end."""
        every, some = parse(octets), parse(octets, limit)
        self.assertEqual(some[:limit], every[:limit])
        self.assertLessEqual(len(some), limit + 1)
        self.assertIn(some[limit:], ([], [GROUP_END]))

    def test_linear(self) -> None:
        """A long field of brackets, quotes or comments takes time in proportion."""
        started = time.process_time()
        for piece in (b"<", b'"', b"(", b"\\", b"a,", b"[", b"@", b":", b"(a)", b'"a" ', b"a@b,", b" "):
            parse(piece * 50_000)
        self.assertLess(time.process_time() - started, 5)


def _is_plain(address: Address) -> bool:
    """An address that the standard library of every version reads alike: no quotes, no literals."""
    return not address.is_literal and address.local_part.isascii() and address.local_part.isalnum()
