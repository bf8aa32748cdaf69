"""Subscription lists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.adoption import subscriptions

letters = st.characters(codec="utf-8", exclude_categories=("Cs",))
levels = st.text(letters, min_size=1, max_size=8)
plain = st.text(
    st.characters(codec="utf-8", exclude_characters=".\n", exclude_categories=("Cs",)), min_size=1
)


def is_inbox(name: tuple[str, ...]) -> bool:
    """Is it a spelling of INBOX, which is read as INBOX?"""
    return name[0].upper() == "INBOX"


class SubscriptionsTests(SynchronousTestCase):
    """Names that a user has subscribed to."""

    def test_version_1(self) -> None:
        """A name a line, with the layout's separator between levels."""
        self.assertEqual(
            subscriptions.read(b"inbox\nSent\nWork.2024\nSent\n"), [("INBOX",), ("Sent",), ("Work", "2024")]
        )
        self.assertEqual(subscriptions.read(b"Work/2.0\n", "/"), [("Work", "2.0")])

    def test_version_2(self) -> None:
        """Levels are separated by tabs and escaped."""
        octets = b"V\t2\n\nINBOX\nWork\t2.0\na\x01tb\x011c\x01nd\n"
        self.assertEqual(subscriptions.read(octets), [("INBOX",), ("Work", "2.0"), ("a\tb\x01c\nd",)])

    def test_courier(self) -> None:
        """Courier's folders are below INBOX; other roots belong to others."""
        octets = b"INBOX\nINBOX.Sent\nINBOX.Work.2024\n#shared.x\n"
        self.assertEqual(subscriptions.read_courier(octets), [("INBOX",), ("Sent",), ("Work", "2024")])

    def test_half_a_line(self) -> None:
        """A name that its writer has not finished is no name."""
        self.assertEqual(subscriptions.read(b"Sent\nDraf"), [("Sent",)])

    @given(st.lists(st.lists(levels, min_size=1, max_size=4).map(tuple), unique=True))
    def test_round_trip(self, names: list[tuple[str, ...]]) -> None:
        """What is written in version 2 is read again, whatever is in a name."""
        names = [name for name in names if not is_inbox(name)]
        self.assertEqual(subscriptions.read(subscriptions.write(names)), names)

    @given(st.lists(st.lists(plain, min_size=1, max_size=4).map(tuple), unique=True))
    def test_plain_round_trip(self, names: list[tuple[str, ...]]) -> None:
        """Version 1 and Courier's hold names without dots and line ends."""
        names = [name for name in names if not is_inbox(name)]
        self.assertEqual(subscriptions.read(subscriptions.write(names, version=1)), names)
        with_inbox = [("INBOX",), *names]
        self.assertEqual(subscriptions.read_courier(subscriptions.write_courier(with_inbox)), with_inbox)

    def test_left_out(self) -> None:
        """Version 1 has no way to write a dot in a level."""
        self.assertEqual(subscriptions.write([("a.b",), ("c",)], version=1), b"c\n")

    @given(st.binary(), st.sampled_from([b"", b"V\t2\n\n"]))
    def test_any_octets(self, octets: bytes, head: bytes) -> None:
        """Whatever a file has in it, names have no empty level and come once."""
        found = subscriptions.read(head + octets)
        self.assertTrue(all(all(name) for name in found))
        self.assertEqual(len(set(found)), len(found))
        subscriptions.read_courier(octets)
