"""Octets are kept once, go with their last message, and are read by windows."""

from __future__ import annotations

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.database.migrations import migrate
from mailframe.store.sqlite.account import ROOM
from mailframe.store.sqlite.contents import PIECE, REMOVED_AT_ONCE, Contents


class ContentsCase(SynchronousTestCase):
    """Contents in memory, with as many messages as a test says."""

    def setUp(self) -> None:
        self.contents = self.made()

    def made(self) -> Contents:
        self.connection = apsw.Connection(":memory:")
        migrate(self.connection, ROOM, beside=True)
        return Contents(self.connection)

    def count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").get)


class ContentsTests(ContentsCase):
    """One content after the other."""

    def test_kept(self) -> None:
        """What was kept is read again, whole and by windows."""
        number = self.contents.reserve(1)
        self.contents.add(number, b"octets")
        self.assertEqual(self.contents.read(number), b"octets")
        self.assertEqual(self.contents.window(number, 2, 3), b"tet")
        self.assertEqual(list(self.contents.pieces(number)), [b"octets"])

    def test_gone(self) -> None:
        """What is not there is told apart from what is empty."""
        self.assertIsNone(self.contents.read(7))
        self.assertIsNone(self.contents.window(7, 0, 10))
        self.assertFalse(self.contents.exists(7))
        number = self.contents.reserve(1)
        self.contents.add(number, b"")
        self.assertEqual(self.contents.read(number), b"")
        self.assertEqual(self.contents.window(number, 5, 10), b"")

    def test_several_together(self) -> None:
        """Several are read at once, neighbours or not, each its own octets, and those that are gone left out."""
        first = self.contents.reserve(9)
        for number in (0, 1, 2, 5, 8):
            self.contents.add(first + number, b"octets %d" % number)
        self.contents.add(first + 5, b" and more", 1)
        wanted = [first + number for number in (8, 0, 1, 1, 3, 5)]
        found = {number - first: octets for number, octets in self.contents.read_together(wanted).items()}
        expected = {0: b"octets 0", 1: b"octets 1", 5: b"octets 5 and more", 8: b"octets 8"}
        self.assertEqual(found, expected)
        self.assertEqual(self.contents.read_together([]), {})

    def test_windows_of_pieces(self) -> None:
        """A window over the end of a piece goes on in the next, and ends where the message ends."""
        number = self.contents.reserve(1)
        octets = bytes(range(256)) * (PIECE // 128) + b"end"
        for place in range(3):
            self.contents.add(number, octets[place * PIECE : (place + 1) * PIECE], place)
        for offset, length in ((PIECE - 5, 10), (0, 3), (2 * PIECE, 100), (3 * PIECE, 5), (100, 2 * PIECE)):
            self.assertEqual(self.contents.window(number, offset, length), octets[offset : offset + length])
        self.assertEqual(b"".join(self.contents.pieces(number)), octets)
        self.assertEqual(self.contents.read(number), octets)

    def test_numbers_never_come_again(self) -> None:
        """A reader that is late never gets another message's octets."""
        first = self.contents.reserve(2)
        self.contents.add(first, b"one")
        self.contents.release({first: 3}, {first: 1})
        self.assertEqual(self.contents.reserve(1), first + 2)

    def test_much_goes_bit_by_bit(self) -> None:
        """Where more is removed than one transaction should bear, the rest is swept later, piece by piece."""
        numbers = [self.contents.reserve(1) for _ in range(3)]
        for number in numbers:
            for place in range(2):
                self.contents.add(number, b"x" * 1000, place)
        size = REMOVED_AT_ONCE // 2 + 1
        self.contents.release(dict.fromkeys(numbers, size), dict.fromkeys(numbers, 1))
        self.assertEqual((self.count("pieces"), self.count("unused_contents")), (4, 2))
        self.assertTrue(self.contents.unused())
        self.assertEqual(self.contents.sweep(1), 1000)
        self.assertEqual(self.count("pieces"), 3)
        self.assertEqual(self.contents.sweep(1_000_000), 3000)
        self.assertEqual((self.count("pieces"), self.count("unused_contents")), (0, 0))
        self.assertEqual(self.contents.sweep(1_000_000), 0)

    def test_coming_for_too_long(self) -> None:
        """A large message whose writer was killed is given up, and one that is still coming is not."""
        old, new = self.contents.reserve(1), self.contents.reserve(1)
        for number, begun in ((old, 100), (new, 200)):
            self.contents.begin(number, begun)
            self.contents.add(number, b"x")
        self.assertFalse(self.contents.abandoned(100))
        self.assertTrue(self.contents.abandoned(150))
        self.contents.give_up_before(150)
        self.contents.sweep(100)
        self.assertFalse(self.contents.exists(old))
        self.assertTrue(self.contents.exists(new))


class SharingTests(ContentsCase):
    """However messages come and go, a content is there as long as one of them has it."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("add"), st.just(())),
                st.tuples(st.sampled_from(["copy", "remove"]), st.lists(st.integers(0, 9), max_size=12)),
            ),
            max_size=25,
        )
    )
    def test_counts(self, steps: list[tuple[str, list[int]]]) -> None:
        """Counts are right after any copies and removals, those of one content many times included."""
        contents = self.made()
        messages: list[int] = []
        for step, places in steps:
            chosen = [place % len(messages) for place in places] if messages else []
            if step == "add":
                number = contents.reserve(1)
                contents.add(number, b"%d" % number)
                messages.append(number)
            elif step == "copy":
                copied = [messages[place] for place in chosen]
                contents.share(copied)
                messages.extend(copied)
            else:
                gone = [messages[place] for place in set(chosen)]
                times = {number: gone.count(number) for number in gone}
                contents.release(dict.fromkeys(times, 1), times)
                for number in gone:
                    messages.remove(number)
            there = {row >> 16 for (row,) in self.connection.execute("SELECT id FROM pieces")}
            self.assertEqual(there, set(messages))
            shared = dict(self.connection.execute("SELECT id, others FROM shared_contents"))
            self.assertEqual(
                shared,
                {number: messages.count(number) - 1 for number in messages if messages.count(number) > 1},
            )
