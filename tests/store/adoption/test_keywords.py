"""dovecot-keywords and courierimapkeywords."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.adoption import courier_keywords, dovecot_keywords

words = st.text(string.ascii_letters + string.digits + "$_-", min_size=1, max_size=12)
files = st.text(
    st.characters(codec="utf-8", exclude_characters="/:\n\x00", exclude_categories=("Cs",)), min_size=1
)


class DovecotKeywordsTests(SynchronousTestCase):
    """Keywords by the letters in names of files."""

    def test_read(self) -> None:
        """Number 0 is the letter a."""
        self.assertEqual(
            dovecot_keywords.read(b"0 $Forwarded\n2 Junk\n25 Last\n"),
            {"a": "$Forwarded", "c": "Junk", "z": "Last"},
        )

    def test_nonsense(self) -> None:
        """What stands for no letter or is no keyword is left out, and so is a keyword's second letter."""
        octets = b"26 Much\nx Word\n1\n2 (a)\n3 B\xc3\xbc\n4 Word\n5 word\n4 Other\n6 half"
        self.assertEqual(dovecot_keywords.read(octets), {"e": "Word"})

    @given(st.dictionaries(st.sampled_from(string.ascii_lowercase), words))
    def test_round_trip(self, letters: dict[str, str]) -> None:
        """What is written is read again."""
        unique = {word.lower(): letter for letter, word in letters.items()}
        letters = {letter: letters[letter] for letter in unique.values()}
        self.assertEqual(dovecot_keywords.read(dovecot_keywords.write(letters)), letters)

    @given(st.binary())
    def test_any_octets(self, octets: bytes) -> None:
        """Whatever a file has in it, keywords are atoms."""
        found = dovecot_keywords.read(octets)
        self.assertTrue(all(dovecot_keywords.is_keyword(word) for word in found.values()))


class CourierKeywordsTests(SynchronousTestCase):
    """Keywords by file."""

    def test_read(self) -> None:
        """Numbers stand for the keywords in front of the empty line."""
        found = courier_keywords.read(
            b"$Forwarded\nJunk\n\n1.a.host,S=5:0 1\n2.b.host:1\n3.c.host:7\n4.d.host:\n"
        )
        self.assertEqual(found["1.a.host,S=5"], {"$Forwarded", "Junk"})
        self.assertEqual(found["2.b.host"], {"Junk"})
        self.assertEqual(found["3.c.host"], frozenset())

    def test_newest(self) -> None:
        """The file without a number is newest, then that with the highest."""
        names = [":list", ".5.a", ".12.a", ".7.b", "b", "c", ".x.d", "."]
        self.assertEqual(courier_keywords.newest(names), {"a": ".12.a", "b": "b", "c": "c"})

    def test_read_one(self) -> None:
        """A message's own file has its keywords, and no line is none."""
        self.assertEqual(courier_keywords.read_one(b"Junk\n$Forwarded\n"), {"Junk", "$Forwarded"})
        self.assertEqual(courier_keywords.read_one(b""), frozenset())

    @given(st.dictionaries(files, st.frozensets(words, min_size=1)))
    def test_round_trip(self, keywords: dict[str, frozenset[str]]) -> None:
        """What is written is read again."""
        self.assertEqual(courier_keywords.read(courier_keywords.write(keywords)), keywords)

    @given(st.binary(), st.lists(st.text()))
    def test_any_octets(self, octets: bytes, names: list[str]) -> None:
        """Whatever there is, it is read."""
        courier_keywords.read(octets)
        courier_keywords.read(b"A\nB\n\n" + octets)
        self.assertTrue(set(courier_keywords.newest(names).values()) <= set(names))
