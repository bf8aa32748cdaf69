"""Tests of `mailframe.transfer.moving`."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from mailframe.directory.entries import Put, account_key
from mailframe.directory.memory import MemoryDirectory
from mailframe.message.status import STORAGE_FULL, MailframeError
from mailframe.store.values import FLAGGED, INBOX, FlagChange, Item
from mailframe.testing.store.fixture import ALICE, new
from mailframe.transfer.comparing import compare_accounts
from mailframe.transfer.moving import LEASE, MARGIN, SETTLE, Move
from mailframe.transfer.values import TransferError

from .fixture import TransferTestCase


class FakeTime:
    """Time that passes when somebody sleeps; things may happen meanwhile."""

    def __init__(self):
        self.now = 1_700_000_000.0
        self.slept = []
        self.happens = {}

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(seconds)
        what = self.happens.pop(len(self.slept), None)
        if what is not None:
            what()


class MoveTests(TransferTestCase):
    """An account goes from one store to another."""

    async def setUp(self):
        await super().setUp()
        self.directory = MemoryDirectory(["example.test"], {ALICE: "{PLAIN}x"})
        self.place("s1")
        self.time = FakeTime()
        self.source = await self.filled(self.memory)
        self.image = await self.maildir.account(ALICE)
        self.addCleanup(self.image.close)
        self.opened = 0

    def place(self, store, **more):
        self.directory.change_account(
            ALICE, lambda one: replace(one, account=replace(one.account, store=store, **more))
        )

    def account(self):
        return self.directory.entry(account_key(ALICE)).account

    def open_source(self):
        self.opened += 1
        return Unclosed(self.source)

    def move(self, **more):
        return Move(ALICE, "s2", self.directory, self.open_source, self.image, self.time, **more)

    async def add(self, store=None, octets=b"Subject: new\r\n\r\n"):
        account = await (store or self.memory).account(ALICE)
        await account.append(INBOX, [new(octets)])
        account.close()

    async def test_all_goes_along(self):
        """Afterwards the directory says where it is, and everything is there as it was."""
        outcome = await self.move().run()
        self.assertEqual(await compare_accounts(self.source, self.image), [])
        self.assertEqual(
            ("s2", "", 0), (self.account().store, self.account().hold, self.account().hold_until)
        )
        self.assertEqual((outcome.origin, outcome.messages, outcome.late), ("s1", 5, 0))
        self.assertEqual(outcome.held, SETTLE)
        self.assertEqual([change.actor for change in self.directory.history()][-1], "move")

    async def test_held_only_for_the_last_copy(self):
        """It is copied while it is used; the hold is there while everybody is waited for, and renewed."""
        seen = []
        self.time.happens[1] = lambda: seen.append((self.account().hold, self.account().store))
        await self.move().run()
        self.assertEqual(seen, [("moving to s2", "s1")])

    async def test_what_happens_meanwhile(self):
        """What came, changed and went between the rounds is there, changed and gone."""
        mailbox = await self.source.open(INBOX)

        async def change():
            await self.add()
            await mailbox.store([3], FlagChange.ADD, frozenset({FLAGGED}))
            await mailbox.remove([70])

        self.time.happens[1] = lambda: Deferred.fromCoroutine(change())
        outcome = await self.move().run()
        self.assertEqual(await compare_accounts(self.source, self.image), [])
        self.assertEqual(outcome.messages, 6)

    async def test_late_mail(self):
        """Mail that a program put into the old place after the switch is brought after it, once."""
        late = b"Subject: late\r\n\r\nlate\r\n"
        self.time.happens[2] = lambda: Deferred.fromCoroutine(self.add(octets=late))
        outcome = await self.move().run()
        self.assertEqual(outcome.late, 1)
        found = await self.contents(self.image)
        self.assertEqual([octets for octets in found.values() if b"late" in octets], [late])

    async def test_not_there(self):
        """Who is nobody, there already, or held by somebody else, is not moved."""
        with self.assertRaises(TransferError):
            await Move("x@example.test", "s2", self.directory, self.open_source, self.image, self.time).run()
        self.place("s2")
        with self.assertRaises(TransferError):
            await self.move().run()
        self.place("s1", hold="moving to s3", hold_until=int(self.time.now) + 5)
        with self.assertRaises(TransferError):
            await self.move().run()
        self.assertEqual(self.opened, 0)
        self.time.sleep(5)
        await self.move().run()
        self.assertEqual(self.account().store, "s2")

    async def test_failure_leaves_the_old_place(self):
        """Whatever fails, and whenever: the account is where it was, and can be used."""
        for number in range(1, 8):
            self.opened = 0

            def failing(number=number):
                if self.opened >= number:
                    raise MailframeError(STORAGE_FULL)
                return self.open_source()

            work = Move(ALICE, "s2", self.directory, failing, self.image, self.time)
            try:
                await work.run()
            except MailframeError:
                if self.account().store == "s2":
                    # Only bringing late mail was left.
                    break
                self.assertEqual(("s1", ""), (self.account().store, self.account().hold))
        else:
            self.fail("it never went well")
        self.assertGreater(number, 2)

    async def test_killed(self):
        """When the program dies the hold ends by itself; another move goes on from there."""

        class Killed(BaseException):
            pass

        def kill():
            self.patch(Move, "_release", lambda move: None)
            raise Killed

        self.time.happens[1] = kill
        with self.assertRaises(Killed):
            await self.move().run()
        self.assertTrue(self.account().is_held(self.time.now))
        self.assertFalse(self.account().is_held(self.time.now + LEASE))
        self.assertEqual(self.account().store, "s1")

    async def test_too_slow(self):
        """A copy that outlasts the hold is not relied on: others may have used the mailbox meanwhile."""
        self.time.happens[1] = lambda: setattr(self.time, "now", self.time.now + LEASE - LEASE / MARGIN)
        with self.assertRaises(TransferError):
            await self.move().run()
        self.assertEqual(("s1", ""), (self.account().store, self.account().hold))

    async def test_somebody_else_changes_the_account(self):
        """An administrator who changes the account while it is held is not overwritten: the move ends."""

        def change():
            found = self.directory.entry(account_key(ALICE))
            self.directory.apply([Put(replace(found, account=replace(found.account, quota=77)))], "admin")

        self.time.happens[1] = change
        with self.assertRaises(MailframeError) as caught:
            await self.move().run()
        self.assertEqual(caught.exception.status.word, "CONFLICT")
        self.assertEqual(("s1", 77), (self.account().store, self.account().quota))

    async def test_never_at_rest(self):
        """A program that goes on writing, whatever the directory says, stops the move and not the mail."""

        def always(original=self.open_source):
            if self.account().hold:
                Deferred.fromCoroutine(self.add())
            return original()

        with self.assertRaises(TransferError) as caught:
            await Move(ALICE, "s2", self.directory, always, self.image, self.time).run()
        self.assertIn("is still being changed", str(caught.exception))
        self.assertEqual(("s1", ""), (self.account().store, self.account().hold))

    async def test_identity_of_late_mail(self):
        """Late mail does not take the UID of what came to the new place first."""

        async def both():
            await self.add(self.maildir, b"Subject: first here\r\n\r\n")
            await self.add(octets=b"Subject: late\r\n\r\n")

        self.time.happens[2] = lambda: Deferred.fromCoroutine(both())
        await self.move().run()
        mailbox = await self.image.open(INBOX)
        self.addCleanup(mailbox.close)
        uids = (await mailbox.snapshot()).uids
        found = await mailbox.fetch(uids, Item.FLAGS)
        self.assertEqual(len(found), 6)
        self.assertEqual(list(uids), sorted(set(uids)))


class Unclosed:
    """An account that stays open."""

    def __init__(self, account):
        self._account = account

    def __getattr__(self, name):
        return getattr(self._account, name)

    def close(self):
        pass
