from __future__ import annotations

import email
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.parameters import decoded, get, parse

TOKENS = st.text("abcdefXYZ0123.+-_", min_size=1, max_size=8)


class ParseTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """Comments, white space, quotes and mistakes are understood."""
        for octets, value, *parameters in [
            (b"text/plain", b"text/plain"),
            (b"text/plain; charset=utf-8", b"text/plain", (b"charset", b"utf-8")),
            (b'text/plain; charset=us-ascii (Plain "text)', b"text/plain", (b"charset", b"us-ascii")),
            (b'Text / HTML; Charset = "a\\"b"; x=', b"Text/HTML", (b"charset", b'a"b'), (b"x", b"")),
            (b'a/b; boundary="a=b;c"', b"a/b", (b"boundary", b"a=b;c")),
            (b"a/b; c=d=e", b"a/b", (b"c", b"d=e")),
            (b"a/b; name=my file.txt; x=y", b"a/b", (b"name", b"my file.txt"), (b"x", b"y")),
            (b'a/b (x); name=my file.txt; x="y"', b"a/b", (b"name", b"my file.txt"), (b"x", b"y")),
            (b'a/b; c="unclosed', b"a/b", (b"c", b"unclosed")),
            (b"a/b; (unclosed; c=d", b"a/b"),
            (b"a/b;; ;c;=d;e=f", b"a/b", (b"e", b"f")),
            (b"", b""),
        ]:
            self.assertEqual(parse(octets), (value, tuple(parameters)), octets)

    @given(
        st.lists(st.tuples(TOKENS, TOKENS), max_size=4, unique_by=lambda pair: pair[0].lower()), st.booleans()
    )
    def test_standard_library(self, pairs: list[tuple[str, str]], quoted: bool) -> None:
        """Parameters are those that the standard library finds."""
        body = "a/b" + "".join(
            f'; {name}="{value}"' if quoted else f"; {name}={value}" for name, value in pairs
        )
        message = email.message_from_string(f"Content-Type: {body}\n\n")
        expected = message.get_params(failobj=[])[1:]
        found = [(name.decode(), value.decode()) for name, value in parse(body.encode())[1]]
        self.assertEqual(found, [(name.lower(), value) for name, value in expected])

    @given(st.one_of(st.binary(max_size=40), st.text("ab/;=\"\\() *'%", max_size=30).map(str.encode)))
    def test_anything(self, octets: bytes) -> None:
        """Any octets give a value, and any parameter some text."""
        _, parameters = parse(octets)
        for name, value in parameters:
            self.assertTrue(name)
            self.assertIsNotNone(decoded(parameters, name.partition(b"*")[0]) or "")
            self.assertIsNotNone(get(parameters, name))
            self.assertNotIn(b'"', value.replace(b'"', b"") if b"\\" in octets else value)

    def test_linear(self) -> None:
        """A long value takes time in proportion."""
        started = time.process_time()
        for piece in (b";", b'"', b"(", b"\\", b"a=b;", b" ", b"=", b"x*1=a;", b"()", b'";"'):
            parse(b"a/b; x=" + piece * 40_000)
        self.assertLess(time.process_time() - started, 5)


class DecodedTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """RFC 2231 pieces are joined and decoded; encoded words are decoded too."""
        for octets, text in [
            (b"x; n=plain", "plain"),
            (b"x; n*=utf-8'de'%C3%A9", "é"),
            (b"x; n*0*=utf-8''%C3; n*1*=%A9; n*2=%41", "é%41"),
            (b"x; n*1=b; n*0=a", "ab"),
            (b"x; n*0=a; n*2=c", "a"),
            (b"x; n=old; n*=utf-8''new", "new"),
            (b"x; n*=x-unknown''%E9", "é"),
            (b"x; n*=%41", "A"),
            (b'x; n="=?utf-8?q?=C3=A9?="', "é"),
            (b"x; m=a", None),
            (b"x; n*1=a", None),
            (b"x; n*9999999999999999999999=a; n*x=b", None),
        ]:
            self.assertEqual(decoded(parse(octets)[1], b"n"), text, octets)
