"""The contract of flags and of changes: what one session does, the others learn, exactly and in order."""

from __future__ import annotations

from collections.abc import Awaitable

from mailframe.store.values import (
    ANSWERED,
    DELETED,
    FLAGGED,
    INBOX,
    NAMES,
    SEEN,
    Changes,
    FlagChange,
    Item,
)

from .fixture import ALICE, HELLO, StoreFixture, by_uid, new, numbered

ADD, REMOVE, REPLACE = FlagChange.ADD, FlagChange.REMOVE, FlagChange.REPLACE


class FlagsContract(StoreFixture):
    """`IMailbox.store`."""

    async def test_add_remove_replace(self) -> None:
        """Flags are added, taken away and replaced; the answer has them as they are now."""
        mailbox, (uid, other) = await self.filled(2)
        for change, given, wanted in (
            (ADD, {SEEN, "word"}, {SEEN, "word"}),
            (ADD, {FLAGGED}, {SEEN, FLAGGED, "word"}),
            (REMOVE, {SEEN, ANSWERED}, {FLAGGED, "word"}),
            (REPLACE, {DELETED}, {DELETED}),
            (REPLACE, set(), set()),
        ):
            stored = await mailbox.store([uid], change, frozenset(given))
            (message,) = stored.messages
            self.assertEqual((message.uid, message.flags), (uid, wanted))
            self.assertEqual((stored.failed, message.modseq), ([], stored.modseq))
            self.assertEqual((await self.flags(mailbox))[uid], wanted)
        self.assertEqual((await self.flags(mailbox))[other], frozenset())

    async def test_many_at_once(self) -> None:
        """One change for many messages answers for each, UIDs ascending; bad UIDs are passed over."""
        mailbox, uids = await self.filled(50)
        stored = await mailbox.store([4_000_000_000, *reversed(uids)], ADD, frozenset({SEEN}))
        self.assertEqual([message.uid for message in stored.messages], uids)
        self.assertEqual((await mailbox.snapshot()).first_unseen, None)
        nothing = await mailbox.store([4_000_000_000], ADD, frozenset({SEEN}))
        self.assertEqual((list(nothing.messages), list(nothing.failed)), ([], []))

    async def test_keywords_compare_without_case(self) -> None:
        """Keywords are one whatever their case, and keep the spelling first used in the mailbox."""
        mailbox, (first, second) = await self.filled(2)
        await mailbox.store([first], ADD, frozenset({"$Forwarded"}))
        stored = await mailbox.store([first, second], ADD, frozenset({"$FORWARDED"}))
        self.assertEqual([message.flags for message in stored.messages], [{"$Forwarded"}] * 2)
        stored = await mailbox.store([first], REMOVE, frozenset({"$forwarded"}))
        self.assertEqual(stored.messages[0].flags, frozenset())
        await self.append(new(HELLO, ["$fOrWaRdEd"]))
        self.assertEqual((await mailbox.snapshot()).keywords, {"$Forwarded"})

    async def test_system_flags_in_any_case(self) -> None:
        """System flags are kept in the RFC's spelling; \\Recent and unknown ones cannot be stored."""
        mailbox, (uid,) = await self.filled(1)
        given = frozenset({"\\SEEN", "\\flagged", "\\Recent", "\\Nonsense"})
        stored = await mailbox.store([uid], ADD, given)
        self.assertEqual(stored.messages[0].flags, {SEEN, FLAGGED})
        stored = await mailbox.store([uid], REMOVE, frozenset({"\\seen"}))
        self.assertEqual(stored.messages[0].flags, {FLAGGED})

    async def test_too_many_keywords(self) -> None:
        """A keyword too many is refused and changes nothing; known ones can still be used."""
        mailbox, (first, second) = await self.filled(2)
        keywords = frozenset(f"word{number}" for number in range(self.keywords_limit))
        await mailbox.store([first], ADD, keywords)
        await self.refused("LIMIT", mailbox.store([second], ADD, frozenset({"one-too-many", SEEN})))
        self.assertEqual(await self.flags(mailbox), {first: keywords, second: frozenset()})
        await mailbox.store([second], ADD, frozenset({"WORD0"}))

    async def test_unused_keywords_make_room(self) -> None:
        """Keywords that no message has any more do not count against the limit."""
        mailbox, (uid,) = await self.filled(1)
        await mailbox.store([uid], ADD, frozenset(f"a{number}" for number in range(self.keywords_limit)))
        await mailbox.store([uid], REPLACE, frozenset())
        stored = await mailbox.store([uid], ADD, frozenset({"new"}))
        self.assertEqual(stored.messages[0].flags, {"new"})

    async def test_modseq_grows_with_a_change(self) -> None:
        """A change gives a higher modseq than anything before; changing nothing changes no modseq."""
        mailbox, (first, second) = await self.filled(2)
        before = (await mailbox.snapshot()).modseq
        stored = await mailbox.store([first], ADD, frozenset({SEEN}))
        self.assertGreater(stored.modseq, before)
        again = await mailbox.store([first], ADD, frozenset({SEEN}))
        self.assertEqual((again.modseq, again.messages[0].modseq), (stored.modseq, stored.modseq))
        self.assertEqual((stored.changed, again.changed), (True, False))
        found = by_uid(await mailbox.fetch([first, second], Item.FLAGS))
        self.assertEqual(found[first].modseq, stored.modseq)
        self.assertLessEqual(found[second].modseq, before)

    async def test_unchanged_since(self) -> None:
        """Messages that changed after the modseq named are left alone and told, with what they are now."""
        mailbox, (first, second) = await self.filled(2)
        since = (await mailbox.snapshot()).modseq
        await (await self.opened()).store([second], ADD, frozenset({FLAGGED}))
        stored = await mailbox.store([first, second], ADD, frozenset({SEEN}), since)
        self.assertEqual(list(stored.failed), [second])
        self.assertEqual(
            [(message.uid, message.flags) for message in stored.messages],
            [(first, {SEEN}), (second, {FLAGGED})],
        )
        stored = await mailbox.store([second], ADD, frozenset({SEEN}), stored.modseq)
        self.assertEqual((list(stored.failed), stored.messages[0].flags), ([], {SEEN, FLAGGED}))
        stored = await mailbox.store([first], REMOVE, frozenset({SEEN}), 0)
        self.assertEqual(list(stored.failed), [first])


class ChangesContract(StoreFixture):
    """`IMailbox.changes`, ``\\Recent`` and hints."""

    def changed(self, changes: Changes) -> dict[int, frozenset[str]]:
        """Messages of a change with their flags; also looks at its order."""
        uids = [message.uid for message in changes.messages]
        self.assertEqual(uids, sorted(set(uids)))
        self.assertEqual(list(changes.vanished), sorted(set(changes.vanished)))
        return {message.uid: message.flags for message in changes.messages}

    async def test_nothing(self) -> None:
        """When nothing happened, nothing is told, and the modseq stays."""
        mailbox, _ = await self.filled(2)
        snapshot = await mailbox.snapshot()
        changes = await mailbox.changes(snapshot.modseq)
        self.assertEqual((self.changed(changes), list(changes.vanished)), ({}, []))
        self.assertEqual((changes.modseq, changes.uidnext), (snapshot.modseq, snapshot.uidnext))

    async def test_another_sessions_work(self) -> None:
        """A session learns of another's new messages, flags and removals, once."""
        mailbox, (first, second, third) = await self.filled(3)
        since = (await mailbox.snapshot()).modseq
        other = await self.opened()
        await other.store([first], ADD, frozenset({SEEN}))
        await other.remove([second])
        (new_uid,) = await self.append(new(HELLO, [FLAGGED]))
        changes = await mailbox.changes(since)
        self.assertEqual(self.changed(changes), {first: {SEEN}, new_uid: {FLAGGED}})
        self.assertEqual(list(changes.vanished), [second])
        self.assertEqual(changes.uidnext, new_uid + 1)
        again = await mailbox.changes(changes.modseq)
        self.assertEqual((self.changed(again), list(again.vanished)), ({}, []))
        self.assertIn(third, await self.uids(mailbox))

    async def test_own_work(self) -> None:
        """Changes include what the session did itself, up to where they are asked from."""
        mailbox, (first, second) = await self.filled(2)
        since = (await mailbox.snapshot()).modseq
        stored = await mailbox.store([first], ADD, frozenset({SEEN}))
        self.assertEqual(self.changed(await mailbox.changes(since)), {first: {SEEN}})
        self.assertEqual(self.changed(await mailbox.changes(stored.modseq)), {})
        await mailbox.remove([second])
        self.assertEqual(list((await mailbox.changes(stored.modseq)).vanished), [second])

    async def test_came_and_went(self) -> None:
        """A message that came and went meanwhile is not among the messages."""
        mailbox, _ = await self.filled(1)
        snapshot = await mailbox.snapshot()
        (uid,) = await self.append(HELLO)
        await (await self.opened()).remove([uid])
        changes = await mailbox.changes(snapshot.modseq)
        self.assertEqual(self.changed(changes), {})
        self.assertLessEqual(set(changes.vanished), {uid})
        self.assertEqual(changes.uidnext, uid + 1)

    async def test_from_long_ago(self) -> None:
        """Asked from the beginning, changes name every message that is there and everything that vanished."""
        mailbox, uids = await self.filled(4)
        since = (await mailbox.snapshot()).modseq
        for uid in uids[:2]:
            await mailbox.remove([uid])
        changes = await mailbox.changes(1)
        self.assertEqual(list(self.changed(changes)), uids[2:])
        self.assertLessEqual(set(uids[:2]), set(changes.vanished))
        self.assertEqual(list((await mailbox.changes(since)).vanished), uids[:2])

    async def test_deleted_mailbox(self) -> None:
        """A session whose mailbox is deleted is told so, and reads nothing more."""
        mailbox, uids = await self.filled(1, "Sent")
        since = (await mailbox.snapshot()).modseq
        await (await self.account()).delete("Sent")
        await self.refused("NONEXISTENT", mailbox.changes(since))
        for change in (
            mailbox.store(uids, FlagChange.ADD, frozenset({SEEN})),
            mailbox.copy(uids, INBOX),
            mailbox.copy([], INBOX),
            mailbox.move(uids, INBOX),
            mailbox.expunge(),
            mailbox.remove(uids),
        ):
            await self.refused("NONEXISTENT", change)
        self.assertEqual(list(await mailbox.fetch(uids, Item.FLAGS)), [])
        self.assertIsNone(await self.octets(mailbox, uids[0]))

    async def test_recent_goes_to_one_session(self) -> None:
        """New messages are recent for the first session that may write, and for no later one."""
        uids = await self.append(HELLO, HELLO)
        account = await self.account()
        self.assertEqual((await account.status(INBOX)).recent, 2)
        reader = await self.opened(read_only=True)
        self.assertEqual((await reader.snapshot()).recent, set(uids))
        self.assertEqual((await account.status(INBOX)).recent, 2)
        self.assertEqual((await (await self.opened()).snapshot()).recent, set(uids))
        self.assertEqual((await (await self.opened()).snapshot()).recent, set())
        self.assertEqual((await account.status(INBOX)).recent, 0)

    async def test_recent_among_changes(self) -> None:
        """A message that comes while two sessions look is recent for exactly one of them."""
        first, second = await self.opened(), await self.opened()
        (await first.snapshot()), (await second.snapshot())
        since = (await first.snapshot()).modseq
        (uid,) = await self.append(HELLO)
        self.assertEqual((await first.changes(since)).recent, {uid})
        self.assertEqual((await second.changes(since)).recent, set())

    async def test_hints_about_the_account(self) -> None:
        """Whoever listens to an account hears of each mailbox by its id, and of names, rights and annotations."""
        account, told = await self.account(), set[str]()
        mailbox_id = (await account.status(INBOX)).mailbox_id
        ending = await account.listen(told.add)
        other = await self.account()

        async def hinted(about: str, work: Awaitable[object]) -> None:
            told.clear()
            await work
            await self.eventually(lambda: about in told)

        await hinted(mailbox_id, self.deliver(HELLO))
        await hinted(mailbox_id, other.append(INBOX, [new()]))
        await hinted(NAMES, other.create("New"))
        await hinted((await other.status("New")).mailbox_id, other.append("New", [new()]))
        await hinted(NAMES, other.rename("New", "Old"))
        await hinted(NAMES, other.subscribe("Old", True))
        await hinted(NAMES, other.set_metadata("Old", {"/private/comment": b"x"}))
        await hinted(NAMES, other.set_access("Old", "bob@example.test", frozenset("lr")))
        await hinted(NAMES, other.delete("Old"))
        ending()
        told.clear()
        await other.create("Newer")
        self.assertEqual(told, set())

    async def test_hints(self) -> None:
        """Who listens is called after delivery, APPEND, flags, COPY and removal, until it ends that."""
        account = await self.account()
        mailbox, (uid,) = await self.filled(1)
        await mailbox.snapshot()
        calls: list[int] = []
        stop = mailbox.listen(lambda: calls.append(1))
        other = await self.opened()

        async def hinted(work: object) -> None:
            del calls[:]
            await work  # type: ignore[misc]
            await self.eventually(lambda: bool(calls))

        await hinted(self.deliver(HELLO))
        await hinted(account.append(INBOX, [new()]))
        await hinted(other.store([uid], ADD, frozenset({DELETED})))
        await hinted(other.copy([uid], INBOX))
        await hinted(other.expunge([uid]))
        stop()
        stop()
        del calls[:]
        await self.deliver(HELLO)
        self.assertEqual(calls, [])

    async def test_hints_from_elsewhere(self) -> None:
        """A hint that another worker published reaches who listens; closing ends it."""
        account = await self.account()
        mailbox = await account.open(INBOX)
        calls: list[int] = []
        mailbox.listen(lambda: calls.append(1))
        self.hints.publish(ALICE, mailbox.mailbox_id)
        self.assertEqual(calls, [1])
        account.close()
        self.hints.publish(ALICE, mailbox.mailbox_id)
        self.assertEqual(calls, [1])

    async def test_sessions_at_once(self) -> None:
        """Two sessions that work at once both see the truth in the end."""
        first, uids = await self.filled(20)
        second = await self.opened()
        since = (await first.snapshot()).modseq
        await second.snapshot()
        for at, uid in enumerate(uids):
            session = (first, second)[at % 2]
            if at % 3:
                await session.store([uid], ADD, frozenset({SEEN}))
            else:
                await session.remove([uid])
        one, two = await first.changes(since), await second.changes(since)
        self.assertEqual((self.changed(one), one.vanished), (self.changed(two), two.vanished))
        self.assertEqual(set(self.changed(one)), set(await self.uids(first)))
        self.assertEqual(await self.contents(first), [numbered(at) for at in range(20) if at % 3])
