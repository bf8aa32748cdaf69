"""Flags that are remembered are those of the catalogue, whoever changed them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest import mock

from mailframe.store.catalogue.rows import UID_MASK
from mailframe.store.catalogue.sqlite.messages import Messages
from mailframe.store.columns import FlagColumns
from mailframe.store.maildrop import remembered
from mailframe.store.maildrop.remembered import Remembered
from mailframe.store.search_keys import HasFlag
from mailframe.store.values import (
    DELETED,
    FLAGGED,
    INBOX,
    SEEN,
    FlagChange,
    Item,
    Message,
    TakenMailbox,
    TakenMessage,
)
from tests.store.maildir.fixture import ALICE, numbered
from tests.store.sqlite.fixture import SQLiteCase


class RememberedTests(SQLiteCase):
    """A mailbox of twenty messages, seen by two processes."""

    def setUp(self) -> None:
        for name, value in (("SMALL", 0), ("STEP", 8)):
            patched = mock.patch.object(remembered, name, value)
            patched.start()
            self.addCleanup(patched.stop)
        super().setUp()
        self.deliver(*map(numbered, range(1, 21)))
        self.mailbox = self.opened()
        self.reads = 0
        facts = Messages.facts

        def counted(messages: Messages, mailbox: Any, uids: Sequence[int]) -> Any:
            self.reads += 1
            return facts(messages, mailbox, uids)

        watched = mock.patch.object(Messages, "facts", counted)
        watched.start()
        self.addCleanup(watched.stop)

    def flags(self, first: int, last: int) -> dict[int, list[str]]:
        uids = list(range(first, last + 1))
        found = self.wait(self.mailbox.fetch(uids, Item.FLAGS))
        self.assertEqual([message.uid for message in found], sorted(message.uid for message in found))
        return {message.uid: sorted(message.flags) for message in found}

    def step(self) -> None:
        for first in (1, 9, 17):
            self.flags(first, min(first + 7, 20))

    def test_read_once(self) -> None:
        """Flags are read from the disk once, step by step, and not again while nothing changes."""
        self.step()
        self.assertEqual(self.reads, 3)
        self.assertEqual(self.flags(1, 20), {uid: [] for uid in range(1, 21)})
        self.assertEqual(list(self.flags(3, 4)), [3, 4])
        self.assertEqual(self.reads, 3)

    def test_too_far(self) -> None:
        """Whoever begins with the last messages is answered without the others being read."""
        self.assertEqual(list(self.flags(17, 20)), [17, 18, 19, 20])
        self.assertEqual(list(self.flags(17, 20)), [17, 18, 19, 20])
        self.assertEqual(self.reads, 2)

    def test_changed_elsewhere(self) -> None:
        """What another process changes, takes away and brings is seen at once."""
        self.step()
        self.store = self.started()
        other = self.opened()
        self.wait(other.store([2, 5], FlagChange.ADD, frozenset({SEEN, "word"})))
        self.wait(other.store([3, 7, 8, 20], FlagChange.ADD, frozenset({DELETED})))
        self.wait(other.expunge())
        self.deliver(numbered(21))
        found = self.flags(1, 30)
        self.assertEqual(list(found), [1, 2, 4, 5, 6, *range(9, 20), 21])
        self.assertEqual(
            {uid: flags for uid, flags in found.items() if flags}, {2: [SEEN, "word"], 5: [SEEN, "word"]}
        )
        modseqs = [message.modseq for message in self.wait(self.mailbox.fetch([1, 2, 21], Item.FLAGS))]
        self.assertEqual(modseqs, sorted(set(modseqs)))

    def test_own_changes(self) -> None:
        """What this process changes is seen at once, and costs no reading of the others."""
        self.step()
        self.wait(self.mailbox.store([2], FlagChange.ADD, frozenset({FLAGGED})))
        self.assertEqual(self.flags(1, 20)[2], [FLAGGED])
        self.assertEqual(self.reads, 3)

    def test_searched(self) -> None:
        """A search by flags finds them among what is remembered, as they are now."""
        self.step()
        self.wait(self.mailbox.store([2, 9], FlagChange.ADD, frozenset({FLAGGED})))
        found = self.wait(self.mailbox.search(HasFlag(FLAGGED)))
        self.assertEqual(
            (list(found.uids), found.modseq), ([2, 9], self.wait(self.mailbox.snapshot()).modseq)
        )
        self.assertEqual(self.reads, 3)

    def test_taken_over_with_old_numbers(self) -> None:
        """Flags that came with an older modseq, when a mailbox was taken over, are seen too."""
        self.step()
        for _ in range(5):
            self.wait(self.mailbox.store([1], FlagChange.ADD, frozenset({SEEN})))
            self.wait(self.mailbox.store([1], FlagChange.REMOVE, frozenset({SEEN})))
        self.flags(1, 20)
        known = TakenMessage(None, uid=4, flags=frozenset({FLAGGED}), modseq=2)
        self.wait(self.account().take_over(INBOX, TakenMailbox(), [known]))
        self.assertEqual(self.flags(1, 20)[4], [FLAGGED])

    def test_forgotten(self) -> None:
        """No more is remembered than the limit says, and nothing of an account that is closed."""
        kept = Remembered(100)

        def look(drop: Any) -> FlagColumns | None:
            row = drop.catalogue.mailboxes.named(INBOX)
            return kept.fetch(drop, row.mailbox_id, list(range(1, 9)))

        self.assertEqual(len(self.wait(self.store.work(ALICE, look)) or ()), 8)
        self.assertEqual(kept.weight, 18)
        for number in range(12):
            account = f"user{number}"
            self.deliver(*map(numbered, range(1, 9)), account=account)
            self.wait(self.store.work(account, look))
            self.assertLessEqual(kept.weight, 100)
        self.assertEqual(kept.weight, 90)
        kept.forget("user11")
        self.assertEqual(kept.weight, 72)

    def test_many_kinds_weigh(self) -> None:
        """Sets of keywords count for what they take."""
        for uid in range(1, 9):
            words = frozenset(f"word{uid}.{number}" for number in range(10))
            self.wait(self.mailbox.store([uid], FlagChange.ADD, words))
        kept = Remembered(200)

        def look(drop: Any) -> FlagColumns | None:
            row = drop.catalogue.mailboxes.named(INBOX)
            return kept.fetch(drop, row.mailbox_id, list(range(1, 9)))

        self.assertEqual(len(self.wait(self.store.work(ALICE, look)) or ()), 8)
        self.assertEqual(kept.weight, 0)

    def test_strange_uids(self) -> None:
        """UIDs that are none, or given twice, or in no order, are passed over or put right."""
        self.step()
        wanted = [9, 3, 3, 0, 20, UID_MASK, 1 << 40]
        found = self.wait(self.mailbox.fetch(wanted, Item.FLAGS))
        self.assertEqual([message.uid for message in found], [3, 9, 20])
        self.assertEqual(
            [message.uid for message in self.wait(self.mailbox.fetch(wanted[:5], Item.FLAGS))], [3, 9, 20]
        )
        self.assertEqual(list(self.wait(self.mailbox.fetch([], Item.FLAGS))), [])


class FlagColumnsTests(SQLiteCase):
    """They are like a list of messages."""

    def test_like_a_list(self) -> None:
        """Lengths, places, slices and equality."""
        columns = FlagColumns([1, 2], [frozenset({SEEN}), frozenset()], [5, 6])
        messages = [Message(1, frozenset({SEEN}), 5), Message(2, frozenset(), 6)]
        self.assertEqual(columns, messages)
        self.assertEqual(list(columns), messages)
        self.assertEqual((len(columns), columns[1], columns[1:]), (2, messages[1], messages[1:]))
        self.assertNotEqual(columns, messages[:1])
        self.assertNotEqual(columns, None)
        self.assertEqual(repr(columns), "<flags of 2 messages>")
