"""The queue in a PostgreSQL database, with a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.message.address import Address
from mailframe.message.content import Content, PiecesBody
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin, ProxyFacts, ProxyTLS, TLSFacts
from mailframe.message.status import MailframeError, Status
from mailframe.queue.interfaces import ISpool, ISpoolRecords, IWakes
from mailframe.queue.spool.postgresql.rows import (
    MESSAGE,
    message_of,
    message_row,
    recipient_of,
    recipient_row,
    status_of,
    status_text,
)
from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.values import (
    USUAL_LANE,
    Change,
    Claim,
    ClaimRequest,
    Closed,
    Conclusion,
    NewMessage,
    Place,
    QueuedMessage,
    QueuedRecipient,
    Selection,
    State,
    Usage,
)
from tests import postgres
from tests.strategies import addresses

NOW = 1_800_000_000.0
LATER = Status((4, 4, 1), "No answer from host")
GONE = Status((5, 1, 1), "No such mailbox here")
FINE = Status((2, 0, 0), "OK")


def message(
    *domains: str,
    due: float = NOW,
    state: State = State.DUE,
    lane: int = USUAL_LANE,
    content: Content | None = None,
    account: str = "alice@example.test",
    queue_id: str = "",
) -> NewMessage:
    """A message with a recipient at each of some domains."""
    recipients = [Recipient(Address(f"user{number}", domain)) for number, domain in enumerate(domains)]
    sender = Address("alice", "example.test")
    body = content or Content.of(b"Subject: hello\r\n\r\nhello\r\n")
    mail = MailObject(
        queue_id or new_queue_id(),
        Envelope(sender, recipients, {"ENVID": "x"}),
        body,
        Origin("S", "192.0.2.1"),
    )
    facts = QueuedMessage(
        mail.queue_id,
        Envelope(sender, [], {"ENVID": "x"}),
        mail.origin,
        NOW,
        NOW + 1000,
        lane,
        body.size,
        account,
    )
    queued = [
        QueuedRecipient(number, one, Place(f"remote:{one.forward_path.domain}"), state, due, NOW + 500)
        for number, one in enumerate(recipients)
    ]
    return NewMessage(facts, mail, queued)


def concluded(claim: Claim, state: State, **changes: object) -> Conclusion:
    """All recipients of a claim in one state."""
    return Conclusion(
        claim.message.queue_id,
        [replace(one, state=state, status=FINE, **changes) for one in claim.recipients],
    )


def ids(claims: Sequence[Claim]) -> list[str]:
    return [claim.message.queue_id for claim in claims]


ALL = ClaimRequest("normal", 100, 100)


class PostgreSQLCase(TestCase):
    """A spool on a database of its own, and a clock that only the test moves."""

    timeout = 30

    async def setUp(self) -> None:
        self.address = postgres.database(self)
        self.now = NOW
        self.spool = await self.another()
        self.runner = await self.spool.enlist(60)

    async def another(self, address: str = "") -> PostgreSQLSpool:
        spool = PostgreSQLSpool(
            address or self.address, reactor, lambda: self.now, connections=2, lease_seconds=lambda: self.now
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        return spool

    async def claimed(self, request: ClaimRequest = ALL) -> Sequence[Claim]:
        return await self.spool.claim(self.runner, request)


class KeepingTests(PostgreSQLCase):
    """What was added is there, is given out once, and is gone when all is done."""

    async def test_interfaces(self) -> None:
        """It is a spool with records, and wakes."""
        for interface in (ISpool, ISpoolRecords, IWakes):
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

    async def test_damaged(self) -> None:
        """Content that is not all there is a fault for now, never half a message."""
        new = message("a.test", content=Content.of(b"x" * 600_000))
        await self.spool.add(new)
        await self.spool.database.run(
            lambda connection: connection.execute("DELETE FROM spool_content WHERE piece = 2")
        )
        with self.assertRaises(MailframeError) as caught:
            await self.spool.content(new.message.queue_id)
        self.assertTrue(caught.exception.status.temporary)

    async def test_notices(self) -> None:
        """A notification is kept with the conclusion that it tells of, once."""
        new, notice = message("a.test", state=State.LEASED), message("example.test", account="")
        await self.spool.add(new, self.runner)
        conclusion = concluded(Claim(new.message, new.recipients), State.FAILED)
        conclusion = replace(conclusion, notices=[notice])
        self.assertTrue(await self.spool.conclude(self.runner, conclusion))
        self.assertFalse(await self.spool.conclude(self.runner, conclusion))
        self.assertEqual(ids(await self.claimed()), [notice.message.queue_id])


class ClaimingTests(PostgreSQLCase):
    """Who gets what, and in which order."""

    async def test_turns(self) -> None:
        """A destination with much mail does not keep another waiting."""
        for _ in range(20):
            await self.spool.add(message("big.test"))
        small = message("small.test")
        await self.spool.add(small)
        claims = await self.claimed(ClaimRequest("normal", 4, 3))
        self.assertIn(small.message.queue_id, ids(claims))
        self.assertEqual(len(claims), 4)
        self.assertEqual(len(await self.claimed(ClaimRequest("normal", 100, 5, {"remote:big.test": 7}))), 7)
        self.assertEqual(len(await self.claimed(ClaimRequest("normal", 100, 5, {"remote:big.test": 0}))), 0)
        self.assertEqual(len(await self.claimed(ClaimRequest("normal", 100, 0, {"remote:big.test": 2}))), 2)

    async def test_lanes(self) -> None:
        """Urgent mail goes first, but the rest moves, too."""
        usual = [message(f"u{number}.test") for number in range(8)]
        urgent = [message(f"v{number}.test", lane=0) for number in range(8)]
        for new in [*usual, *urgent]:
            await self.spool.add(new)
        claims = await self.claimed(ClaimRequest("normal", 8))
        self.assertEqual([claim.message.lane for claim in claims].count(0), 6)
        self.assertEqual(len(claims), 8)

    async def test_oldest_first(self) -> None:
        """At one destination, what is due the longest goes first, and what is not due does not."""
        new = [message("a.test", due=NOW + due) for due in (-1, -3, 5, -2)]
        for one in new:
            await self.spool.add(one)
        claims = await self.claimed(ClaimRequest("normal", 2))
        self.assertEqual(ids(claims), [new[1].message.queue_id, new[3].message.queue_id])
        self.assertEqual(len(await self.claimed()), 1)
        self.assertEqual(await self.spool.next_due(), NOW + 5)

    async def test_closed(self) -> None:
        """Nothing is tried at a closed destination; when its time is over one message is, until somebody says more."""
        for _ in range(3):
            await self.spool.add(message("a.test"))
        place = Place("remote:a.test")
        closed = Closed(place, NOW + 60, 2, LATER)
        await self.spool.close(closed)
        self.assertEqual(list(await self.spool.closed()), [closed])
        self.assertEqual(list(await self.claimed()), [])
        self.assertEqual(await self.spool.next_due(), NOW + 60)
        await self.spool.add(message("a.test"))
        self.assertEqual(list(await self.claimed()), [])
        self.now += 60
        self.assertEqual(len(await self.claimed()), 1)
        await self.spool.add(message("a.test", lane=0))
        self.assertEqual(list(await self.claimed()), [])
        await self.spool.open(place)
        self.assertEqual(len(await self.claimed()), 4)
        self.assertEqual(list(await self.spool.closed()), [])

    async def test_probe_of_the_dead(self) -> None:
        """When the runner dies that had the one message for a closed destination, another gets one."""
        await self.spool.add(message("a.test"))
        await self.spool.close(Closed(Place("remote:a.test"), NOW, 1, LATER))
        self.assertEqual(len(await self.claimed()), 1)
        await self.spool.discharge(self.runner)
        self.runner = await self.spool.enlist(60)
        self.assertEqual(len(await self.claimed()), 1)

    async def test_review(self) -> None:
        """What must be looked at is given out although its destination is closed."""
        new = message("a.test", due=NOW + 10_000)
        await self.spool.add(new)
        await self.spool.close(Closed(Place("remote:a.test"), NOW + 9000, 1, LATER))
        self.assertEqual(list(await self.spool.claim_for_review(self.runner, 10)), [])
        self.assertEqual(await self.spool.next_due(), NOW + 500)
        self.now += 500
        claims = await self.spool.claim_for_review(self.runner, 10)
        self.assertEqual(ids(claims), [new.message.queue_id])
        self.assertEqual(list(await self.spool.claim_for_review(self.runner, 10)), [])

    async def test_many_at_once(self) -> None:
        """Two nodes that claim at the same time never get the same message, and together get all."""
        other = await self.another()
        runners = [(self.spool, self.runner), (other, await other.enlist(60))]
        new = [message(f"d{number % 7}.test", lane=number % 3) for number in range(120)]
        await gatherResults([Deferred.fromCoroutine(self.spool.add(one)) for one in new])
        found: list[str] = []
        for _ in range(40):
            answers = await gatherResults(
                [
                    Deferred.fromCoroutine(spool.claim(runner, ClaimRequest("normal", 5)))
                    for spool, runner in runners * 2
                ]
            )
            found += [queue_id for claims in answers for queue_id in ids(claims)]
        self.assertEqual(sorted(found), sorted(one.message.queue_id for one in new))


class LeaseTests(PostgreSQLCase):
    """What a dead runner had is taken up by others."""

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

    async def test_database_clock(self) -> None:
        """Without a clock of its own for leases, a node goes by the database's."""
        spool = PostgreSQLSpool(self.address, reactor, lambda: 0.0, connections=1)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        runner, short = await spool.enlist(60), await spool.enlist(-1)
        await spool.take_over()
        self.assertTrue(await spool.renew(runner, 60))
        self.assertFalse(await spool.renew(short, 60))

    async def test_killed(self) -> None:
        """A node that is killed while it holds leases loses nothing: another one gets all that it had."""
        for _ in range(5):
            await self.spool.add(message("a.test"))
        process = subprocess.Popen(
            [sys.executable, "-c", NODE, self.address],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.addCleanup(process.stdout.close)
        line = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        self.assertEqual(line, b"claimed 5\n")
        self.assertEqual(list(await self.claimed()), [])
        self.now += 30
        self.assertEqual(await self.spool.take_over(), 5)
        self.assertEqual(len(await self.claimed()), 5)


NODE = f"""
import asyncio, sys, time
from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool
from mailframe.queue.values import ClaimRequest
async def main():
    spool = PostgreSQLSpool(sys.argv[1], None, lambda: {NOW}, lease_seconds=lambda: {NOW})
    await spool.start()
    runner = await spool.enlist(30)
    print("claimed", len(await spool.claim(runner, ClaimRequest("normal", 100, 100))), flush=True)
    time.sleep(60)
from twisted.internet.defer import Deferred
Deferred.fromCoroutine(main()).addErrback(print)
"""


class RecordsTests(PostgreSQLCase):
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
        found = await self.spool.listing(
            Selection(reason="4.4.1 no ANSWER from", account="Alice@example.test")
        )
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


class AwayTests(TestCase):
    """The database goes away and comes back."""

    timeout = 60

    async def test_stopped_and_started(self) -> None:
        """While the server is down all is refused for now; when it is back all goes on, and nothing is lost."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        server.start()
        spool = PostgreSQLSpool(server.address("postgres"), reactor, lambda: NOW, connections=2)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        woken: list[None] = []
        spool.watch(lambda: woken.append(None))
        await spool.start()
        runner = await spool.enlist(600)
        kept = message("a.test")
        await spool.add(kept)
        server.stop()
        for _ in range(3):
            with self.assertRaises(MailframeError) as caught:
                await spool.add(message("b.test"))
            self.assertTrue(caught.exception.status.temporary)
        server.start()
        claims = await spool.claim(runner, ALL)
        self.assertEqual(ids(claims), [kept.message.queue_id])
        woken.clear()
        while not woken:
            # The listening connection comes back by itself.
            await deferLater(reactor, 0.05)

    async def test_restarted_between(self) -> None:
        """A server that was started again between two questions is not noticed."""
        server = postgres.Server()
        self.addCleanup(server.remove)
        server.start()
        spool = PostgreSQLSpool(server.address("postgres"), reactor, lambda: NOW, connections=2)
        self.addCleanup(lambda: Deferred.fromCoroutine(spool.stop()))
        await spool.start()
        await spool.add(message("a.test"))
        server.stop()
        server.start()
        await spool.add(message("a.test"))
        self.assertEqual((await spool.usage()).messages, 2)


class WakingTests(PostgreSQLCase):
    """Nodes hear of each other's mail."""

    async def test_woken(self) -> None:
        """Another node is told when there is something to do."""
        other = await self.another()
        heard: Deferred[None] = Deferred()
        while other._listening is None or not other._listening.connected:
            await deferLater(reactor, 0.01)
        other.watch(lambda: None if heard.called else heard.callback(None))
        await self.spool.add(message("a.test"))
        await heard


def _texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


class RowTests(SynchronousTestCase):
    """What is written comes back as it was, through the database itself."""

    def setUp(self) -> None:
        self.address = postgres.database(self)

    @settings(max_examples=40)
    @given(
        st.lists(addresses(smtputf8=True), min_size=1, max_size=4),
        st.none() | addresses(smtputf8=True),
        st.dictionaries(_texts(), st.none() | _texts(), max_size=3),
        _texts(),
    )
    def test_there_and_back(self, paths, sender, parameters, text: str) -> None:
        """Addresses, parameters and facts of any kind survive."""
        proxy = ProxyFacts("192.0.2.9", tls=ProxyTLS(True, text), extensions=((1, b"\x00\xff"),))
        origin = Origin(
            "S", text, helo=text, tls=TLSFacts("TLSv1.3", text, 128), attributes={text: text}, proxy=proxy
        )
        mail = QueuedMessage("Q", Envelope(sender, [], parameters), origin, 1.5, 2.5, 3, 4, text, text)
        self.assertEqual(message_of(_selected(message_row(mail))), mail)
        for number, path in enumerate(paths):
            status = Status((4, 2, 1), text, "WORD", 451)
            recipient = QueuedRecipient(
                number,
                Recipient(path, parameters),
                Place(text),
                State.HELD,
                1.0,
                float("inf"),
                3,
                True,
                status,
                text,
                9.0,
            )
            row = recipient_row("Q", 3, recipient, None)
            back = recipient_of((row[1], row[4], row[3], row[5], row[6], row[7], *row[9:17]))
            self.assertEqual(back, recipient)

    @given(st.text(max_size=20))
    def test_status(self, text: str) -> None:
        """A status of any text can be kept."""
        status = status_of(status_text(Status((5, 0, 0), text)))
        assert status is not None
        status.text.encode()
        self.assertNotIn("\x00", status.text)


def _selected(row: tuple) -> tuple:
    """The columns of `MESSAGE`: the row without the text that patterns are compared with."""
    assert MESSAGE.count(",") == len(row) - 2
    return (row[0], *row[2:])
