"""Frames between parent and worker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailframe.node.channel import FRAME_LIMIT, Channel, FrameReader, Message, encode_frame

messages = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)


class FrameTests(SynchronousTestCase):
    """What one side sends, the other gets."""

    @given(st.lists(messages, max_size=4), st.data())
    def test_any_split(self, sent: list[Message], data: st.DataObject) -> None:
        """However the octets arrive, the same messages come out."""
        octets = b"".join(map(encode_frame, sent))
        reader = FrameReader()
        received: list[Message] = []
        while octets:
            size = data.draw(st.integers(1, len(octets)))
            received += reader.feed(octets[:size])
            octets = octets[size:]
        self.assertEqual(received, sent)

    @given(st.binary(max_size=60))
    def test_nonsense(self, octets: bytes) -> None:
        """Octets that are no frames are refused, and nothing else happens."""
        try:
            FrameReader().feed(octets)
        except ValueError:
            pass

    def test_too_long(self) -> None:
        """A frame above the limit is refused before it is read."""
        with self.assertRaises(ValueError):
            FrameReader().feed((FRAME_LIMIT + 1).to_bytes(4, "big"))


class ChannelTests(SynchronousTestCase):
    """Questions, answers, and hints that may be lost."""

    def setUp(self) -> None:
        """One end."""
        self.clock = Clock()
        self.received: list[Message] = []
        self.closed = 0
        self.channel = Channel(self.received.append, self._count)
        self.transport = StringTransport()
        self.channel.makeConnection(self.transport)

    def _count(self) -> None:
        self.closed += 1

    def test_request(self) -> None:
        """The reply with the same number answers."""
        first = self.channel.request(self.clock, 5, {"type": "ping"})
        second = self.channel.request(self.clock, 5, {"type": "ping"})
        self.channel.dataReceived(encode_frame({"type": "reply", "id": 2, "x": "two"}))
        self.assertEqual(self.successResultOf(second)["x"], "two")
        self.assertNoResult(first)
        self.channel.dataReceived(encode_frame({"type": "reply", "id": 1, "x": "one"}))
        self.assertEqual(self.successResultOf(first)["x"], "one")
        self.assertEqual(self.received, [])

    def test_timeout(self) -> None:
        """A reply that comes too late disturbs nobody."""
        asked = self.channel.request(self.clock, 5, {"type": "ping"})
        self.clock.advance(5)
        self.failureResultOf(asked, DeferredTimeout)
        self.channel.dataReceived(encode_frame({"type": "reply", "id": 1}))

    def test_lost(self) -> None:
        """When the other side goes, whoever waits is told, and so is whoever asks later."""
        asked = self.channel.request(self.clock, 5, {"type": "ping"})
        self.channel.connectionLost()
        self.failureResultOf(asked, ConnectionLost)
        self.failureResultOf(self.channel.request(self.clock, 5, {"type": "ping"}), ConnectionLost)
        self.channel.send({"type": "x"})
        self.assertEqual(self.closed, 1)

    def test_hints_are_dropped(self) -> None:
        """While the other side does not read, hints are not kept; messages are."""
        self.transport.clear()
        self.channel.pauseProducing()
        self.channel.send_hint({"type": "hints"})
        self.assertEqual(self.transport.value(), b"")
        self.channel.send({"type": "stop"})
        self.channel.resumeProducing()
        self.channel.send_hint({"type": "hints"})
        self.assertEqual(
            self.transport.value(), encode_frame({"type": "stop"}) + encode_frame({"type": "hints"})
        )

    def test_nonsense_ends_it(self) -> None:
        """A side that speaks nonsense is cut off."""
        self.channel.dataReceived(b"\xff\xff\xff\xff")
        self.assertTrue(self.transport.disconnected)
