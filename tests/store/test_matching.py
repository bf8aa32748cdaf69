"""Tests of `mailframe.store.matching`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.scanner import scan
from mailframe.message.structure import pack
from mailframe.store.matching import Program, in_row, split
from mailframe.store.matching_text import OctetsSource, structure_of
from mailframe.store.search_keys import (
    All,
    And,
    Dated,
    HasFlag,
    HeaderContains,
    ModseqAtLeast,
    Not,
    Or,
    Size,
    TextContains,
    UIDs,
)
from mailframe.store.values import Item, Message

OCTETS = b"Subject: apple\r\nDate: Mon, 2 Mar 2020 10:00:00 +0000\r\n\r\npear\r\n"
SEEN = HasFlag("\\Seen")
APPLE = HeaderContains("Subject", "Apple")
PEAR = TextContains("PEAR")

rows = st.builds(
    Message,
    uid=st.integers(1, 20),
    flags=st.frozensets(st.sampled_from(["\\Seen", "word"])),
    modseq=st.integers(1, 5),
    internal_date=st.integers(0, 10**6),
    size=st.integers(0, 10),
    save_date=st.integers(0, 10**6),
)
days = st.none() | st.integers(719_163, 719_180)
leaves = st.one_of(
    st.just(All()),
    st.sampled_from(["\\Seen", "WORD", "other"]).map(HasFlag),
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), max_size=4).map(
        lambda pairs: UIDs(tuple(pairs))
    ),
    st.builds(Size, st.none() | st.integers(0, 10), st.none() | st.integers(0, 10)),
    st.integers(0, 6).map(ModseqAtLeast),
    st.builds(Dated, st.sampled_from(["internal", "saved", "sent"]), days, days),
    st.sampled_from([APPLE, HeaderContains("subject", "pear"), HeaderContains("x", "")]),
    st.sampled_from(
        [PEAR, TextContains("apple"), TextContains("apple", header=True), TextContains("plum", True)]
    ),
)
keys = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda keys: And(tuple(keys))),
        st.builds(Or, inner, inner),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


def plainly(key, message):
    """The same question, answered by looking at everything."""
    match key:
        case And(inner):
            return all(plainly(each, message) for each in inner)
        case Or(left, right):
            return plainly(left, message) or plainly(right, message)
        case Not(inner):
            return not plainly(inner, message)
        case UIDs(ranges):
            return any(first <= message.uid <= last for first, last in ranges)
    return Program(key).matches(message, OCTETS)


class Watched(OctetsSource):
    """Remembers what was read."""

    def __init__(self, octets):
        super().__init__(octets)
        self.asked = set()
        self.reads = 0

    def header(self):
        self.asked.add("header")
        return super().header()

    def structure(self):
        self.asked.add("structure")
        return super().structure()

    def read(self, offset, length):
        self.reads += 1
        return super().read(offset, length)


class ProgramTests(SynchronousTestCase):
    """Search programs."""

    def asked(self, key, flags=()):
        source = Watched(OCTETS)
        matched = Program(key).matches(Message(1, frozenset(flags)), source)
        return matched, source.asked

    def test_no_content_for_rows(self):
        """Nothing is read where the row decides, on either side of AND and OR."""
        seen = ["\\Seen"]
        self.assertEqual(self.asked(And((PEAR, Not(SEEN))), seen), (False, set()))
        self.assertEqual(self.asked(Or(PEAR, SEEN), seen), (True, set()))
        self.assertEqual(self.asked(Not(And((APPLE, Not(SEEN)))), seen), (True, set()))

    def test_header_before_body(self):
        """Only the header is read where it decides."""
        self.assertEqual(self.asked(And((PEAR, Not(APPLE)))), (False, {"header"}))
        self.assertEqual(self.asked(TextContains("apple", header=True)), (True, {"header"}))
        self.assertEqual(self.asked(And((APPLE, PEAR))), (True, {"header", "structure"}))

    def test_read_once(self):
        """However many texts are looked for, a message is read once."""
        words = [TextContains(f"word {number}") for number in range(300)]
        source = Watched(OCTETS)
        reading = Program(And((*map(Not, words), PEAR))).reading(Message(1), source)
        self.assertTrue(reading.verdict())
        self.assertEqual(source.reads, 1)

    def test_slices_of_a_message(self):
        """A long message is read in as many slices as it takes, each with some progress."""
        octets = b"Subject: long\r\n\r\n" + b"filler\r\n" * 50_000 + b"the end\r\n"
        for key, wanted in ((TextContains("THE END"), True), (TextContains("the beginning"), False)):
            reading = Program(key).reading(Message(1), OctetsSource(octets))
            verdicts = [None]
            while verdicts[-1] is None:
                verdicts.append(reading.verdict(0.0))
            self.assertIs(verdicts[-1], wanted)
            self.assertGreater(len(verdicts), 5)

    def test_what_is_needed(self):
        """A program says what its rows must have."""
        program = Program(And((SEEN, Size(larger=3), Dated("internal", since=1), Not(Dated("saved")))))
        self.assertEqual(program.items, Item.FLAGS | Item.SIZE | Item.DATE | Item.IDENTITY)
        self.assertEqual(Program(Or(PEAR, Dated("sent"))).items, Item(0))
        self.assertEqual((program.in_row, program.header_only), (True, True))
        self.assertEqual((Program(APPLE).in_row, Program(APPLE).header_only), (False, True))
        self.assertEqual((Program(PEAR).in_row, Program(PEAR).header_only), (False, False))

    def test_no_date(self):
        """A message without a date has none that could match."""
        for octets in (b"\r\nx\r\n", b"Date: yesterday\r\n\r\n"):
            self.assertFalse(Program(Dated("sent", since=1)).matches(Message(1), octets))

    def test_known_structure(self):
        """A structure that was described is not scanned for again; a damaged one is."""
        known = pack(scan([OCTETS]))
        self.assertIsNotNone(structure_of(known))
        self.assertTrue(Program(PEAR).matches(Message(1), OctetsSource(OCTETS, known)))
        self.assertTrue(Program(PEAR).matches(Message(1), OctetsSource(OCTETS, b"?")))

    def test_ten_thousand_ranges(self):
        """Many ranges cost little a message."""
        program = Program(UIDs(tuple((uid, uid + 1) for uid in range(1, 100_000, 10))))
        found = [uid for uid in range(1, 20_000) if program.matches(Message(uid), b"")]
        self.assertEqual(len(found), 4000)

    def test_unknown_key(self):
        """A key nobody knows is a fault, not a match."""
        self.assertRaises(ValueError, Program, object())

    @given(keys, rows)
    def test_same_as_plainly(self, key, message):
        """Order and early decisions do not change the answer."""
        program = Program(key)
        found = program.matches(message, OCTETS)
        self.assertEqual(found, plainly(key, message))
        self.assertIn(program.decide(message), (found, None))
        if program.in_row:
            self.assertIsNotNone(program.decide(message))

    @given(keys, rows)
    def test_split(self, key, message):
        """Both parts of a split program together are the program."""
        first, rest = split(key)
        self.assertTrue(in_row(first))
        both = bool(Program(first).decide(message)) and (
            rest is None or Program(rest).matches(message, OCTETS)
        )
        self.assertEqual(both, Program(key).matches(message, OCTETS))
