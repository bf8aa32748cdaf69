"""What was added is there until it is delivered."""

from __future__ import annotations

from dataclasses import replace

from zope.interface.verify import verifyObject

from mailframe.message.content import Content, PiecesBody
from mailframe.queue.interfaces import ISpool, ISpoolRecords
from mailframe.queue.values import Claim, State, Usage

from .fixture import NOW, SpoolFixture, concluded, ids, message


class SpoolKeepingContract(SpoolFixture):
    """What was added is there, is given out once, and is gone when all is done."""

    async def test_interfaces(self) -> None:
        """It is a spool with records."""
        for interface in (ISpool, ISpoolRecords):
            verifyObject(interface, self.spool)

    async def test_day(self) -> None:
        """A message is claimed as it was added, and vanishes when it is delivered."""
        new = message("a.test", "b.test")
        await self.spool.add(new)
        claims = sorted(await self.claimed(), key=lambda claim: claim.place.destination)
        self.assertEqual([claim.place.destination for claim in claims], ["remote:a.test", "remote:b.test"])
        self.assertEqual([claim.message for claim in claims], [new.message] * 2)
        self.assertEqual(
            [one for claim in claims for one in claim.recipients],
            [replace(one, state=State.LEASED) for one in new.recipients],
        )
        content = await self.spool.content(new.message.queue_id)
        self.assertEqual(content.octets(), new.mail.content.octets())
        self.assertEqual(list(await self.claimed()), [])
        self.assertEqual(await self.spool.used_by("alice@example.test"), (1, content.size))
        self.assertTrue(await self.spool.conclude(self.runner, concluded(claims[0], State.DELIVERED)))
        found = await self.spool.find(new.message.queue_id)
        assert found is not None
        self.assertEqual([one.state for one in found.recipients], [State.DELIVERED, State.LEASED])
        self.assertTrue(await self.spool.conclude(self.runner, concluded(claims[1], State.FAILED)))
        self.assertIsNone(await self.spool.find(new.message.queue_id))
        self.assertEqual(await self.spool.used_by("alice@example.test"), (0, 0))
        self.assertIsNone(await self.spool.next_due())

    async def test_leased_at_once(self) -> None:
        """What the runner attempts as it comes is nobody else's, and due when the runner says so."""
        new = message("a.test", state=State.LEASED)
        await self.spool.add(new, self.runner)
        self.assertEqual(list(await self.claimed()), [])
        claim = Claim(new.message, new.recipients)
        self.assertTrue(await self.spool.conclude(self.runner, concluded(claim, State.DUE, due=NOW + 60)))
        self.assertEqual(await self.spool.next_due(), NOW + 60)
        self.now += 60
        self.assertEqual(ids(await self.claimed()), [new.message.queue_id])

    async def test_leased_by_nobody(self) -> None:
        """A message that a runner adds after it has lost its lease waits for another one."""
        await self.spool.discharge(self.runner)
        await self.spool.add(message("a.test", state=State.LEASED), self.runner)
        self.runner = await self.spool.enlist(60)
        self.assertEqual(len(await self.claimed()), 1)

    async def test_added_twice(self) -> None:
        """Adding again when in doubt keeps one message."""
        new = message("a.test")
        await self.spool.add(new)
        await self.spool.add(new)
        usage = await self.spool.usage()
        self.assertEqual(usage, Usage(1, new.message.size, {("normal", State.DUE): 1}, NOW))

    async def test_large(self) -> None:
        """A large message comes back octet for octet, from a file, in pieces."""
        pieces = [bytes([number]) * 70_001 for number in range(60)]
        new = message("a.test", content=Content(PiecesBody(pieces), b"X: y\r\n"))
        await self.spool.add(new)
        content = await self.spool.content(new.message.queue_id)
        self.addCleanup(content.body.discard)
        self.assertEqual(content.size, 6 + 60 * 70_001)
        self.assertEqual(content.octets(), b"X: y\r\n" + b"".join(pieces))
        self.assertTrue(all(len(piece) <= 64 * 1024 for piece in content.chunks()))
        self.assertEqual(content.head, content.octets()[: 64 * 1024])

    async def test_notices(self) -> None:
        """A notification is kept with the conclusion that it tells of, once."""
        new, notice = message("a.test", state=State.LEASED), message("example.test", account="")
        await self.spool.add(new, self.runner)
        conclusion = concluded(Claim(new.message, new.recipients), State.FAILED)
        conclusion = replace(conclusion, notices=[notice])
        self.assertTrue(await self.spool.conclude(self.runner, conclusion))
        self.assertFalse(await self.spool.conclude(self.runner, conclusion))
        self.assertEqual(ids(await self.claimed()), [notice.message.queue_id])

    async def test_notices_of_the_late(self) -> None:
        """Who is given up by a runner that lost its lease is told of, once, whoever had the work meanwhile."""
        new, notice = message("a.test", state=State.LEASED), message("example.test", account="")
        await self.spool.add(new, self.runner)
        late, self.runner = self.runner, await self.spool.enlist(900)
        self.now += 61
        await self.spool.take_over()
        (claim,) = await self.claimed()
        conclusion = concluded(claim, State.FAILED)
        self.assertFalse(await self.spool.conclude(late, replace(conclusion, notices=[notice])))
        again = replace(conclusion, notices=[message("example.test", account="")])
        self.assertFalse(await self.spool.conclude(self.runner, again))
        self.assertEqual(ids(await self.claimed()), [notice.message.queue_id])
