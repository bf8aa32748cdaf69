"""dovecot-uidvalidity and maildirsize."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.adoption import maildirsize, uidvalidity
from mailframe.store.adoption.broken import BrokenFile
from mailframe.store.adoption.maildirsize import Usage

counts = st.integers(0, 1 << 50)


class UidValidityTests(SynchronousTestCase):
    """The UIDVALIDITY that was given last."""

    def test_read(self) -> None:
        """The highest of what the file and the names beside it tell counts."""
        names = ["cur", "dovecot-uidvalidity", "dovecot-uidvalidity.4c0e1c2d", "dovecot-uidvalidity.x"]
        self.assertEqual(uidvalidity.read(b"", names), 0x4C0E1C2D)
        self.assertEqual(uidvalidity.read(b"5c0e1c2d", names), 0x5C0E1C2D)
        self.assertEqual(uidvalidity.read(b"", []), 0)

    @given(st.integers(1, (1 << 32) - 1))
    def test_round_trip(self, value: int) -> None:
        """What is written is read again, from the name as from the file."""
        name, octets = uidvalidity.write(value)
        self.assertEqual(uidvalidity.read(octets), value)
        self.assertEqual(uidvalidity.read(b"", [name]), value)

    @given(st.binary(), st.lists(st.text().map(lambda text: f"dovecot-uidvalidity.{text}")))
    def test_any_octets(self, octets: bytes, names: list[str]) -> None:
        """Whatever there is, the value is one of 32 bits."""
        self.assertTrue(0 <= uidvalidity.read(octets, names) < 1 << 32)


class MaildirSizeTests(SynchronousTestCase):
    """The quota file of Maildir++."""

    def test_read(self) -> None:
        """Lines are summed up; either limit may be missing."""
        octets = b"10000S,100C\n        1000           2\n        -300          -1\n"
        self.assertEqual(maildirsize.read(octets), Usage(700, 1, 10000, 100))
        self.assertEqual(maildirsize.read(b"100C\n5 1\n"), Usage(5, 1, 0, 100))
        self.assertEqual(maildirsize.read(b"\n5 1\n"), Usage(5, 1))

    def test_broken(self) -> None:
        """A file with anything else in it is not believed."""
        for octets in (b"x\n", b"10S\n5\n", b"10S\n5 x\n", b"10S\n--5 1\n", b"10S\n5 1 1\n"):
            self.assertRaises(BrokenFile, maildirsize.read, octets)

    @given(st.builds(Usage, counts, counts, counts, counts), st.lists(st.tuples(counts, counts)))
    def test_round_trip(self, usage: Usage, changes: list[tuple[int, int]]) -> None:
        """What is written is read again, with what was added later."""
        found = maildirsize.read(maildirsize.write(usage) + maildirsize.lines(changes))
        octets = usage.octets + sum(change[0] for change in changes)
        messages = usage.messages + sum(change[1] for change in changes)
        self.assertEqual(found, Usage(octets, messages, usage.octets_limit, usage.messages_limit))

    @given(st.binary())
    def test_any_octets(self, octets: bytes) -> None:
        """Whatever a file has in it, it is read or refused."""
        try:
            maildirsize.read(octets)
        except BrokenFile:
            pass
