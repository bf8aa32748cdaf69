"""The reader of a client's octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.message.status import ProtocolError
from mailframe.smtp.wire.commands import Data
from mailframe.smtp.wire.reader import AuthResponse, DataPiece, Reader

LINES = st.lists(
    st.sampled_from([b"NOOP", b"DATA", b"BAD", b"text", b"..", b".", b"", b"a\nb", b"c\rd"]), max_size=15
)


def events(segments: list[bytes]) -> list[object]:
    """All events; pieces of one message's data joined."""
    reader, buffer = Reader(512), ReceiveBuffer()
    found: list[object] = []
    content, refused = b"", False
    for segment in segments:
        buffer.append(segment)
        while True:
            try:
                event = reader.next_event(buffer)
            except ProtocolError as error:
                found.append(error.status)
                continue
            if event is None:
                break
            if isinstance(event, DataPiece):
                content, refused = content + event.content, event.refused
                if event.last:
                    found.append((b"" if refused else content, refused))
                    content = b""
                continue
            found.append(event)
            if isinstance(event, Data):
                reader.expect_data()
    return found


class ReaderTests(SynchronousTestCase):
    """Commands, data and responses in any segmentation."""

    @given(LINES, st.integers(1, 7))
    def test_any_segmentation(self, lines: list[bytes], size: int) -> None:
        """The events are the same whole and cut small."""
        octets = b"".join(line + b"\r\n" for line in lines)
        self.assertEqual(
            events([octets]), events([octets[i : i + size] for i in range(0, len(octets), size)])
        )

    def test_responses(self) -> None:
        """One line after a challenge is a response, whatever it says; it may be longer than a command."""
        reader, buffer = Reader(512), ReceiveBuffer()
        reader.expect_response()
        buffer.append(b"QUIT" * 1000)
        self.assertIsNone(reader.next_event(buffer))
        buffer.append(b"\r\nDATA\r\n")
        self.assertEqual(reader.next_event(buffer), AuthResponse(b"QUIT" * 1000))
        self.assertEqual(reader.next_event(buffer), Data())

    def test_responses_are_not_printed(self) -> None:
        """A response may be a password, so it does not show."""
        self.assertNotIn("secret", repr(AuthResponse(b"secret")))

    def test_broken_response(self) -> None:
        """A response with a bare LF is refused and ends the exchange."""
        reader, buffer = Reader(512), ReceiveBuffer()
        reader.expect_response()
        buffer.append(b"x\nDATA\r\nDATA\r\n")
        self.assertRaises(ProtocolError, reader.next_event, buffer)
        self.assertRaises(ProtocolError, reader.next_event, buffer)
        self.assertEqual(reader.next_event(buffer), Data())
