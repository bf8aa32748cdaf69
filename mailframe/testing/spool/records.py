"""What administrators see and change, and what becomes of the work of the dead."""

from __future__ import annotations

from dataclasses import replace

from mailframe.message.content import Content
from mailframe.queue.values import Change, Closed, Place, Selection, State

from .fixture import ALL, GONE, LATER, NOW, SpoolFixture, concluded, ids, message


class SpoolLeaseContract(SpoolFixture):
    """What a runner had whose lease is over is taken up by others."""

    async def test_ended(self) -> None:
        """When a lease has ended its work is due again; who had it learns that from the answer."""
        await self.spool.add(message("a.test", "a.test"))
        claims = await self.claimed()
        self.now += 50
        self.assertTrue(await self.spool.renew(self.runner, 60))
        self.now += 59
        self.assertEqual(await self.spool.take_over(), 0)
        self.now += 2
        self.assertEqual(await self.spool.take_over(), 2)
        self.assertFalse(await self.spool.renew(self.runner, 60))
        again = await self.spool.enlist(60)
        self.assertEqual(len(await self.spool.claim(again, ALL)), 1)
        late = concluded(claims[0], State.DELIVERED)
        late = replace(late, recipients=[late.recipients[0], replace(late.recipients[1], state=State.DUE)])
        self.assertFalse(await self.spool.conclude(self.runner, late))
        found = await self.spool.find(claims[0].message.queue_id)
        assert found is not None
        self.assertEqual([one.state for one in found.recipients], [State.DELIVERED, State.LEASED])


class SpoolRecordsContract(SpoolFixture):
    """What administrators see and change."""

    async def test_selection(self) -> None:
        """Messages are found by each of the things one may ask for."""
        new = message("a.test", "b_c.test")
        await self.spool.add(new)
        await self.spool.add(message("other.test", account="bob"))
        for selection, numbers in (
            (Selection(), [0, 1]),
            (Selection(sender="ALICE@*"), [0, 1]),
            (Selection(sender="<>"), []),
            (Selection(recipient="user?@a.test"), [0]),
            (Selection(recipient="*@b%"), []),
            (Selection(recipient="*@b_c.*"), [1]),
            (Selection(domain="A.test"), [0]),
            (Selection(destination="remote:a.test", queue="normal", states=[State.DUE]), [0]),
            (Selection(states=[State.HELD]), []),
            (Selection(arrived_before=NOW), []),
            (Selection(arrived_after=NOW - 1), [0, 1]),
            (Selection(reason="no'such"), []),
        ):
            if not selection.queue_ids:
                selection = replace(selection, account="alice@example.test")
            found = await self.spool.listing(selection)
            self.assertEqual(
                [one.number for listed in found for one in listed.recipients], numbers, selection
            )

    async def test_pages(self) -> None:
        """Pages follow each other by age."""
        new = [message("a.test", queue_id=f"Q{number}") for number in range(5)]
        for one in new:
            await self.spool.add(one)
        page = await self.spool.listing(Selection(), "Q1", 2)
        self.assertEqual([listed.message.queue_id for listed in page], ["Q2", "Q3"])

    async def test_changes(self) -> None:
        """Held mail waits until it is released; bounced mail is reviewed; deleted mail is gone."""
        new = message("a.test")
        queue_id = new.message.queue_id
        await self.spool.add(new)
        self.assertEqual(await self.spool.change(Change.HOLD, queue_id, [0, 7], LATER), 1)
        self.assertEqual(list(await self.claimed()), [])
        found = await self.spool.listing(Selection(reason="ANSWER from"))
        self.assertEqual(len(found), 1)
        self.now += 2000
        self.assertEqual(await self.spool.change(Change.RELEASE, queue_id, [0]), 1)
        claims = await self.claimed()
        self.assertEqual(claims[0].message.expires, self.now + 1000)
        self.assertEqual(await self.spool.change(Change.DELETE, queue_id, [0]), 0)
        await self.spool.conclude(self.runner, concluded(claims[0], State.DUE, due=self.now + 9, review=9e9))
        self.assertEqual(await self.spool.change(Change.BOUNCE, queue_id, [0], GONE), 1)
        self.now += 10
        self.assertEqual(list(await self.claimed()), [])
        reviewed = await self.spool.claim_for_review(self.runner, 5)
        self.assertEqual([one.status for one in reviewed[0].recipients], [GONE])
        await self.spool.conclude(self.runner, concluded(reviewed[0], State.HELD))
        self.assertEqual(await self.spool.change(Change.DELETE, queue_id, [0]), 1)
        self.assertIsNone(await self.spool.find(queue_id))
        self.assertEqual(await self.spool.used_by("alice@example.test"), (0, 0))

    async def test_many_changes(self) -> None:
        """Many messages are changed in one go; what is unknown or in another state does not hinder the rest."""
        new = [message("a.test", "b.test", content=Content.of(b"x" * size)) for size in (10, 300_000, 20)]
        for one in new:
            await self.spool.add(one)
        first, second, third = (one.message.queue_id for one in new)
        wanted = [(first, [0, 1]), ("unknown", [0]), (second, [1]), (third, [0, 1])]
        self.assertEqual(list(await self.spool.change_all(Change.HOLD, wanted, LATER)), [2, 0, 1, 2])
        self.assertEqual(list(await self.spool.change_all(Change.HOLD, wanted, LATER)), [0, 0, 0, 0])
        self.assertEqual(ids(await self.claimed()), [second])
        self.assertEqual(list(await self.spool.change_all(Change.DELETE, wanted)), [2, 0, 1, 2])
        self.assertEqual([one.message.queue_id for one in await self.spool.listing(Selection())], [second])
        self.assertEqual(list(await self.spool.change_all(Change.DELETE, [])), [])

    async def test_retry_and_flush(self) -> None:
        """Mail that waits for its time, or for its destination, goes now when somebody says so."""
        first, second = message("a.test", due=NOW + 600), message("b.test", due=NOW + 600)
        await self.spool.add(first)
        await self.spool.add(second)
        await self.spool.close(Closed(Place("remote:a.test"), NOW + 900, 1, LATER))
        await self.spool.close(Closed(Place("remote:b.test"), NOW + 900, 1, LATER))
        self.assertEqual(await self.spool.change(Change.RETRY, first.message.queue_id, [0]), 1)
        self.assertEqual(ids(await self.claimed()), [first.message.queue_id])
        self.assertEqual(await self.spool.flush("remote:c.test"), 0)
        self.assertEqual(await self.spool.flush(queue="normal"), 1)
        self.assertEqual(ids(await self.claimed()), [second.message.queue_id])
