"""The receive buffer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import ProtocolError


def lines_of(segments: list[bytes], limit: int, pass_over: int = 0) -> list[bytes | str]:
    """All lines and errors that come out."""
    buffer, found = ReceiveBuffer(), []
    for segment in segments:
        buffer.append(segment)
        while True:
            try:
                line = buffer.take_line(limit, pass_over)
            except ProtocolError as error:
                found.append(error.status.code)
                if error.fatal:
                    return found
                continue
            if line is None:
                break
            found.append(line)
    return found


class ReceiveBufferTests(SynchronousTestCase):
    """Lines and counted octets, however they arrive."""

    @given(
        st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc"]), max_size=30).map(b"".join),
        st.integers(2, 8),
        st.sampled_from([0, 5, 100]),
    )
    def test_any_segmentation(self, octets: bytes, limit: int, pass_over: int) -> None:
        """Lines and errors are the same whole and octet by octet."""
        single = [octets[i : i + 1] for i in range(len(octets))]
        self.assertEqual(lines_of([octets], limit, pass_over), lines_of(single, limit, pass_over))

    def test_passed_over(self) -> None:
        """A line that is too long is told once and thrown away to its end, line feeds in it too, up to a bound."""
        self.assertEqual(lines_of([b"123456789\n\r.\r\nab\r\n"], 8, 100), ["5.5.6", b"ab"])
        self.assertEqual(lines_of([b"12345678", b"\r", b"\nab\r\n"], 8, 100), ["5.5.6", b"ab"])
        self.assertEqual(lines_of([b"x" * 109 + b"\r\nab\r\n"], 8, 100), ["5.5.6", "4.5.2"])
        self.assertEqual(lines_of([b"x" * 9] * 20, 8, 100), ["5.5.6", "4.5.2"])

    @given(st.binary(), st.binary(), st.integers(0, 20))
    def test_put_back(self, octets: bytes, more: bytes, count: int) -> None:
        """What is put back comes out again, in its place."""
        buffer = ReceiveBuffer()
        buffer.append(octets)
        taken = buffer.take_up_to(count)
        buffer.append(more)
        buffer.put_back(taken)
        self.assertEqual(buffer.take(len(octets + more)), octets + more)
        self.assertEqual(len(buffer), 0)
        self.assertIsNone(buffer.take(1))

    def test_limit(self) -> None:
        """A line of the limit passes, one octet more does not."""
        self.assertEqual(lines_of([b"123456\r\n"], 8), [b"123456"])
        self.assertEqual(lines_of([b"1234567\r\n"], 8), ["5.5.6"])

    def test_bare_line_ends(self) -> None:
        """A bare LF ends no line, and a bare CR spoils its own."""
        self.assertEqual(lines_of([b"a\nb\r\nc\r\n"], 99), ["5.5.2", "5.5.2", b"c"])
        self.assertEqual(lines_of([b"a\nb\nc\r\nd\r\n"], 99), ["5.5.2"] * 3 + [b"d"])
        self.assertEqual(lines_of([b"a\rb\r\nc\r\n"], 99), ["5.5.2", b"c"])
        self.assertEqual(lines_of([b"a\r\r\nc\r\n"], 99), ["5.5.2", b"c"])
        self.assertEqual(lines_of([b"\r\n\n\r\n\r\n"], 99), [b"", "5.5.2", "5.5.2", b""])
