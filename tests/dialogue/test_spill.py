"""Content that outgrows memory."""

from __future__ import annotations

import errno
import os
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.spill import LARGE_PIECE, SharedMemory, Spill
from mailframe.message.content import CHUNK


class SpillTests(SynchronousTestCase):
    """What is written comes back, from memory or file."""

    @given(
        st.lists(st.binary(max_size=50) | st.just(bytes(LARGE_PIECE)), max_size=20),
        st.sampled_from([0, 100, 10_000, 1_000_000]),
        st.sampled_from([10, 100, 5_000, 1_000_000]),
    )
    def test_round_trip(self, pieces: list[bytes], shared: int, limit: int) -> None:
        """The octets come back in order, whichever side of the limits they end up on."""
        memory = SharedMemory(shared, own=100)
        spill = Spill(".", limit, memory)
        for piece in pieces:
            spill.write(piece)
        whole = b"".join(pieces)
        content = spill.finish()
        self.assertEqual((content.octets(), content.size), (whole, len(whole)))
        self.assertTrue(whole.startswith(content.head))
        self.assertLessEqual(memory.taken, max(0, limit - 100))
        content.body.discard()
        content.body.discard()
        self.assertEqual(memory.taken, 0)

    @given(st.lists(st.integers(1, 2 * LARGE_PIECE), max_size=20), st.integers(1, 100_000))
    def test_limit(self, sizes: list[int], limit: int) -> None:
        """Not an octet more than the limit stays in memory, however much room there is."""
        spill = Spill("nowhere", limit)
        try:
            for size in sizes:
                spill.write(bytes(size))
        except FileNotFoundError:
            self.assertGreater(spill.size, limit)
        else:
            self.assertLessEqual(spill.size, limit)
        spill.discard()

    def test_shared(self) -> None:
        """Larger messages stay in memory while there is room for all, and give it back when they are gone."""
        directory = self.mktemp()
        memory = SharedMemory(limit=1000, own=100)
        spills = [Spill(directory, 800, memory) for _ in range(2)]
        for spill in spills:
            spill.write(bytes(600))
        self.assertEqual(memory.taken, 1000)
        third = Spill(directory, 800, memory)
        self.assertRaises(FileNotFoundError, third.write, bytes(101))
        self.assertRaises(FileNotFoundError, spills[0].write, bytes(301))
        spills[0].discard()
        third.discard()
        self.assertEqual(memory.taken, 500)
        content = spills[1].finish()
        spills[1].discard()
        self.assertEqual(memory.taken, 500)
        content.body.discard()
        self.assertEqual(memory.taken, 0)

    def test_not_copied(self) -> None:
        """Large pieces are kept as they came."""
        first, second = bytes(300_000), bytes(400_000)
        spill = Spill(".")
        spill.write(first)
        spill.write(second)
        kept = list(spill.finish().chunks())
        self.assertIs(kept[0], first)
        self.assertIs(kept[1], second)

    def test_large(self) -> None:
        """A large message lies in a file without a name, and its head stays in memory."""
        directory = self.mktemp()
        os.mkdir(directory)
        spill = Spill(directory)
        for _ in range(100):
            spill.write(b"0123456789abcdef" * 4096)
        self.assertEqual(os.listdir(directory), [])
        content = spill.finish()
        self.assertGreaterEqual(len(content.head), CHUNK)
        self.assertEqual(sum(map(len, content.chunks())), 6_553_600)
        spill.discard()
        self.assertEqual(sum(map(len, content.chunks())), 6_553_600)
        content.body.discard()

    def test_no_directory(self) -> None:
        """A directory that is not there is an OSError for the caller to answer; discarding is then safe."""
        spill = Spill("nowhere", 1, SharedMemory(0))
        with self.assertRaises(OSError) as caught:
            spill.write(b"xx")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        spill.discard()

    def test_small_pieces(self) -> None:
        """A message that comes in drops takes no more memory than one that comes whole."""
        spill = Spill(".", 200_000)
        tracemalloc.start()
        try:
            for number in range(50_000):
                spill.write(number.to_bytes(2, "big"))
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(held, 200_000)
        self.assertEqual(spill.finish().size, 100_000)
