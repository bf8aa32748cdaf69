"""Finding messages in mbox files that all kinds of programs wrote."""

from __future__ import annotations

import mailbox
import os
import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.mbox.wire.quoting import has_bare, is_quoted, open_end, quote, unquote
from mailframe.store.mbox.wire.scanning import NotMbox, Place, begins_at, places
from mailframe.store.mbox.wire.separator import compose, date_of, is_separator

FROM = b"From a@example.test Sat Jan  1 00:00:00 2000\n"
LINES = st.sampled_from(
    [
        b"Subject: x\n",
        b"\n",
        b"text\n",
        b"From my house\n",
        b">From a\n",
        b">>From a\n",
        b"Fro\n",
        FROM,
        b"\r\n",
    ]
)
TEXTS = st.lists(LINES, max_size=8).map(b"".join)


def read_of(octets: bytes):
    return lambda count, offset: octets[offset : offset + count]


def scanned(octets: bytes, start: int = 0) -> list[Place]:
    return list(places(read_of(octets), start, len(octets)))


def texts(octets: bytes) -> list[bytes]:
    return [octets[place.text : place.body_offset + place.body] for place in scanned(octets)]


class SeparatorTests(SynchronousTestCase):
    """The line that begins each message."""

    def test_hostile_lines(self) -> None:
        """A mailbox full of lines that nearly are separators is read in about the time of any other."""
        before = time.process_time()
        for line in (b"From " + b" " * 990, b"From x Mon" + b" " * 980, b"From " + (b"Mon" + b" " * 100) * 9):
            for _ in range(1000):
                self.assertIsNone(date_of(line))
        self.assertLess(time.process_time() - before, 2.0)

    def test_dates(self) -> None:
        """Dates as programs have written them for fifty years are understood."""
        for line in (
            b"From bob@example.test Tue Nov 14 22:13:20 2023",
            b"From bob Tue Nov 14 22:13:20 2023\n",
            b"From bob@example.test  Tue Nov 14 22:13:20 2023\r\n",
            b"From - Tue Nov 14 22:13:20 2023",
            b"From bob Tue Nov 14 22:13:20 2023 +0000",
            b"From bob Tue Nov 14 23:13:20 2023 +0100",
            b"From bob Tue Nov 14 14:13:20 -0800 2023",
            b"From bob Tue Nov 14 22:13:20 GMT 2023",
            b"From bob Tue Nov 14 22:13:20 MET DST 2023",
            b"From bob Tue Nov 14 22:13:20 23",
            b"From bob Tue, 14 Nov 2023 22:13:20 +0000",
            b"From bob Tue Nov 14 22:13:20 2023 remote from host",
            b"From a b c Tue Nov 14 22:13:20 2023",
            b"From  Tue Nov 14 22:13:20 2023",
        ):
            self.assertEqual(date_of(line), 1_700_000_000, line)
        self.assertEqual(date_of(b"From bob Tue Nov 14 22:13 2023"), 1_700_000_000 - 20)

    def test_no_separators(self) -> None:
        """Text that only begins with «From » begins no message."""
        for line in (
            b"From my house Tue Nov",
            b"From me to you on Monday",
            b"From bob Tue Nov 32 22:13:20 2023",
            b"From bob Tue Nov 14 25:13:20 2023",
            b"From bob Tue Nov 14 22:13:20",
            b" From bob Tue Nov 14 22:13:20 2023",
            b"From " + b"x" * 2000 + b" Tue Nov 14 22:13:20 2023",
            b"",
        ):
            self.assertFalse(is_separator(line), line)

    @settings(deadline=None)
    @given(st.binary(max_size=40), st.integers(0, 4_000_000_000))
    def test_round_trip(self, sender: bytes, date: int) -> None:
        """What we write is one line, and tells the date."""
        line = compose(sender, date)
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(date_of(line), date)


class QuotingTests(SynchronousTestCase):
    """Lines that look like separators."""

    @settings(deadline=None)
    @given(TEXTS | st.binary())
    def test_exact(self, octets: bytes) -> None:
        """mboxrd gives back every octet, and leaves no line that begins with «From »."""
        quoted, undone = quote(octets, "mboxrd")
        self.assertEqual(unquote(quoted), octets)
        self.assertEqual(undone, quoted != octets)
        self.assertEqual(undone, is_quoted(quoted))
        self.assertFalse(has_bare(quoted))

    def test_others(self) -> None:
        """mboxo quotes what needs it, mboxcl2 nothing."""
        octets = b"From a\n>From b\nx From c\n"
        self.assertEqual(quote(octets, "mboxo"), (b">From a\n>From b\nx From c\n", False))
        self.assertEqual(quote(octets, "mboxcl2"), (octets, False))

    @settings(deadline=None)
    @given(TEXTS, st.integers(1, 9))
    def test_pieces(self, octets: bytes, size: int) -> None:
        """A text in pieces is unquoted as it is when it comes at once."""
        quoted = quote(octets, "mboxrd")[0]
        found, held, at_start = b"", b"", True
        for at in range(0, len(quoted), size):
            piece = held + quoted[at : at + size]
            open_ = open_end(piece, at_start)
            held, piece = piece[len(piece) - open_ :], piece[: len(piece) - open_]
            if piece:
                found += unquote(piece, at_start)
                at_start = piece.endswith(b"\n")
        self.assertLessEqual(len(held), len(quoted))
        self.assertEqual(found + unquote(held), octets)


class ScanningTests(SynchronousTestCase):
    """Where messages are."""

    def test_plain(self) -> None:
        """Messages end before a separator, without the blank line."""
        octets = FROM + b"A: 1\n\none\n\n" + FROM + b"A: 2\n\n\n" + FROM + b"A: 3\n\nthree"
        self.assertEqual(texts(octets), [b"A: 1\n\none\n", b"A: 2\n\n", b"A: 3\n\nthree"])

    def test_separator_in_text(self) -> None:
        """«From » at the start of a line begins no message without a date."""
        octets = FROM + b"A: 1\n\nFrom my house\n\n" + FROM + b"\nbody\n"
        self.assertEqual(texts(octets), [b"A: 1\n\nFrom my house\n", b"\nbody\n"])

    def test_content_length(self) -> None:
        """Content-Length leads over separators within a body, where it leads to the next one."""
        body = b"x\n\n" + FROM + b"y\n"
        octets = FROM + b"Content-Length: %d\n\n" % len(body) + body + b"\n" + FROM + b"\n"
        self.assertEqual([place.body for place in scanned(octets)], [len(body), 0])
        self.assertEqual(len(scanned(octets.replace(b"Length: ", b"Length: 1"))), 3)

    def test_blank_lines_behind_the_content_length(self) -> None:
        """Blank lines that an interrupted writer left belong to no message, also when another one follows them."""
        first = b"Content-Length: 5\n\nbody\n"
        for blank in (1, 2, 5, 100, 3000):
            octets = FROM + first + b"\n" * blank + FROM + b"\nlater\n"
            with self.subTest(blank=blank):
                self.assertEqual(texts(octets), [first, b"\nlater\n"])

    def test_wrong_content_length(self) -> None:
        """A Content-Length that leads into the middle of something is not believed."""
        for length in (b"0", b"3", b"99999", b"-1", b"x"):
            octets = FROM + b"Content-Length: " + length + b"\n\nbody\n\n" + FROM + b"\nbody\n"
            self.assertEqual([place.body for place in scanned(octets)], [5, 5], length)

    def test_empty(self) -> None:
        """An empty file, and one of blank lines, have no messages."""
        self.assertEqual(scanned(b""), [])
        self.assertEqual(scanned(b"\n\n"), [])

    def test_something_else(self) -> None:
        """What is no mbox file is said to be none."""
        self.assertRaises(NotMbox, scanned, b"MZ\0\0")
        self.assertFalse(begins_at(read_of(b"x"), 0, 1))

    def test_crlf(self) -> None:
        """A file with CRLF line ends is read too."""
        octets = (FROM + b"A: 1\n\none\n\n" + FROM + b"\ntwo\n").replace(b"\n", b"\r\n")
        self.assertEqual(texts(octets), [b"A: 1\r\n\r\none\r\n", b"\r\ntwo\r\n"])

    def test_unfinished(self) -> None:
        """A message whose appending was cut off is told from a whole one."""
        whole = FROM + b"A: 1\n\none\n\n"
        appended = b"\0" + FROM[1:] + b"X-UID: 2\nContent-Length: 4\n\ntwo\n\n"
        (place,) = scanned(whole + appended, len(whole))
        self.assertEqual((place.appending, place.finished), (True, True))
        (place,) = scanned(whole + appended[:-4], len(whole))
        self.assertEqual((place.appending, place.finished), (True, False))

    def test_large(self) -> None:
        """Messages larger than what is looked at in one go are found, also where a separator lies across two."""
        for size in range(262_120, 262_180, 7):
            octets = FROM + b"\n" + b"x" * size + b"\n\n" + FROM + b"\n" + b"y\n" * 200_000
            self.assertEqual([place.body for place in scanned(octets)], [size + 1, 400_000])

    @settings(deadline=None)
    @given(st.binary(max_size=300) | TEXTS)
    def test_anything(self, octets: bytes) -> None:
        """Whatever a file holds, messages lie one behind the other in it, to its end."""
        octets = FROM + octets
        end = 0
        for place in scanned(octets):
            self.assertEqual(octets[end : place.offset].strip(b"\r\n"), b"")
            self.assertLessEqual(place.body_offset + place.body, place.end)
            end = place.end
        self.assertEqual(octets[end:].strip(b"\r\n"), b"")

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.lists(st.sampled_from([b"a", b"From b", b">From c", b""]), max_size=4), max_size=4))
    def test_as_python(self, bodies: list[list[bytes]]) -> None:
        """What Python's mailbox module writes is read as it was written."""
        path = os.path.abspath(self.mktemp())
        box = mailbox.mbox(path)
        for lines in bodies:
            box.add(b"Subject: x\n\n" + b"".join(line + b"\n" for line in lines))
        box.close()
        with open(path, "rb") as file:
            octets = file.read()
        expected = [
            re.sub(rb"(?m)^From ", b">From ", b"Subject: x\n\n" + b"".join(line + b"\n" for line in lines))
            for lines in bodies
        ]
        self.assertEqual(texts(octets), expected)
