"""Descriptions of messages are given so many octets at a time."""

from __future__ import annotations

from mailframe.store.maildrop import fetching
from mailframe.store.values import Item

from .fixture import MaildirCase, numbered


class DescriptionsTests(MaildirCase):
    """`IMailbox.fetch` where descriptions are large."""

    def setUp(self) -> None:
        """Ten messages, and room for the descriptions of three or so."""
        super().setUp()
        self.deliver(*map(numbered, range(10)))
        self.mailbox = self.opened()
        self.uids = list(self.wait(self.mailbox.snapshot()).uids)
        (message,) = self.wait(self.mailbox.fetch(self.uids[:1], Item.ENVELOPE))
        self.size = sum(map(len, message.description))

    def pieces(self, items: Item) -> list[list[int]]:
        """What each of the answers has, until all are there."""
        found, left = [], self.uids
        while left:
            found.append([message.uid for message in self.wait(self.mailbox.fetch(left, items))])
            left = [uid for uid in left if uid > found[-1][-1]]
        return found

    def test_prefix(self) -> None:
        """The first ones are given, described now or before; whoever goes on from there gets all, each once."""
        self.patch(fetching, "DESCRIBED_OCTETS", 3 * self.size + 10)
        for items in (Item.ENVELOPE | Item.FLAGS, Item.BODYSTRUCTURE | Item.IDENTITY, Item.PARTS):
            found = self.pieces(items)
            self.assertEqual([uid for piece in found for uid in piece], self.uids)
            self.assertGreater(len(found), 2)
            self.assertLessEqual(max(map(len, found)), 5)

    def test_larger_than_that(self) -> None:
        """One that is larger than that is given all the same, perhaps with one that is described for it."""
        self.patch(fetching, "DESCRIBED_OCTETS", 1)
        self.assertLessEqual({len(piece) for piece in self.pieces(Item.ENVELOPE)}, {1, 2})

    def test_without(self) -> None:
        """Where no descriptions are asked for, all are there at once."""
        self.patch(fetching, "DESCRIBED_OCTETS", 1)
        self.assertEqual(self.pieces(Item.FLAGS | Item.SIZE), [self.uids])
