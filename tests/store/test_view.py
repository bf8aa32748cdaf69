"""Tests of `mailframe.store.view`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.store.values import Changes, Message, Snapshot
from mailframe.store.view import STAR, Announcement, MailboxView


def snapshot(uids, recent=(), modseq=10):
    uids = list(uids)
    return Snapshot(uids, frozenset(recent), None, frozenset(), (uids[-1] if uids else 0) + 1, modseq)


def changes(messages=(), vanished=(), recent=(), uidnext=0, modseq=11):
    made = [Message(uid, frozenset(flags), modseq) for uid, flags in messages]
    return Changes(modseq, made, list(vanished), frozenset(recent), uidnext)


class NumberTests(SynchronousTestCase):
    """Sequence numbers and UIDs."""

    def setUp(self):
        self.view = MailboxView(snapshot([2, 5, 6, 9], recent=[9]))

    def test_both_ways(self):
        """A number leads to its UID and back; what is not there leads nowhere."""
        self.assertEqual([self.view.number(uid) for uid in (2, 5, 6, 9)], [1, 2, 3, 4])
        self.assertEqual([self.view.uid(number) for number in (1, 2, 3, 4)], [2, 5, 6, 9])
        for uid in (0, 1, 3, 10, 2**32):
            self.assertIsNone(self.view.number(uid))
        for number in (-1, 0, 5):
            self.assertIsNone(self.view.uid(number))

    def test_recent(self):
        """The session knows which messages are recent for it."""
        self.assertEqual((self.view.recent_count, self.view.is_recent(9)), (1, True))
        self.assertFalse(self.view.is_recent(2))

    def test_sequence_sets(self):
        """A sequence set names UIDs ascending and once, whatever the order of its ranges."""
        named = self.view.uids_of_numbers
        self.assertEqual(named([(1, 1)]), [2])
        self.assertEqual(named([(4, 3), (1, 3)]), [2, 5, 6, 9])
        self.assertEqual(named([(STAR, STAR)]), [9])
        self.assertEqual(named([(2, STAR), (STAR, 3)]), [5, 6, 9])
        self.assertEqual(named([]), [])

    def test_numbers_that_are_not_there(self):
        """A number past the end is the client's error; ``1:*`` of nothing is nothing."""
        for ranges in ([(5, 5)], [(3, 7)], [(5, STAR)], [(-1, 2)]):
            self.assertRaises(ProtocolError, self.view.uids_of_numbers, ranges)
        empty = MailboxView(snapshot([]))
        self.assertEqual(empty.uids_of_numbers([(1, STAR)]), [])
        self.assertRaises(ProtocolError, empty.uids_of_numbers, [(1, 1)])

    def test_uid_sets(self):
        """A UID set passes over what is not there; ``*`` is the last message even behind a higher number."""
        named = self.view.uids_of_uids
        self.assertEqual(named([(1, 5), (6, 8)]), [2, 5, 6])
        self.assertEqual(named([(100, STAR)]), [9])
        self.assertEqual(named([(3, 4)]), [])
        self.assertEqual(named([(9, 1), (2, 2)]), [2, 5, 6, 9])
        self.assertEqual(MailboxView(snapshot([])).uids_of_uids([(1, STAR)]), [])


class ApplyTests(SynchronousTestCase):
    """What is announced."""

    def setUp(self):
        self.view = MailboxView(snapshot([2, 5, 6, 9], recent=[6, 9]))

    def test_nothing(self):
        """When nothing happened there is nothing to say."""
        announcement = self.view.apply(changes(uidnext=10, modseq=10))
        self.assertFalse(announcement)
        self.assertFalse(Announcement())

    def test_expunge_highest_first(self):
        """Expunged messages are told highest first, and numbers behind them move up."""
        announcement = self.view.apply(changes(vanished=[2, 6], uidnext=10))
        self.assertEqual((announcement.expunged, announcement.vanished), ([3, 1], [2, 6]))
        self.assertIsNone(announcement.exists)
        self.assertTrue(announcement)
        self.assertEqual(list(self.view.uids), [5, 9])
        self.assertEqual(self.view.recent_count, 1)

    def test_expunge_waits(self):
        """While EXPUNGE may not be sent, gone messages keep their numbers, and new ones count behind them."""
        first = self.view.apply(changes([(10, [])], [2, 9], uidnext=11), expunges=False)
        self.assertEqual((first.expunged, first.exists), ([], 5))
        self.assertTrue(self.view.waiting)
        self.assertEqual(self.view.number(10), 5)
        second = self.view.apply(changes(vanished=[5], uidnext=11, modseq=12))
        self.assertEqual(second.expunged, [4, 2, 1])
        self.assertEqual(list(self.view.uids), [6, 10])
        self.assertFalse(self.view.waiting)

    def test_new_messages(self):
        """New messages are told by EXISTS and RECENT, not by FETCH."""
        announcement = self.view.apply(changes([(10, ["\\Seen"]), (12, [])], recent=[12], uidnext=13))
        self.assertEqual((announcement.exists, announcement.recent, announcement.flags), (6, 3, []))
        self.assertEqual(self.view.uidnext, 13)

    def test_flags(self):
        """Changed flags are told under the numbers that hold after the expunges."""
        announcement = self.view.apply(changes([(5, ["\\Seen"]), (9, [])], vanished=[2], uidnext=10))
        self.assertEqual([(number, message.uid) for number, message in announcement.flags], [(1, 5), (3, 9)])

    def test_told_already(self):
        """Flags the client knows of are not told again, until they change again."""
        self.view.told([Message(5, frozenset({"\\Seen"}), 11)])
        announcement = self.view.apply(changes([(5, ["\\Seen"]), (6, ["\\Seen"])], uidnext=10))
        self.assertEqual([number for number, _ in announcement.flags], [3])
        announcement = self.view.apply(changes([(5, [])], uidnext=10, modseq=12))
        self.assertEqual([number for number, _ in announcement.flags], [2])

    def test_told_is_older(self):
        """Another session's later change is told, though the client knows of an earlier one."""
        self.view.told([Message(5, frozenset({"\\Seen"}), 11)])
        announcement = self.view.apply(changes([(5, [])], uidnext=10, modseq=12))
        self.assertEqual([number for number, _ in announcement.flags], [2])

    def test_follow(self):
        """After a change of its own, the only one, the session asks for later ones, and is told of all of these."""
        self.view.told([Message(5, frozenset({"\\Seen"}), 11)])
        self.view.follow(11)
        self.assertEqual(self.view.modseq, 11)
        announcement = self.view.apply(changes([(5, [])], uidnext=10, modseq=12))
        self.assertEqual([number for number, _ in announcement.flags], [2])

    def test_came_and_went(self):
        """A message that was never told of vanishes without a word, and its UID does not come back."""
        announcement = self.view.apply(changes(vanished=[10], uidnext=11))
        self.assertFalse(announcement)
        self.assertEqual(len(self.view), 4)

    def test_many(self):
        """Of a hundred thousand messages half may go at once."""
        view = MailboxView(snapshot(range(1, 100_001)))
        announcement = view.apply(changes(vanished=range(1, 100_001, 2), uidnext=100_001))
        self.assertEqual(list(announcement.expunged), list(range(99_999, 0, -2)))
        self.assertEqual(list(view.uids), list(range(2, 100_001, 2)))


class Client:
    """What a client believes: it only counts."""

    def __init__(self, uids):
        self.uids = list(uids)

    def hear(self, announcement, uids):
        for number in announcement.expunged:
            del self.uids[number - 1]
        if announcement.exists is not None:
            assert announcement.exists > len(self.uids)
            # It asks for the UIDs of what it does not know yet.
            self.uids += uids[len(self.uids) : announcement.exists]


@st.composite
def histories(draw):
    """Rounds of what happens: how many messages come, which indices go, which change, may EXPUNGE be sent?"""
    index = st.integers(0, 40)
    rounds = st.tuples(
        st.integers(0, 5), st.sets(index, max_size=8), st.sets(index, max_size=5), st.booleans()
    )
    return draw(st.integers(0, 30)), draw(st.lists(rounds, max_size=12))


class NumberingTests(SynchronousTestCase):
    """The view against a client that only counts, and a mailbox that is only a list."""

    @given(histories())
    def test_client_counts_right(self, history):
        """A client that does what it is told always knows which message has which number."""
        count, rounds = history
        truth = dict.fromkeys(range(1, count + 1), 1)
        view = MailboxView(snapshot(truth, modseq=1))
        client, flags = Client(truth), dict(truth)
        uidnext, modseq = count + 1, 1
        for come, go, touch, allowed in rounds:
            modseq += 1
            gone = [uid for at, uid in enumerate(truth) if at in go]
            for uid in gone:
                del truth[uid]
            for uid in [uid for at, uid in enumerate(truth) if at in touch]:
                truth[uid] = modseq
            for _ in range(come):
                truth[uidnext] = modseq
                uidnext += 1
            news = [Message(uid, modseq=when) for uid, when in truth.items() if when == modseq]
            announcement = view.apply(Changes(modseq, news, gone, frozenset(), uidnext), expunges=allowed)
            client.hear(announcement, view.uids)
            for number, message in announcement.flags:
                self.assertEqual(client.uids[number - 1], message.uid)
                flags[message.uid] = message.modseq
            self.assertEqual(client.uids, list(view.uids))
            self.assertEqual([view.number(uid) for uid in view.uids], list(range(1, len(view) + 1)))
            if allowed:
                self.assertEqual(client.uids, list(truth))
        view.apply(Changes(modseq, [], [], frozenset(), uidnext))
        self.assertEqual(list(view.uids), list(truth))
        self.assertTrue(all(flags[uid] == truth[uid] for uid in truth if uid <= count))

    @given(
        st.sets(st.integers(1, 60)),
        st.lists(st.tuples(st.integers(1, 70) | st.just(STAR), st.integers(1, 70) | st.just(STAR))),
    )
    def test_uid_sets(self, uids, ranges):
        """A UID set names what a look at each single message says."""
        view = MailboxView(snapshot(sorted(uids)))
        top = max(uids, default=0)
        ends = [sorted(end or top for end in pair) for pair in ranges]
        wanted = [uid for uid in sorted(uids) if any(low <= uid <= high for low, high in ends)]
        self.assertEqual(list(view.uids_of_uids(ranges)), wanted)
