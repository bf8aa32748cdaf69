"""Mailboxes of others beside one's own: what rights let one see and do, and nothing else."""

from __future__ import annotations

import tempfile
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.message.content import Content
from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.store.hints import LocalHints
from mailframe.store.interfaces import IMailAccount, IMailbox, IMailStore
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.memory import MemoryStore
from mailframe.store.quota import ACCOUNT, Limit
from mailframe.store.sharing import carrying as carrying_module
from mailframe.store.sharing.namespaces import Namespaces
from mailframe.store.sharing.rights import ALL, parse
from mailframe.store.sharing.shares import MemoryShares, SQLiteShares
from mailframe.store.sharing.store import SharingStore
from mailframe.store.values import DELETED, FLAGGED, INBOX, SEEN, FlagChange, Item, NewMessage, Span
from mailframe.testing.store import describe
from mailframe.testing.store.fixture import ALICE, BOB, new, numbered

TEAM = "team@example.test"
CAROL = "carol@example.test"
HERS = f"Other Users/{ALICE}"


class SharingCase(SynchronousTestCase):
    """Alice has mailboxes, and Bob looks at them."""

    def setUp(self) -> None:
        self.inner = self.make_store()
        self.shares = self.make_shares()
        self.store = SharingStore(self.inner, self.shares, Namespaces(public=TEAM), anyone=True)
        self.alice, self.bob = self.account(ALICE), self.account(BOB)
        self.wait(self.alice.create("Work"))
        self.uids = self.append(self.alice, "Work", numbered(1), numbered(2))

    def make_store(self):
        return MemoryStore(describe, LocalHints())

    def make_shares(self):
        return MemoryShares()

    def wait(self, awaitable):
        return self.successResultOf(Deferred.fromCoroutine(awaitable))

    def refused(self, word: str, awaitable) -> None:
        error = self.failureResultOf(Deferred.fromCoroutine(awaitable), MailframeError).value
        self.assertEqual(error.status.word, word)

    def account(self, name: str):
        account = self.wait(self.store.account(name))
        self.addCleanup(account.close)
        return account

    def append(self, account, mailbox: str, *octets: bytes, flags=()):
        return list(self.wait(account.append(mailbox, [new(each, flags) for each in octets])).uids)

    def give(self, rights: str, mailbox: str = "Work", to: str = BOB) -> None:
        self.wait(self.alice.set_access(mailbox, to, parse(rights)))

    def names(self, account) -> list[str]:
        return [entry.name for entry in self.wait(account.mailboxes()) if entry.selectable]

    def flags(self, account, mailbox: str) -> list:
        opened = self.wait(account.open(mailbox, read_only=True))
        uids = self.wait(opened.snapshot()).uids
        return [set(message.flags) for message in self.wait(opened.fetch(uids, Item.FLAGS))]

    def contents(self, account, mailbox: str) -> list[bytes]:
        opened = self.wait(account.open(mailbox, read_only=True))
        uids = self.wait(opened.snapshot()).uids
        return list(self.wait(opened.read([Span(uid) for uid in uids])))


class SeeingTests(SharingCase):
    """What one can see."""

    def test_interfaces(self) -> None:
        """It is a store like others."""
        verifyObject(IMailStore, self.store)
        verifyObject(IMailAccount, self.bob)
        verifyObject(IMailbox, self.wait(self.alice.open("Work")))

    def test_nothing_given(self) -> None:
        """Without rights nothing of others is there, and no account is made by asking."""
        self.assertNotIn(f"{HERS}/Work", self.names(self.bob))
        for name in (
            f"{HERS}/Work",
            f"{HERS}/INBOX",
            "Other Users/nobody@example.test/INBOX",
            "Shared/x",
            HERS,
        ):
            self.refused("NONEXISTENT", self.bob.status(name))
            self.refused("NONEXISTENT", self.bob.open(name))
        self.refused("TRYCREATE", self.bob.append(f"{HERS}/Work", [new()]))

    def test_looked_up(self) -> None:
        """With the right to look one up, a mailbox is listed below its owner, and not yet read."""
        self.give("l")
        entries = {entry.name: entry for entry in self.wait(self.bob.mailboxes())}
        self.assertTrue(entries[f"{HERS}/Work"].selectable)
        self.assertFalse(entries[HERS].selectable)
        self.assertFalse(entries["Other Users"].selectable)
        self.assertNotIn(f"{HERS}/INBOX", entries)
        self.refused("NOPERM", self.bob.open(f"{HERS}/Work"))
        self.assertNotIn("Other Users", [entry.name for entry in self.wait(self.alice.mailboxes())])

    def test_read(self) -> None:
        """With the right to read, it is read, by EXAMINE and SELECT, and nothing is changed."""
        self.give("lr")
        self.assertEqual(self.contents(self.bob, f"{HERS}/Work"), [numbered(1), numbered(2)])
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.assertTrue(mailbox.read_only)
        self.assertEqual(mailbox.name, f"{HERS}/Work")
        self.assertEqual(self.wait(self.bob.status(f"{HERS}/Work")).messages, 2)
        self.refused("NOPERM", mailbox.store(self.uids, FlagChange.ADD, frozenset({SEEN})))
        self.refused("NOPERM", mailbox.expunge())
        self.refused("NOPERM", mailbox.remove(self.uids))
        self.refused("NOPERM", self.bob.append(f"{HERS}/Work", [new()]))

    def test_taken_back(self) -> None:
        """Rights that are taken back count at once, also in a session that has the mailbox open."""
        self.give("lrw")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.wait(self.alice.set_access("Work", BOB, None))
        self.refused("NOPERM", mailbox.store(self.uids, FlagChange.ADD, frozenset({FLAGGED})))
        self.assertNotIn(f"{HERS}/Work", self.names(self.bob))

    def test_anyone(self) -> None:
        """What anyone may see, everybody sees, unless it was taken away from somebody."""
        self.give("lr", to="anyone")
        self.assertIn(f"{HERS}/Work", self.names(self.account(CAROL)))
        self.give("lr", to="-" + BOB)
        self.assertNotIn(f"{HERS}/Work", self.names(self.bob))

    def test_given_at_once(self) -> None:
        """When two sessions give rights at the same time, both who get them find the mailbox."""
        other, note, calls = self.account(ALICE), self.shares.note, []

        async def late(owner, identifiers):
            calls.append(identifiers)
            if len(calls) == 2:
                await other.set_access("Work", CAROL, parse("lr"))
            await note(owner, identifiers)

        self.shares.note = late
        self.give("lr")
        self.assertIn(f"{HERS}/Work", self.names(self.bob))
        self.assertIn(f"{HERS}/Work", self.names(self.account(CAROL)))

    def test_ended_between(self) -> None:
        """Who was given rights finds the mailbox, also when the index failed afterwards."""
        note, calls = self.shares.note, []

        async def failing(owner, identifiers):
            calls.append(identifiers)
            if len(calls) > 1:
                raise MailframeError(UNAVAILABLE)
            await note(owner, identifiers)

        self.shares.note = failing
        self.refused("UNAVAILABLE", self.alice.set_access("Work", BOB, parse("lr")))
        self.assertIn(f"{HERS}/Work", self.names(self.bob))

    def test_damaged(self) -> None:
        """An account that cannot be opened keeps nobody from listing his own mailboxes."""
        self.give("lr")
        account = self.inner.account

        async def damaged(name):
            if name == ALICE:
                raise MailframeError(UNAVAILABLE)
            return await account(name)

        self.inner.account = damaged
        self.assertIn(INBOX, self.names(self.bob))

    def test_anyone_forbidden(self) -> None:
        """Where that is not wanted, nobody can give rights to anyone."""
        self.store.anyone = False
        self.refused("NOPERM", self.alice.set_access("Work", "Anyone", ALL))

    def test_public(self) -> None:
        """Mailboxes of the public account are below one name of their own; its INBOX is not."""
        team = self.account(TEAM)
        self.wait(team.create("News"))
        self.wait(team.set_access("News", "anyone", parse("lr")))
        self.wait(team.set_access(INBOX, "anyone", parse("lr")))
        self.append(team, "News", numbered(3))
        self.assertEqual(
            [name for name in self.names(self.bob) if name.startswith("Shared")], ["Shared/News"]
        )
        self.assertEqual(self.contents(self.bob, "Shared/News"), [numbered(3)])
        self.refused("NONEXISTENT", self.bob.open("Shared/INBOX"))

    def test_quotas(self) -> None:
        """Limits of others are told to those who may read there, under names of their own, and set by their owner."""
        self.wait(self.alice.set_quota(ACCOUNT, Limit(5000)))
        self.wait(self.alice.set_quota("Work", Limit(messages=5)))
        self.refused("NONEXISTENT", self.bob.quotas(f"{HERS}/Work"))
        self.give("lr")
        found = self.wait(self.bob.quotas(f"{HERS}/Work"))
        self.assertEqual([root.name for root in found], [HERS, f"{HERS}/Work"])
        self.give("".join(ALL))
        for name in (HERS, f"{HERS}/Work", "Other Users", "Shared"):
            self.refused("NOPERM", self.bob.set_quota(name, Limit()))
        self.wait(self.bob.set_quota(ACCOUNT, Limit(100)))
        self.assertEqual(len(self.wait(self.alice.quotas())), 2)
        self.assertEqual([root.limit for root in self.wait(self.bob.quotas())], [Limit(100)])

    def test_public_quota(self) -> None:
        """The limit of the public account is called by the name above its mailboxes."""
        team = self.account(TEAM)
        self.wait(team.create("News"))
        self.wait(team.set_access("News", "anyone", parse("lr")))
        self.wait(team.set_quota(ACCOUNT, Limit(5000)))
        self.assertEqual([root.name for root in self.wait(self.bob.quotas("Shared/News"))], ["Shared"])

    def test_subscribed(self) -> None:
        """One's subscriptions may be about the mailboxes of others."""
        self.give("lr")
        self.wait(self.bob.subscribe(f"{HERS}/Work", True))
        entries = {entry.name: entry for entry in self.wait(self.bob.mailboxes())}
        self.assertTrue(entries[f"{HERS}/Work"].subscribed)
        self.assertTrue(entries[f"{HERS}/Work"].selectable)

    def test_owner_removed(self) -> None:
        """The mailboxes of an account that was removed are gone for others, too."""
        self.give("lr")
        self.wait(self.store.remove_account(ALICE))
        self.assertNotIn(f"{HERS}/Work", self.names(self.bob))


class ChangingTests(SharingCase):
    """What one can change."""

    def test_flags(self) -> None:
        """Each flag needs its right; those without are passed over, and none at all is refused."""
        self.give("lrs")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.wait(mailbox.store(self.uids, FlagChange.ADD, frozenset({SEEN, FLAGGED, DELETED})))
        self.assertEqual(self.flags(self.alice, "Work"), [{SEEN}, {SEEN}])
        self.refused("NOPERM", mailbox.store(self.uids, FlagChange.ADD, frozenset({FLAGGED})))
        self.refused("NOPERM", mailbox.store(self.uids, FlagChange.REMOVE, frozenset({DELETED})))

    def test_replaced(self) -> None:
        """Replacing flags leaves those as they are that one may not change."""
        opened = self.wait(self.alice.open("Work"))
        self.wait(opened.store(self.uids, FlagChange.ADD, frozenset({DELETED, FLAGGED, "$One"})))
        self.give("lrsw")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        stored = self.wait(mailbox.store(self.uids[:1], FlagChange.REPLACE, frozenset({SEEN, "$Two"})))
        self.assertEqual([set(one.flags) for one in stored.messages], [{SEEN, DELETED, "$Two"}])
        self.assertEqual(
            self.flags(self.alice, "Work"), [{SEEN, DELETED, "$Two"}, {DELETED, FLAGGED, "$One"}]
        )

    def test_append(self) -> None:
        """With the right to insert, messages come in, with the flags that one may set."""
        self.give("lis")
        self.append(self.bob, f"{HERS}/Work", numbered(3), flags=[SEEN, FLAGGED])
        self.assertEqual(self.flags(self.alice, "Work")[-1], {SEEN})

    def test_expunge(self) -> None:
        """Expunging and removing need their rights."""
        self.give("lrt")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.wait(mailbox.store(self.uids, FlagChange.ADD, frozenset({DELETED})))
        self.refused("NOPERM", mailbox.expunge())
        self.refused("NOPERM", mailbox.move(self.uids, INBOX))
        self.give("lrte")
        self.assertEqual(list(self.wait(mailbox.expunge(self.uids[:1]))), self.uids[:1])
        self.assertEqual(list(self.wait(mailbox.remove(self.uids))), self.uids[1:])

    def test_removed_at_once(self) -> None:
        """Removing and moving need the right to mark as deleted as well as that to expunge."""
        for rights in ("lre", "lrt"):
            self.give(rights)
            mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
            self.refused("NOPERM", mailbox.remove(self.uids))
            self.refused("NOPERM", mailbox.move(self.uids, INBOX))
        self.assertEqual(len(self.contents(self.alice, "Work")), 2)
        self.give("lrte")
        self.wait(mailbox.remove(self.uids[:1]))
        self.wait(mailbox.move(self.uids[1:], INBOX))
        self.assertEqual(self.contents(self.bob, INBOX), [numbered(2)])
        self.assertEqual(self.contents(self.alice, "Work"), [])

    def test_mailboxes(self) -> None:
        """Making, renaming and deleting mailboxes below somebody else's needs their rights."""
        self.give("lr")
        self.refused("NOPERM", self.bob.create(f"{HERS}/Work/new"))
        self.refused("NOPERM", self.bob.delete(f"{HERS}/Work"))
        self.refused("NOPERM", self.bob.create(f"{HERS}/Other"))
        self.give("lrkxi")
        self.wait(self.bob.create(f"{HERS}/Work/new"))
        self.wait(self.bob.rename(f"{HERS}/Work/new", f"{HERS}/Work/newer"))
        self.append(self.bob, f"{HERS}/Work/newer", numbered(3))
        self.refused("CANNOT", self.bob.rename(f"{HERS}/Work/newer", "Mine"))
        self.refused("CANNOT", self.bob.rename(f"{HERS}/Work/newer", f"{HERS}/Elsewhere"))
        self.wait(self.bob.delete(f"{HERS}/Work/newer"))
        self.assertEqual([name for name in self.names(self.alice) if name.startswith("Work")], ["Work"])

    def test_nearest_above(self) -> None:
        """The right to make mailboxes is that on the nearest one above that is there; a hidden one is none to go by."""
        self.wait(self.alice.create("Work/hidden"))
        self.give("lrk")
        self.wait(self.bob.create(f"{HERS}/Work/a/b/c"))
        self.assertIn(f"{HERS}/Work/a/b/c", self.names(self.bob))
        for name in ("Work/hidden/a/b", "Nowhere/a/b", ".expunged/a"):
            self.refused("NONEXISTENT", self.bob.create(f"{HERS}/{name}"))
        self.give("lr", mailbox="Work/a", to="owner")
        self.refused("NOPERM", self.alice.create("Work/a/x/y"))
        self.wait(self.alice.create("Work/x/y"))

    def test_own_names(self) -> None:
        """Nobody makes a mailbox of his own where those of others are."""
        for name in ("Other Users", "Other Users/x", "Shared", "Shared/x"):
            self.refused("NONEXISTENT", self.bob.create(name))
        self.refused("NONEXISTENT", self.bob.rename("Sent", "Shared/x"))

    def test_own_mailboxes(self) -> None:
        """With one's own mailboxes all is as always."""
        mailbox = self.wait(self.alice.open("Work"))
        self.wait(mailbox.move(self.uids[:1], "Sent"))
        self.wait(mailbox.copy(self.uids[1:], INBOX))
        self.wait(self.alice.rename(f"{HERS}/Work", "Play"))
        self.assertEqual(self.contents(self.alice, "Sent"), [numbered(1)])
        self.assertEqual(self.contents(self.alice, INBOX), [numbered(2)])
        self.assertEqual(self.contents(self.alice, "Play"), [numbered(2)])

    def test_own_rights(self) -> None:
        """What an owner may not do with a mailbox of his own is refused, until he gives himself the right again."""
        self.give("lr", to="owner")
        self.assertEqual(self.wait(self.alice.rights("Work", ALICE)), parse("lra"))
        self.assertTrue(self.wait(self.alice.open("Work")).read_only)
        for change in (
            self.alice.append("Work", [new(numbered(3))]), self.alice.delete("Work"),
            self.alice.rename("Work", "Play"), self.alice.create("Work/a"), self.alice.rename("Sent", "Work/b"),
            self.wait(self.alice.open("Sent")).copy([1], "Work"),
        ):  # fmt: skip
            self.refused("NOPERM", change)
        self.give("lrt", to="owner")
        mailbox = self.wait(self.alice.open("Work"))
        self.wait(mailbox.store(self.uids, FlagChange.ADD, frozenset({SEEN, DELETED})))
        self.assertEqual(self.flags(self.alice, "Work"), [{DELETED}, {DELETED}])
        self.refused("NOPERM", mailbox.expunge())
        self.give("lrte", to="owner")
        self.assertEqual(list(self.wait(mailbox.expunge())), self.uids)
        self.wait(self.alice.set_access("Work", "owner", None))
        self.wait(self.alice.delete("Work"))

    def test_rights(self) -> None:
        """Only who administers a mailbox sees and changes who has rights; everybody sees his own."""
        self.give("lr")
        name = f"{HERS}/Work"
        self.assertEqual(self.wait(self.bob.rights(name, BOB)), parse("lr"))
        self.refused("NOPERM", self.bob.access(name))
        self.refused("NOPERM", self.bob.set_access(name, BOB, ALL))
        self.refused("NOPERM", self.bob.rights(name, CAROL))
        self.give("lra")
        self.wait(self.bob.set_access(name, CAROL, parse("lr")))
        self.assertIn(name, self.names(self.account(CAROL)))
        self.assertEqual(self.wait(self.bob.rights(name, CAROL)), parse("lr"))

    def test_metadata(self) -> None:
        """Private annotations are everybody's own, shared ones need the right to write."""
        name = f"{HERS}/Work"
        self.give("lr")
        self.wait(self.bob.set_metadata(name, {"/private/comment": b"his"}))
        self.refused("NOPERM", self.bob.set_metadata(name, {"/shared/comment": b"ours"}))
        self.give("lrw")
        self.wait(self.bob.set_metadata(name, {"/shared/comment": b"ours"}))
        wanted = ["/private/comment", "/shared/comment"]
        self.assertEqual(self.wait(self.alice.metadata("Work", wanted)), {"/shared/comment": b"ours"})
        self.assertEqual(len(self.wait(self.bob.metadata(name, wanted))), 2)
        self.give("li")
        self.assertEqual(len(self.wait(self.bob.metadata(name, wanted))), 2)
        self.give("la")
        self.refused("NOPERM", self.bob.metadata(name, wanted))
        self.give("rw")
        self.refused("NONEXISTENT", self.bob.metadata(name, wanted))
        self.refused("NONEXISTENT", self.bob.set_metadata(name, {"/private/comment": b"his"}))
        self.wait(self.bob.set_metadata(None, {"/private/x": b"1"}))
        self.assertEqual(self.wait(self.alice.metadata(None, ["/private/x"])), {})


class CarryingTests(SharingCase):
    """Messages go from one account into another."""

    def test_copied(self) -> None:
        """Messages are copied into one's own mailboxes with flags and date, in order, and back."""
        self.patch(carrying_module, "IN_MEMORY", 100)
        self.patch(carrying_module, "WINDOW", 200)
        large = b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 100
        (uid,) = self.append(self.alice, "Work", large, flags=[FLAGGED, "$One"])
        self.give("lri")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        copied = self.wait(mailbox.copy([uid, *self.uids], INBOX))
        self.assertEqual(list(copied.source), [*self.uids, uid])
        self.assertEqual(self.contents(self.bob, INBOX), [numbered(1), numbered(2), large])
        self.assertEqual(self.flags(self.bob, INBOX)[-1], {FLAGGED, "$One"})
        mine = self.wait(self.bob.open(INBOX))
        self.wait(mine.copy([copied.target[-1]], f"{HERS}/Work"))
        self.assertEqual(self.flags(self.alice, "Work")[-1], set())
        self.assertEqual(len(self.contents(self.alice, "Work")), 4)

    def test_gone_meanwhile(self) -> None:
        """What somebody expunges while it is copied is passed over, and never copied in part."""
        self.patch(carrying_module, "IN_MEMORY", 100)
        self.patch(carrying_module, "WINDOW", 200)
        large = b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 100
        (uid,) = self.append(self.alice, "Work", large)
        self.give("lr")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        read, hers = mailbox._inner.read, self.wait(self.alice.open("Work"))

        async def expunging(spans):
            if spans[0].offset:
                await hers.remove([uid])
            return await read(spans)

        mailbox._inner.read = expunging
        copied = self.wait(mailbox.copy([*self.uids, uid], INBOX))
        self.assertEqual(list(copied.source), self.uids)
        self.assertEqual(self.contents(self.bob, INBOX), [numbered(1), numbered(2)])

    def test_no_more_files(self) -> None:
        """However many large messages are copied, they need one file."""
        self.patch(carrying_module, "IN_MEMORY", 100)
        self.give("lr")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.append(self.alice, "Work", *(b"x" * 200 + b"\r\n" for _ in range(20)))
        uids = self.wait(mailbox.snapshot()).uids
        with mock.patch.object(
            carrying_module.tempfile, "TemporaryFile", side_effect=tempfile.TemporaryFile
        ) as made:
            self.wait(mailbox.copy(uids, INBOX))
        self.assertEqual(made.call_count, 1)
        self.assertEqual(len(self.contents(self.bob, INBOX)), 22)

    def test_full_disk(self) -> None:
        """Without room for what is carried it is a temporary fault, and a move leaves all where it was."""
        self.patch(carrying_module, "IN_MEMORY", 0)
        self.give("lrte")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        full = OSError(28, "No space left on device")
        with mock.patch.object(carrying_module.tempfile, "TemporaryFile", side_effect=full):
            self.refused("UNAVAILABLE", mailbox.move(self.uids, INBOX))
        self.assertEqual(len(self.contents(self.alice, "Work")), 2)

    def test_flags_within_the_other_account(self) -> None:
        """Nobody sets flags by copying that he may not set."""
        self.wait(self.alice.create("Done"))
        (uid,) = self.append(self.alice, "Work", numbered(3), flags=[SEEN, DELETED, FLAGGED])
        self.give("lr")
        self.give("lis", "Done")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.wait(mailbox.copy([uid], f"{HERS}/Done"))
        self.assertEqual(self.flags(self.alice, "Done"), [{SEEN}])

    def test_moved(self) -> None:
        """Moved messages are gone where they were, and an email's date is kept."""
        self.give("lrte")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.wait(mailbox.move(self.uids, INBOX))
        self.assertEqual(self.contents(self.alice, "Work"), [])
        mine = self.wait(self.bob.open(INBOX))
        uids = self.wait(mine.snapshot()).uids
        self.assertEqual(
            {one.internal_date for one in self.wait(mine.fetch(uids, Item.DATE))}, {1_600_000_000}
        )

    def test_within_the_other_account(self) -> None:
        """From one of somebody's mailboxes into another of hers they are copied there, with rights on both."""
        self.wait(self.alice.create("Done"))
        self.give("lrte")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.refused("TRYCREATE", mailbox.copy(self.uids, f"{HERS}/Done"))
        self.give("li", "Done")
        self.wait(mailbox.copy(self.uids[:1], f"{HERS}/Done"))
        self.wait(mailbox.move(self.uids[1:], f"{HERS}/Done"))
        self.assertEqual(self.contents(self.alice, "Done"), [numbered(1), numbered(2)])
        self.assertEqual(self.contents(self.alice, "Work"), [numbered(1)])

    def test_not_lost(self) -> None:
        """A move that cannot be finished leaves the messages where they were."""
        self.give("lrte")
        mailbox = self.wait(self.bob.open(f"{HERS}/Work"))
        self.refused("TRYCREATE", mailbox.move(self.uids, "Nowhere"))
        self.assertEqual(len(self.contents(self.alice, "Work")), 2)


class MaildirSharingTests(SeeingTests, ChangingTests, CarryingTests):
    """The same with mail and the index on a disk."""

    def make_store(self):
        store = MaildirStore(
            self.mktemp(), describe, LocalHints(), Clock(), MaildirOptions(threads=0, journal=False)
        )
        self.wait(store.start())
        self.addCleanup(lambda: self.wait(store.stop()))
        return store

    def make_shares(self):
        shares = SQLiteShares(self.mktemp(), None)
        self.wait(shares.start())
        self.addCleanup(lambda: self.wait(shares.stop()))
        return shares


class DeliveryTests(SharingCase):
    """What goes through to the store within."""

    def test_delivered(self) -> None:
        """Deliveries and their room are the inner store's."""
        from mailframe.store.values import Delivery

        (status,) = self.wait(self.store.deliver([Delivery(BOB, NewMessage(Content.of(numbered(1))))]))
        self.assertTrue(status.success)
        self.assertIsNone(self.wait(self.store.room(BOB)))
