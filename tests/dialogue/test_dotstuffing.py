"""Dot-stuffed data under every segmentation."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.dotstuffing import DotReader, DotWriter, LineEnds
from mailframe.message.status import MailframeError

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"text", b"\r\n.", b"\0", b"\xff"]))
MODES: st.SearchStrategy[LineEnds] = st.sampled_from(["refuse", "normalise"])


@st.composite
def segmented(draw: st.DrawFn, octets: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """Octets, and the same octets cut into segments."""
    whole = draw(octets)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=len(whole))))
    edges = [0, *[cut for cut in cuts if cut < len(whole)], len(whole)]
    return whole, [whole[a:b] for a, b in itertools.pairwise(edges)]


def read(segments: list[bytes], mode: LineEnds = "refuse") -> tuple[bytes, bool, bool, bytes]:
    """Content, finished, bare, rest."""
    reader, content, rest = DotReader(mode), b"", b""
    for segment in segments:
        if reader.finished:
            rest += segment
            continue
        content += reader.feed(segment)
        rest += reader.rest
    return content, reader.finished, reader.bare, rest


def model(data: bytes) -> tuple[bytes, bool, bytes] | None:
    """What the data means, told by octet-wise reading: content with line ends as they were, bare, rest."""
    framed = b"\r\n" + data
    end = framed.find(b"\r\n.\r\n")
    if end < 0:
        return None
    content = re.sub(rb"\r\n\.", b"\r\n", framed[: end + 2])[2:]
    return content, bool(re.search(rb"\r(?!\n)|(?<!\r)\n", content)), framed[end + 5 :]


class DotReaderTests(SynchronousTestCase):
    """Received data: content comes out whole, and ends where it ends."""

    @given(segmented(PIECES.map(b"".join)), MODES)
    def test_any_octets_any_segments(self, given: tuple[bytes, list[bytes]], mode: LineEnds) -> None:
        """Whatever arrives and however it is cut, the end, the content and the verdict are the same."""
        data, segments = given
        content, finished, bare, rest = read(segments, mode)
        expected = model(data)
        self.assertEqual(finished, expected is not None)
        if expected is None:
            return
        self.assertEqual((bare, rest), expected[1:])
        if mode == "normalise":
            self.assertEqual(content, re.sub(rb"\r\n|\r|\n", b"\r\n", expected[0]))
        elif not bare:
            self.assertEqual(content, expected[0])

    @given(segmented(PIECES.map(b"".join)), MODES)
    def test_no_bare_line_end_comes_out(self, given: tuple[bytes, list[bytes]], mode: LineEnds) -> None:
        """A bare CR or LF is never passed on as a part of the content."""
        content = read([*given[1], b"\r\n.\r\n"], mode)[0]
        self.assertIsNone(re.search(rb"\r(?!\n)|(?<!\r)\n", content))

    @given(segmented(PIECES.map(b"".join)), st.integers(1, 9))
    def test_reading_from_a_buffer(self, given: tuple[bytes, list[bytes]], limit: int) -> None:
        """Taken from a buffer in small pieces, what is behind the end stays in the buffer."""
        buffer, reader, content = ReceiveBuffer(), DotReader("normalise"), b""
        for segment in given[1]:
            buffer.append(segment)
            while len(buffer) and not reader.finished:
                content += reader.read(buffer, limit)
        expected = model(given[0])
        if expected is not None:
            self.assertEqual(buffer.peek(1 << 20), expected[2])
            self.assertEqual(content, re.sub(rb"\r\n|\r|\n", b"\r\n", expected[0]))

    def test_ends_that_are_none(self) -> None:
        """Dots between line ends of other kinds do not end the data (smuggling)."""
        for wrong in (
            b"\n.\n",
            b"\n.\r\n",
            b"\r.\r",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\0\r\n.\n",
            b"\r\n.\r\r\n",
        ):
            with self.subTest(wrong=wrong):
                reader = DotReader()
                reader.feed(b"text" + wrong + b"MAIL FROM:<a@example.test>")
                self.assertFalse(reader.finished)
                reader.feed(b"\r\n.\r\nQUIT\r\n")
                self.assertTrue(reader.finished)
                self.assertTrue(reader.bare)
                self.assertEqual(reader.rest, b"QUIT\r\n")

    def test_empty(self) -> None:
        """A dot right behind DATA is an empty message."""
        self.assertEqual(read([b".\r\n"]), (b"", True, False, b""))
        self.assertEqual(read([b".", b"\r", b"\n"]), (b"", True, False, b""))


class DotWriterTests(SynchronousTestCase):
    """Sent data: what is read again is what was written."""

    @given(segmented(PIECES.map(b"".join)))
    def test_written_then_read(self, given: tuple[bytes, list[bytes]]) -> None:
        """Any content, cut anywhere, is read back with CRLF line ends and a last line that is ended."""
        writer = DotWriter()
        sent = b"".join([writer.write(piece) for piece in given[1]]) + writer.finish()
        expected = re.sub(rb"\r\n|\r|\n", b"\r\n", given[0])
        if expected and not expected.endswith(b"\r\n"):
            expected += b"\r\n"
        self.assertEqual(read([sent]), (expected, True, False, b""))

    @given(segmented(PIECES.map(b"".join)))
    def test_refusing(self, given: tuple[bytes, list[bytes]]) -> None:
        """A writer that refuses raises exactly when there is a bare CR or LF."""
        writer = DotWriter("refuse")
        bare = re.search(rb"\r(?!\n)|(?<!\r)\n", given[0]) is not None
        try:
            for piece in given[1]:
                writer.write(piece)
            writer.finish()
        except MailframeError as error:
            self.assertTrue(bare)
            self.assertEqual(error.status.code, "5.6.0")
        else:
            self.assertFalse(bare)
