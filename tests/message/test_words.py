from __future__ import annotations

import codecs
import encodings
import time
from email.header import Header
from encodings.aliases import aliases

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.words import codec, decode_base64, decode_words, to_text


class DecodeWordsTests(SynchronousTestCase):
    def test_words(self) -> None:
        """Encoded words are decoded, alone and between other text."""
        for octets, text in [
            (b"plain", "plain"),
            (b"=?utf-8?q?caf=C3=A9_x?=", "café x"),
            (b"a =?ISO-8859-1?Q?=E9?= b", "a é b"),
            (b"=?utf-8?B?w4Q=?= =?utf-8?B?w5w=?=", "ÄÜ"),
            (b"=?utf-8?B?w4Q=?=\t=?iso-8859-1?q?=DC?=", "ÄÜ"),
            (b"=?utf-8?B?ww==?= =?utf-8?B?hA==?=", "Ä"),
            (b"=?utf-8*de?q?x?=", "x"),
            (b"=?iso-2022-jp?B?GyRCJCIbKEI=?= =?iso-2022-jp?B?GyRCJCIbKEI=?=", "ああ"),
            (b"=?gb2312?B?1tA=?=", "中"),
            (b"=?utf-8?B?w4Q?=", "Ä"),
        ]:
            self.assertEqual(decode_words(octets), text, octets)

    def test_raw(self) -> None:
        """Raw 8-bit is read as UTF-8 where it is that, else as Windows-1252."""
        self.assertEqual(decode_words("café".encode()), "café")
        self.assertEqual(decode_words(b"caf\xe9 \x80"), "café €")

    def test_broken(self) -> None:
        """Unknown charsets and broken words give what text there is."""
        self.assertEqual(decode_words(b"=?x-unknown?q?a=E9?="), "aé")
        self.assertEqual(decode_words(b"=?utf-8?q?=FFa?="), "\ufffda")
        self.assertEqual(decode_words(b"=?utf-8?x?a?="), "=?utf-8?x?a?=")
        self.assertEqual(decode_words(b"=?utf-8?q?a"), "=?utf-8?q?a")
        for name in (b"unicode_escape", b"undefined", b"idna", b"zlib", b"rot13", b"hex", b"\0", b"../x"):
            self.assertIsNone(codec(name), name)

    def test_charsets(self) -> None:
        """Every charset that Python has a codec for is known, however its name is written."""
        for name in (
            *aliases.values(),
            "ISO_8859-1:1987",
            "Windows-1252",
            "utf 8",
            "KOI8-R",
            "ansi_x3.4-1968",
        ):
            if name not in ("mbcs", "oem") and codecs.lookup(name)._is_text_encoding:
                self.assertIsNotNone(codec(name.encode()), name)

    def test_invented_charsets(self) -> None:
        """Names that senders invent are not remembered for ever."""
        known = len(encodings._cache)
        for number in range(300):
            self.assertIsNone(codec(b"x-invented-%d" % number))
        self.assertEqual(len(encodings._cache), known)

    @given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
    def test_standard_library(self, text: str) -> None:
        """What the standard library encodes is decoded to the same text."""
        encoded = Header(text, "utf-8").encode(linesep="\r\n").replace("\r\n", "")
        self.assertEqual(decode_words(encoded.encode()), text)

    @given(st.one_of(st.binary(max_size=60), st.text("=?utf-8bBqQ?_A4 é", max_size=40).map(str.encode)))
    def test_anything(self, octets: bytes) -> None:
        """Any octets give text that can be encoded again."""
        decode_words(octets).encode()
        decode_words(b"=?utf-7?q?" + octets).encode("utf-8", "surrogatepass")

    def test_linear(self) -> None:
        """A long field of words, whole or broken, takes time in proportion."""
        started = time.process_time()
        for piece in (
            b"=?",
            b"=?a?",
            b"=?utf-8?q?",
            b"=?utf-8?q?a?= ",
            b"?=",
            b"=?a?b?c",
            b"=?utf-8?b?/////w==?=",
        ):
            decode_words(piece * 40_000)
        self.assertLess(time.process_time() - started, 5)

    def test_to_text(self) -> None:
        """Charsets are known under the names that mail uses."""
        self.assertEqual(to_text(b"\x80", b"ISO-8859-1"), "€")
        self.assertEqual(to_text(b"\xe9", b"US-ASCII"), "\ufffd")
        self.assertEqual(to_text(b"\x82\xa0", b"Shift_JIS"), "あ")
        self.assertEqual(to_text(b"\xb0\xa1", b"ks_c_5601-1987"), "가")

    @given(st.binary(max_size=40), st.sampled_from(sorted(set(aliases.values()))))
    def test_any_charset(self, octets: bytes, charset: str) -> None:
        """No charset that Python knows makes decoding fail."""
        to_text(octets, charset.encode())

    @given(st.binary(max_size=40))
    def test_base64(self, octets: bytes) -> None:
        """Anything is decoded as base64 as far as it goes."""
        decode_base64(octets)
