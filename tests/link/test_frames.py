"""Frames and proofs."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.link.frames import Frame, encode_frame, next_frame
from mailframe.link.proof import is_nonce, is_proof, new_nonce, proof
from mailframe.message.status import ProtocolError

HEADERS = st.dictionaries(st.text(max_size=10), st.one_of(st.integers(), st.text(), st.none()), max_size=5)


class FrameTests(SynchronousTestCase):
    """What one side says at a time."""

    @given(st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=5), st.integers(1, 50))
    def test_any_segmentation(self, said: list[tuple[dict[str, object], bytes]], size: int) -> None:
        """Frames are read as they were written, however they arrive."""
        octets = b"".join(encode_frame(*one) for one in said)
        buffer, found = ReceiveBuffer(), []
        for start in range(0, len(octets), size):
            buffer.append(octets[start : start + size])
            while (frame := next_frame(buffer, 100_000)) is not None:
                found.append(frame)
        self.assertEqual([Frame(*one) for one in said], found)
        self.assertEqual(0, len(buffer))

    @given(st.binary(max_size=300))
    def test_garbage(self, octets: bytes) -> None:
        """Whatever else arrives is waited for, or refused for good; nothing is held beyond the limit."""
        buffer = ReceiveBuffer()
        buffer.append(octets)
        try:
            frame = next_frame(buffer, 200)
        except ProtocolError as error:
            self.assertTrue(error.fatal)
        else:
            self.assertTrue(frame is None or isinstance(frame.header, dict))

    def test_too_large(self) -> None:
        """A frame that announces too much is refused before it comes."""
        buffer = ReceiveBuffer()
        buffer.append(struct.pack(">II", 10, 2**32 - 1))
        self.assertTrue(self.assertRaises(ProtocolError, next_frame, buffer, 2**20).fatal)

    def test_no_object(self) -> None:
        """JSON that is no object, or nested without end, is refused."""
        for text in (b"[]", b"1", b"{", b"[" * 5000):
            buffer = ReceiveBuffer()
            buffer.append(struct.pack(">II", len(text), 0) + text)
            self.assertTrue(self.assertRaises(ProtocolError, next_frame, buffer, 10_000).fatal)


class ProofTests(SynchronousTestCase):
    """The shared key is known, and not said."""

    def test_differs(self) -> None:
        """Another key, side, nonce or service makes another proof."""
        right = ("key", "client", "n1", "n2", "accounts")
        wanted = proof(*right)
        self.assertTrue(is_proof(wanted, proof(*right)))
        for place in range(5):
            other = list(right)
            other[place] += "x"
            self.assertFalse(is_proof(wanted, proof(*other)), other)
        for said in (None, 5, "", "é", [wanted]):
            self.assertFalse(is_proof(said, wanted))

    def test_nonces(self) -> None:
        """A nonce is new each time, long enough, and not endless."""
        self.assertNotEqual(new_nonce(), new_nonce())
        self.assertTrue(is_nonce(new_nonce()))
        for text in ("short", "x" * 1000, None, 5):
            self.assertFalse(is_nonce(text))
