"""Expunged mail is kept for a while, old mail goes by rule, and what nobody reads goes after a warning."""

from __future__ import annotations

from unittest import mock

from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildrop import keeping, moving
from mailframe.store.maildrop.expiring import Expiring, Round
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.quota import Limit, QuotaRules
from mailframe.store.retention import ExpiryRule, RetentionRules
from mailframe.store.values import DELETED, INBOX, SEEN, FlagChange, KeptMailbox, NewMessage
from tests.store.maildir.fixture import ALICE, MaildirCase, numbered

DAY = 86400
NOW = 1_700_000_000


class RetentionCase(MaildirCase):
    """A store whose time stands still."""

    rules = RetentionRules(expunged=7 * DAY)

    def setUp(self) -> None:
        self.now = NOW
        for room in ("moving", "arrival", "keeping"):
            patched = mock.patch(f"mailframe.store.maildrop.{room}.now", self.seconds)
            patched.start()
            self.addCleanup(patched.stop)
        self.policies = Policies(retention=self.rules, quota=QuotaRules(Limit(100_000)))
        super().setUp()

    def seconds(self) -> int:
        return int(self.now)

    def expunge(self, *uids: int, mailbox: str = INBOX) -> list[int]:
        opened = self.opened(mailbox)
        self.wait(opened.store(uids, FlagChange.ADD, frozenset({DELETED})))
        return list(self.wait(opened.expunge()))

    def round(self) -> Round:
        expiring = Expiring(self.now)
        while not self.wait(self.store.work(ALICE, expiring.step)):
            pass
        return expiring.done

    def kept(self) -> list[KeptMailbox]:
        return list(self.wait(self.account().kept()))

    def names_listed(self) -> list[str]:
        return [entry.name for entry in self.wait(self.account().mailboxes())]


class KeepingTests(RetentionCase):
    """Expunged mail."""

    def test_expunged_and_restored(self) -> None:
        """What was expunged is gone for clients, and can be had back without the mark of deletion."""
        uids = self.append(numbered(1), numbered(2), numbered(3), flags=[SEEN])
        self.assertEqual(self.expunge(*uids[:2]), uids[:2])
        self.assertEqual(self.contents(), [numbered(3)])
        size = len(numbered(1)) + len(numbered(2))
        self.assertEqual(self.kept(), [KeptMailbox(INBOX, 2, size, NOW)])
        self.assertEqual(self.wait(self.account().restore(INBOX)), 2)
        self.assertEqual(sorted(self.contents()), [numbered(1), numbered(2), numbered(3)])
        self.assertEqual(set(self.flags().values()), {frozenset({SEEN})})
        self.assertEqual(self.kept(), [])

    def test_out_of_sight(self) -> None:
        """Where it is kept is not listed, does not count, and nobody can make such a mailbox."""
        self.expunge(*self.append(numbered(1)))
        self.assertEqual(self.names_listed(), [INBOX, "Sent"])
        (root,) = self.wait(self.account().quotas())
        self.assertEqual((root.usage.octets, root.usage.messages), (0, 0))
        self.assertEqual(
            self.fails(self.account().create(".expunged/x"), MailframeError).status.word, "CANNOT"
        )
        self.fails(self.account().rename("Sent", ".expunged"), MailframeError)

    def test_pop3(self) -> None:
        """What POP3 clients delete is kept, too."""
        uids = self.append(numbered(1))
        self.wait(self.opened().remove(uids))
        self.assertEqual(len(self.kept()), 1)

    def test_deleted_mailbox(self) -> None:
        """Mail of a mailbox that was deleted is kept, and comes back with the mailbox."""
        self.wait(self.account().create("Work/one"))
        self.append(numbered(1), mailbox="Work/one")
        self.wait(self.account().delete("Work/one"))
        self.assertEqual([one.name for one in self.kept()], ["Work/one"])
        self.assertEqual(self.wait(self.account().restore("Work/one")), 1)
        self.assertEqual(self.contents("Work/one"), [numbered(1)])

    def test_no_way_round_quotas(self) -> None:
        """What does not count cannot be filled, taken for a mailbox, or taken back where there is no room."""
        big = b"x" * 60_000 + b"\r\n"
        self.expunge(*self.append(big))
        uids = self.append(big)
        kept = self.opened(".expunged/INBOX")
        (old,) = self.wait(kept.snapshot()).uids
        refused = [
            (kept.move([old], INBOX), "OVERQUOTA"),
            (kept.copy([old], INBOX), "OVERQUOTA"),
            (self.opened().move(uids, ".expunged/INBOX"), "CANNOT"),
            (self.opened().copy(uids, ".expunged/INBOX/"), "CANNOT"),
            (self.account().append(".expunged/INBOX", [NewMessage(Content.of(big))]), "CANNOT"),
            (self.account().rename(".expunged", "Mine"), "CANNOT"),
            (self.account().rename(".expunged/INBOX", "Mine"), "CANNOT"),
        ]
        for asked, word in refused:
            self.assertEqual(self.fails(asked, MailframeError).status.word, word)
        # Whoever runs the server may.
        self.assertEqual(self.wait(self.account().restore(INBOX)), 1)

    def test_delivered(self) -> None:
        """Mail that is addressed to where expunged mail is kept comes into INBOX."""
        self.expunge(*self.append(numbered(1)))
        self.deliver(numbered(2), mailbox=".expunged/INBOX")
        self.assertEqual(self.contents(), [numbered(2)])

    def test_moved_back(self) -> None:
        """Where there is room, clients that know the name take their mail back themselves."""
        self.expunge(*self.append(numbered(1)))
        self.wait(self.opened(".expunged/INBOX").move([1], INBOX))
        self.assertEqual(self.contents(), [numbered(1)])

    def test_came_while_deleted(self) -> None:
        """What comes into a mailbox while it is deleted is kept, too, whoever put it there."""
        self.wait(self.account().create("Work"))
        self.append(numbered(1), mailbox="Work")
        coming = [numbered(2)]

        def set_aside(drop, mailbox, uids):
            done = aside(drop, mailbox, uids)
            if coming:
                self.deliver(coming.pop(), mailbox="Work")
            return done

        aside = keeping.set_aside
        with open(self.path(".Work", "new", "1.other.program"), "wb") as file:
            file.write(numbered(3))
        with mock.patch.object(keeping, "set_aside", set_aside):
            self.wait(self.account().delete("Work"))
        self.assertEqual([(one.name, one.messages) for one in self.kept()], [("Work", 3)])
        self.assertNotIn("Work", self.names_listed())

    def test_comes_for_ever(self) -> None:
        """A mailbox that mail pours into is not deleted with mail that was not kept."""
        self.wait(self.account().create("Work"))
        with mock.patch.object(keeping, "set_aside"):
            self.append(numbered(1), mailbox="Work")
            error = self.fails(self.account().delete("Work"), MailframeError)
        self.assertEqual(error.status.word, "UNAVAILABLE")
        self.assertEqual(self.contents("Work"), [numbered(1)])

    def test_part(self) -> None:
        """Only what was expunged at some time can be asked for, and put elsewhere."""
        first, second = self.append(numbered(1), numbered(2))
        self.expunge(first)
        self.now += DAY
        self.expunge(second)
        self.assertEqual(self.wait(self.account().restore(INBOX, "Back", since=NOW + 1)), 1)
        self.assertEqual(self.contents("Back"), [numbered(2)])
        self.assertEqual(self.wait(self.account().restore(INBOX, "Back", until=NOW + 1)), 1)
        self.assertEqual(self.wait(self.account().restore("Nothing")), 0)
        self.expunge(*self.append(numbered(3)))
        self.assertEqual(self.wait(self.account().restore(INBOX, "Empty", until=NOW)), 0)
        self.assertEqual(self.names_listed(), [INBOX, "Back", "Sent"])

    def test_end(self) -> None:
        """After its time it is gone for good, and its place with it."""
        self.expunge(*self.append(numbered(1)))
        self.now += 3 * DAY
        self.expunge(*self.append(numbered(2)))
        self.now += 4 * DAY
        self.assertEqual(self.round(), Round(removed=1))
        self.assertEqual(self.kept(), [KeptMailbox(INBOX, 1, len(numbered(2)), NOW + 3 * DAY)])
        self.now += 3 * DAY
        self.assertEqual(self.round(), Round(removed=1))
        self.assertEqual([name for name in self.names() if "expunged" in name], [])
        self.assertEqual(self.wait(self.account().restore(INBOX)), 0)

    def test_many(self) -> None:
        """Many are removed a part at a time, so that others have their turn."""
        self.expunge(*self.append(*(numbered(n) for n in range(7))))
        self.now += 8 * DAY
        with mock.patch("mailframe.store.maildrop.expiring.GROUP", 3):
            expiring, steps = Expiring(self.now), 0
            while not self.wait(self.store.work(ALICE, expiring.step)):
                steps += 1
        self.assertEqual((expiring.done.removed, steps), (7, 3))

    def test_again_and_again(self) -> None:
        """What was restored and expunged once more is kept once more."""
        self.expunge(*self.append(numbered(1)))
        for _ in range(3):
            self.wait(self.account().restore(INBOX))
            self.expunge(*self.messages())
        self.assertEqual(len(self.kept()), 1)

    def test_survives(self) -> None:
        """It is there after a restart."""
        self.expunge(*self.append(numbered(1)))
        self.restarted()
        self.assertEqual(self.wait(self.account().restore(INBOX)), 1)


class LimitTests(RetentionCase):
    """There is a bound on what is kept."""

    rules = RetentionRules(expunged=7 * DAY, expunged_octets=len(numbered(1)) * 2)

    def test_oldest_first(self) -> None:
        """What was expunged first goes first, whatever mailbox from, and does not wait for the next round."""
        (one,) = self.append(numbered(1), mailbox="Sent")
        self.expunge(one, mailbox="Sent")
        self.now += 1
        self.expunge(*self.append(numbered(2), numbered(3)))
        self.assertEqual([(one.name, one.messages) for one in self.kept()], [(INBOX, 2)])
        self.assertEqual(self.round(), Round())

    def test_rules_that_changed(self) -> None:
        """What is too much by new rules goes in the next round."""
        self.expunge(*self.append(numbered(1), numbered(2)))
        less = RetentionRules(expunged=7 * DAY, expunged_octets=len(numbered(1)))
        object.__setattr__(self.store._surroundings, "retention", less)
        self.assertEqual(self.round(), Round(removed=1))
        self.assertEqual([one.messages for one in self.kept()], [1])


class ManyMailboxesTests(RetentionCase):
    """An account that makes mailboxes only to delete them."""

    options = MaildirOptions(threads=0, mailboxes_limit=4, mailboxes={"Sent": "\\Sent"})

    def test_many_mailboxes(self) -> None:
        """Places of expunged mail do not count as mailboxes, and there are not more of them than mailboxes."""
        for number in range(8):
            self.wait(self.account().create(f"m{number}"))
            self.append(numbered(number), mailbox=f"m{number}")
            self.wait(self.account().delete(f"m{number}"))
        self.assertEqual(
            {one.name: one.messages for one in self.kept()},
            {INBOX: 4} | {f"m{number}": 1 for number in range(4)},
        )


class ExpiryTests(RetentionCase):
    """Mailboxes whose old mail goes."""

    rules = RetentionRules(expiry=(ExpiryRule("Sent", DAY), ExpiryRule("Lists/*", DAY, seen_only=True)))

    def test_old(self) -> None:
        """Old mail of the mailbox goes, newer and other mail stays."""
        self.append(numbered(1), mailbox="Sent")
        self.append(numbered(1))
        self.now += DAY
        self.append(numbered(2), mailbox="Sent")
        self.assertEqual(self.round(), Round(expired=1))
        self.assertEqual(self.contents("Sent"), [numbered(2)])
        self.assertEqual(self.contents(), [numbered(1)])

    def test_seen_only(self) -> None:
        """Where the rule says so, only what has been read."""
        self.wait(self.account().create("Lists/one"))
        self.append(numbered(1), mailbox="Lists/one", flags=[SEEN])
        self.append(numbered(2), mailbox="Lists/one")
        self.now += DAY
        self.assertEqual(self.round(), Round(expired=1))
        self.assertEqual(self.contents("Lists/one"), [numbered(2)])

    def test_nothing_kept(self) -> None:
        """Where expunged mail is not kept, nothing is."""
        self.expunge(*self.append(numbered(1)))
        self.assertEqual(self.kept(), [])


class UnreadTests(RetentionCase):
    """Mail that nobody reads."""

    rules = RetentionRules(unread=90 * DAY, unread_warning=14 * DAY)

    def days(self, count: float) -> Round:
        self.now += count * DAY
        done = self.round()
        if done.to_tell is not None:
            self.wait(self.store.told(ALICE, self.now))
        return done

    def test_warned_then_removed(self) -> None:
        """Its owner is told in time; what is still unread then goes, and what was read stays."""
        _, second = self.append(numbered(1), numbered(2))
        self.assertEqual(self.days(75), Round())
        self.assertEqual(self.days(1), Round(to_tell=(2, self.now + 14 * DAY)))
        self.assertEqual(self.days(7), Round())
        self.wait(self.opened().store([second], FlagChange.ADD, frozenset({SEEN})))
        self.assertEqual(self.days(7), Round(unread=1))
        self.assertEqual(self.contents(), [numbered(2)])

    def test_never_without_a_word(self) -> None:
        """Where nobody looked for a long time, the owner is told first all the same."""
        self.append(numbered(1))
        self.assertEqual(self.days(200), Round(to_tell=(1, self.now + 14 * DAY)))
        self.assertEqual(self.days(13), Round())
        self.append(numbered(2))
        self.assertEqual(self.days(1), Round(unread=1))
        self.assertEqual(self.contents(), [numbered(2)])

    def test_next_ones(self) -> None:
        """What became old meanwhile is told of before it goes."""
        self.append(numbered(1))
        self.days(10)
        self.append(numbered(2))
        self.days(66)
        self.assertEqual(self.days(14), Round(unread=1, to_tell=(1, self.now + 14 * DAY)))
        self.assertEqual(self.days(14), Round(unread=1))
        self.assertEqual(self.contents(), [])

    def test_could_not_be_told(self) -> None:
        """Nothing goes while its owner could not be told: the time runs from when it was."""
        self.append(numbered(1))
        self.now += 76 * DAY
        for _ in range(3):
            self.assertEqual(self.round(), Round(to_tell=(1, self.now + 14 * DAY)))
            self.now += 20 * DAY
        self.days(0)
        self.assertEqual(self.days(14), Round(unread=1))

    def test_short_time(self) -> None:
        """Mail that came after its owner was told is told of first, however short mail may stay unread."""
        short = RetentionRules(unread=7 * DAY, unread_warning=14 * DAY)
        object.__setattr__(self.store._surroundings, "retention", short)
        self.append(numbered(1))
        self.days(1)
        self.now += DAY
        self.append(numbered(2))
        self.assertEqual(self.days(13), Round(unread=1, to_tell=(1, self.now + 14 * DAY)))
        self.assertEqual(self.contents(), [numbered(2)])

    def test_expunged(self) -> None:
        """Expunged mail that is kept is nothing that anybody should read."""
        kept = RetentionRules(expunged=365 * DAY, unread=90 * DAY, unread_warning=14 * DAY)
        object.__setattr__(self.store._surroundings, "retention", kept)
        self.expunge(*self.append(numbered(1)))
        self.assertEqual(self.days(100), Round())
        self.assertEqual(self.days(14), Round())
        self.assertEqual([one.messages for one in self.kept()], [1])

    def test_read_meanwhile(self) -> None:
        """What is read after the round looked, and before it came to it, stays."""
        uids = self.append(numbered(1), numbered(2))
        self.days(76)
        self.now += 14 * DAY
        expiring = Expiring(self.now)
        self.wait(self.store.work(ALICE, expiring.step))
        self.wait(self.opened().store(uids[:1], FlagChange.ADD, frozenset({SEEN})))
        while not self.wait(self.store.work(ALICE, expiring.step)):
            pass
        self.assertEqual(self.contents(), [numbered(1)])

    def test_young(self) -> None:
        """Young mail is nobody's business."""
        self.wait(self.account().append(INBOX, [NewMessage(Content.of(numbered(1)), internal_date=1000)]))
        self.assertEqual(self.days(1), Round())


class GroupTests(RetentionCase):
    """What is had back in parts."""

    def test_restored_in_parts(self) -> None:
        """Many messages are expunged and restored some at a time, so that deliveries do not wait for all."""
        with (
            mock.patch.object(keeping, "GROUP", 2),
            mock.patch.object(moving, "move", side_effect=moving.move) as moved,
        ):
            self.assertEqual(len(self.expunge(*self.append(*(numbered(n) for n in range(5))))), 5)
            self.assertEqual([len(call.args[2]) for call in moved.call_args_list], [2, 2, 1])
            self.assertEqual(self.wait(self.account().restore(INBOX)), 5)
        self.assertEqual(sorted(self.contents()), [numbered(n) for n in range(5)])
