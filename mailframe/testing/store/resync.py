"""The contract of coming back: from any state that a client ever saw, changes lead to the state there is.

That is what QRESYNC (RFC 7162 section 3.2.5) stands on: a client that was away tells the modseq it knows, and must
end up with what it would have got from the beginning.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from mailframe.store.interfaces import IMailbox
from mailframe.store.values import DELETED, FLAGGED, INBOX, SEEN, FlagChange, Flags, Item

from .fixture import StoreFixture, numbered

State = dict[int, tuple[Flags, int]]
"""Flags and modseqs, by UID."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw at one moment."""

    modseq: int
    uidnext: int
    state: State


class ResyncContract(StoreFixture):
    """`IMailbox.changes` from any point.

    Attributes:
        resync_steps: how many things happen to the mailbox.
    """

    resync_steps = 40

    async def seen(self, mailbox: IMailbox) -> Seen:
        """The mailbox as a client would see it now, read from the beginning."""
        snapshot = await mailbox.snapshot()
        messages = await mailbox.fetch(list(snapshot.uids), Item.FLAGS)
        self.assertEqual([message.uid for message in messages], list(snapshot.uids))
        state = {message.uid: (message.flags, message.modseq) for message in messages}
        return Seen(snapshot.modseq, snapshot.uidnext, state)

    async def check_from(self, mailbox: IMailbox, then: Seen, now: Seen) -> None:
        """Changes since then lead to now, and name nothing that did not change."""
        changes = await mailbox.changes(then.modseq)
        vanished = set(changes.vanished)
        state = {uid: facts for uid, facts in then.state.items() if uid not in vanished}
        state.update((message.uid, (message.flags, message.modseq)) for message in changes.messages)
        self.assertEqual(state, now.state)
        self.assertEqual((changes.modseq, changes.uidnext), (now.modseq, now.uidnext))
        for message in changes.messages:
            self.assertGreater(message.modseq, then.modseq)
            self.assertNotEqual(then.state.get(message.uid), (message.flags, message.modseq))
        # Those expunged, and perhaps some that the client has never seen.
        self.assertEqual(vanished & then.state.keys(), then.state.keys() - now.state.keys())
        self.assertFalse(vanished & now.state.keys())

    async def step(self, chance: random.Random, mailbox: IMailbox) -> None:
        """Something happens to it."""
        uids = await self.uids(mailbox)
        some = sorted(chance.sample(uids, min(len(uids), chance.randint(1, 4))))
        match chance.randrange(7):
            case 0 | 1:
                await self.append(*(numbered(chance.randrange(1000)) for _ in range(chance.randint(1, 3))))
            case 2:
                change = chance.choice(list(FlagChange))
                await mailbox.store(some, change, frozenset(chance.sample([SEEN, FLAGGED, "word"], 2)))
            case 3:
                await mailbox.remove(some)
            case 4:
                await mailbox.store(some, FlagChange.ADD, frozenset({DELETED}))
                await mailbox.expunge()
            case 5:
                await mailbox.move(some, chance.choice(["Sent", INBOX]))
            case 6:
                await (await self.opened("Sent")).copy(await self.uids(await self.opened("Sent")), INBOX)

    async def test_from_any_point(self) -> None:
        """From each earlier state changes lead to exactly what there is now, in a new session as well."""
        chance = random.Random(7162)
        mailbox, _ = await self.filled(10)
        points = [await self.seen(mailbox)]
        for _ in range(self.resync_steps):
            await self.step(chance, mailbox)
            points.append(await self.seen(mailbox))
        for session in (mailbox, await self.opened(read_only=True)):
            for then in points:
                await self.check_from(session, then, points[-1])

    async def test_modseq_only_grows(self) -> None:
        """No change leaves HIGHESTMODSEQ lower, or a message above it (RFC 7162 section 3.1)."""
        chance = random.Random(3)
        mailbox, _ = await self.filled(5)
        before = await self.seen(mailbox)
        for _ in range(self.resync_steps // 2):
            await self.step(chance, mailbox)
            after = await self.seen(mailbox)
            self.assertGreaterEqual(after.modseq, before.modseq)
            if after.state != before.state:
                self.assertGreater(after.modseq, before.modseq)
            self.assertLessEqual(max((modseq for _, modseq in after.state.values()), default=0), after.modseq)
            before = after
