"""The octets of a delivery journal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.journal.records import (
    BLOCK,
    Entry,
    Header,
    groups,
    packed_group,
    packed_header,
    unpacked_header,
)

SIZE = 1 << 20
ENTRIES = st.builds(
    Entry,
    account=st.text(max_size=20),
    mailbox_id=st.text("F0123456789abcdef", max_size=21),
    place=st.sampled_from(["new", "cur"]),
    file=st.text(max_size=30),
    info=st.sampled_from(["", ":2,", ":2,FS"]),
    uid=st.integers(1, (1 << 32) - 1),
    modseq=st.integers(1, 1 << 62),
    date=st.integers(0, 1 << 40),
    octets=st.binary(max_size=5000),
)
GROUPS = st.lists(st.lists(ENTRIES, min_size=1, max_size=4), max_size=4)


def segment(generation: int, made: list[list[Entry]]) -> bytes:
    """A segment with these groups."""
    return bytes(BLOCK) + b"".join(b"".join(packed_group(generation, entries)[0]) for entries in made)


def found(octets: bytes, generation: int) -> list[list[Entry]]:
    """The groups that a segment's octets hold."""

    def read(count: int, offset: int) -> bytes:
        return octets[offset : offset + count]

    return [entries for entries, _ in groups(read, generation, SIZE)]


class RecordsTests(SynchronousTestCase):
    """What is read is what was written whole, and nothing else."""

    @given(GROUPS, st.integers(0, (1 << 64) - 1))
    def test_there_and_back(self, made: list[list[Entry]], generation: int) -> None:
        """All groups come back in order."""
        self.assertEqual(found(segment(generation, made), generation), made)

    @given(GROUPS.filter(bool), st.data())
    def test_torn(self, made: list[list[Entry]], choices: st.DataObject) -> None:
        """Of a segment that was torn at any octet, groups that are whole come back, and no half one."""
        octets = segment(7, made)
        kept = choices.draw(st.integers(0, len(octets)))
        came = found(octets[:kept] + bytes(len(octets) - kept), 7)
        self.assertEqual(came, made[: len(came)])
        whole = len(segment(7, made[: len(came) + 1]))
        self.assertTrue(len(came) == len(made) or kept < whole)

    @given(GROUPS.filter(bool), st.data())
    def test_broken(self, made: list[list[Entry]], choices: st.DataObject) -> None:
        """A broken octet ends the reading before its group, or lies in what nobody reads."""
        octets = bytearray(segment(7, made))
        place = choices.draw(st.integers(BLOCK, len(octets) - 1))
        octets[place] ^= 0x55
        came = found(bytes(octets), 7)
        self.assertEqual(came, made[: len(came)])

    @given(GROUPS.filter(bool), GROUPS)
    def test_older_generation(self, old: list[list[Entry]], new: list[list[Entry]]) -> None:
        """What an older use of the segment has left behind the newer one is not read."""
        before, after = segment(1, old), segment(2, new)
        self.assertEqual(found(after + before[len(after) :], 2), new)

    @given(st.binary(max_size=2 * BLOCK))
    def test_garbage(self, octets: bytes) -> None:
        """Anything may lie there; nothing is raised."""
        self.assertIsNone(unpacked_header(octets))
        self.assertEqual(found(octets, 7), [])

    def test_shared_octets(self) -> None:
        """Octets that files share are there once."""
        octets = b"x" * 50_000
        entry = Entry("a", "F1", "new", "one", "", 1, 1, 0, octets)
        pieces, length = packed_group(1, [entry, entry._replace(file="two", uid=2)])
        self.assertLess(length, 60_000)
        self.assertEqual(length, sum(map(len, pieces)))
        self.assertEqual([each.octets for each in found(bytes(BLOCK) + b"".join(pieces), 1)[0]], [octets] * 2)

    @given(st.integers(0, (1 << 64) - 1), st.text("0123456789abcdef-", max_size=64), st.booleans())
    def test_header(self, generation: int, boot: str, distrusted: bool) -> None:
        """A header comes back whole, or not at all."""
        octets = packed_header(Header(generation, boot, distrusted))
        self.assertEqual(len(octets), BLOCK)
        self.assertEqual(unpacked_header(octets), Header(generation, boot, distrusted))
        self.assertIsNone(unpacked_header(octets[:40]))
        self.assertIsNone(unpacked_header(bytes(BLOCK)))
