"""What is particular to the spool in SQLite: files beside it, full disks, and what others left behind."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.message.content import Content
from mailframe.message.status import STORAGE_FULL, MailframeError
from mailframe.queue.spool.sqlite.bodies import UNFINISHED, Bodies
from mailframe.queue.spool.sqlite.leases import UNKNOWN, Locks
from mailframe.queue.spool.sqlite.reserve import RESERVE
from mailframe.queue.spool.sqlite.spool import CLOSED_KEPT, SWEPT, SQLiteSpool
from mailframe.queue.values import Claim, ClaimRequest, Closed, Place, State
from mailframe.testing.spool.fixture import ALL, LATER, NOW, concluded, message

LARGE = Content.of(b"y" * 1000)


def files(path: str) -> list[str]:
    """Names of all contents that lie in files."""
    return sorted(name for _, _, names in os.walk(os.path.join(path, "content")) for name in names)


class SpoolTestCase(SynchronousTestCase):
    """A spool without a reactor: all is done at once."""

    def setUp(self) -> None:
        """Contents over 100 octets are in files."""
        self.now = NOW
        self.path = self.mktemp()
        self.spool = self.another()
        self.runner = self.do(self.spool.enlist(60))

    def another(self) -> SQLiteSpool:
        """Another process on the same mail."""
        spool = SQLiteSpool(self.path, None, row_limit=100, seconds=lambda: self.now)
        self.do(spool.start())
        self.addCleanup(lambda: self.do(spool.stop()))
        return spool

    def do(self, coroutine):
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def fails(self, coroutine) -> MailframeError:
        return self.failureResultOf(Deferred.fromCoroutine(coroutine), MailframeError).value


class FullDiskTests(SpoolTestCase):
    """A full disk refuses mail for now, and what is there stays whole."""

    def fill(self) -> None:
        """The database cannot grow by a page."""
        self.pages(1)

    def room(self) -> None:
        """It can again."""
        self.pages(2**30)

    def pages(self, number: int) -> None:
        """How many pages the database may have, or as many as it has."""
        limited = self.spool._database.run(lambda connection: connection.pragma("max_page_count", number))
        self.successResultOf(limited)

    def test_rows(self) -> None:
        """When the database cannot grow, a message is refused with 4.3.1; with room again it is taken."""
        before = message("a.test")
        self.do(self.spool.add(before))
        self.fill()
        new = message("a.test", content=Content.of(b"x" * 90))
        for count in range(500):
            facts = replace(new.message, queue_id=f"F{count}")
            add = Deferred.fromCoroutine(self.spool.add(replace(new, message=facts)))
            failed: list = []
            add.addErrback(failed.append)
            if failed:
                break
        self.assertEqual(failed[0].value.status, STORAGE_FULL)
        usage = self.do(self.spool.usage())
        self.assertEqual(usage.messages, 1 + count)
        self.room()
        self.do(self.spool.add(new))
        self.assertEqual(self.do(self.spool.usage()).messages, 2 + count)
        self.assertIsNotNone(self.do(self.spool.find(before.message.queue_id)))

    def test_file(self) -> None:
        """When a large message cannot be written down as a file, nothing of it is left."""
        new = message("a.test", content=LARGE)

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "full")

        patch = self.patch(os, "fsync", full)
        self.assertEqual(self.fails(self.spool.add(new)).status, STORAGE_FULL)
        patch.restore()
        self.assertEqual(files(self.path), [])
        self.assertIsNone(self.do(self.spool.find(new.message.queue_id)))
        self.do(self.spool.add(new))
        self.assertEqual(self.do(self.spool.content(new.message.queue_id)).octets(), LARGE.octets())

    def test_row_of_a_file(self) -> None:
        """When the file can be written but its row cannot, the file goes."""
        new = message("a.test", content=LARGE)
        new = replace(new, message=replace(new.message, reason="x" * 100_000))
        self.fill()
        self.assertEqual(self.fails(self.spool.add(new)).status, STORAGE_FULL)
        self.assertEqual(files(self.path), [])
        self.room()
        self.do(self.spool.add(new))
        self.assertEqual(files(self.path), [new.message.queue_id])


class ReserveTests(SpoolTestCase):
    """Room is kept for what empties the queue."""

    def test_last_room(self) -> None:
        """On a full disk mail still goes out; none comes in until there is so much room again."""
        new = message("a.test")
        self.do(self.spool.add(new))
        path = os.path.join(self.path, "reserve")
        run = self.spool._database.run

        def full_run(unit):
            if os.path.exists(path):
                return fail(MailframeError(STORAGE_FULL, "full"))
            return run(unit)

        def full(descriptor: int, start: int, octets: int) -> None:
            raise OSError(errno.ENOSPC, "full")

        self.patch(self.spool._database, "run", full_run)
        room = self.patch(os, "posix_fallocate", full)
        self.assertEqual(self.fails(self.spool.add(message("b.test"))).status, STORAGE_FULL)
        self.assertTrue(os.path.exists(path))
        (claim,) = self.do(self.spool.claim(self.runner, ALL))
        self.assertFalse(os.path.exists(path))
        self.assertTrue(self.do(self.spool.conclude(self.runner, concluded(claim, State.DELIVERED))))
        self.assertEqual(self.fails(self.spool.add(message("b.test"))).status, STORAGE_FULL)
        self.patch(self.spool._database, "run", run)
        room.restore()
        self.do(self.spool.add(message("b.test")))
        self.assertEqual(os.stat(path).st_size, RESERVE)

    def test_nothing_left(self) -> None:
        """Where the reserve is spent, too, a claim fails for now."""
        self.patch(self.spool._database, "run", lambda unit: fail(MailframeError(STORAGE_FULL, "full")))
        self.assertEqual(self.fails(self.spool.claim(self.runner, ALL)).status, STORAGE_FULL)
        self.assertEqual(self.fails(self.spool.claim(self.runner, ALL)).status, STORAGE_FULL)


class FileTests(SpoolTestCase):
    """Large contents are in files as long as somebody needs them."""

    def test_gone(self) -> None:
        """The file goes with its message, and whoever reads it reads on."""
        new = message("a.test", content=LARGE)
        self.do(self.spool.add(new))
        self.assertEqual(files(self.path), [new.message.queue_id])
        (claim,) = self.do(self.spool.claim(self.runner, ALL))
        self.assertIsNone(claim.content)
        content = self.do(self.spool.content(new.message.queue_id))
        self.addCleanup(content.body.discard)
        self.do(self.spool.conclude(self.runner, concluded(claim, State.DELIVERED)))
        self.assertEqual(files(self.path), [])
        self.assertEqual(content.octets(), LARGE.octets())

    def test_damaged(self) -> None:
        """A file that is not as long as it should be, or is missing, is a fault for now: somebody may bring it back."""
        new = message("a.test", content=LARGE)
        self.do(self.spool.add(new))
        queue_id = new.message.queue_id
        path = os.path.join(self.path, "content", queue_id[-2:], queue_id)
        os.truncate(path, 10)
        self.assertFalse(self.fails(self.spool.content(queue_id)).status.permanent)
        os.unlink(path)
        self.assertFalse(self.fails(self.spool.content(queue_id)).status.permanent)

    def test_again_over_half_a_file(self) -> None:
        """Adding again after half a file was left by a fault keeps the whole message."""
        new = message("a.test", content=LARGE)
        queue_id = new.message.queue_id
        place = os.path.join(self.path, "content", queue_id[-2:])
        os.makedirs(place)
        for name in (queue_id, f"{queue_id}.new"):
            with open(os.path.join(place, name), "wb") as file:
                file.write(b"half")
        self.do(self.spool.add(new))
        self.assertEqual(self.do(self.spool.content(queue_id)).octets(), LARGE.octets())
        self.assertEqual(files(self.path), [queue_id])

    def test_large_notice(self) -> None:
        """A large notification lies in a file like other large mail, and nothing of it is kept when the lease was lost."""
        new, notice = message("a.test", state=State.LEASED), message("example.test", content=LARGE)
        self.do(self.spool.add(new, self.runner))
        conclusion = replace(concluded(Claim(new.message, new.recipients), State.FAILED), notices=[notice])
        self.assertFalse(
            self.do(
                self.spool.conclude(
                    "somebody",
                    replace(
                        conclusion,
                        recipients=[replace(one, state=State.DUE) for one in conclusion.recipients],
                    ),
                )
            )
        )
        self.assertEqual(files(self.path), [])
        self.assertTrue(self.do(self.spool.conclude(self.runner, conclusion)))
        self.assertEqual(files(self.path), [notice.message.queue_id])
        self.assertEqual(self.do(self.spool.content(notice.message.queue_id)).octets(), LARGE.octets())


class SweepTests(SpoolTestCase):
    """What nobody needs any more is thrown away in time."""

    def test_files(self) -> None:
        """Files without a message go when they are old; those of messages and young ones stay."""
        new = message("a.test", content=LARGE)
        self.do(self.spool.add(new))
        bodies = Bodies(os.path.join(self.path, "content"))
        for name in ("OLD", "YOUNG"):
            bodies.write(name, LARGE)
        old = time.time() - UNFINISHED - 60
        for name in ("OLD", new.message.queue_id):
            os.utime(os.path.join(self.path, "content", name[-2:], name), (old, old))
        self.assertEqual(self.do(self.spool.sweep()), 1)
        self.assertEqual(files(self.path), sorted(["YOUNG", new.message.queue_id]))

    def test_by_itself(self) -> None:
        """It is swept at the first look for the dead, and then every hour."""
        swept = []
        self.patch(self.spool._files, "sweep", lambda: swept.append(self.now) or _nothing())
        for seconds in (0, 10, SWEPT, 10):
            self.now += seconds
            self.do(self.spool.take_over())
        self.assertEqual(swept, [NOW, NOW + 10 + SWEPT])

    def test_closed(self) -> None:
        """What is known of destinations that were closed a week ago is forgotten."""
        self.do(self.spool.close(Closed(Place("remote:a.test"), NOW, 9, LATER)))
        self.now += CLOSED_KEPT + 1
        self.do(self.spool.sweep())
        self.now = NOW - 10
        self.assertEqual(list(self.do(self.spool.closed())), [])

    def test_runners(self) -> None:
        """Files of runners that died before they were enlisted go; those of the living stay."""
        path = os.path.join(self.path, "runners")
        with open(os.path.join(path, "1-dead"), "w"):
            pass
        old = time.time() - UNKNOWN - 60
        for name in os.listdir(path):
            os.utime(os.path.join(path, name), (old, old))
        self.do(self.spool.sweep())
        self.assertEqual(os.listdir(path), [self.runner])


class RunnerTests(SpoolTestCase):
    """The dead are told from the living at once, on one machine."""

    def test_dead(self) -> None:
        """What a process had that is gone is taken over long before its lease ends; the living keep theirs."""
        other = self.another()
        gone = self.do(other.enlist(3600))
        new = message("a.test", state=State.LEASED)
        self.do(other.add(new, gone))
        self.assertEqual(self.do(self.spool.take_over()), 0)
        # As when it is killed: the system lets go of its locks, and nothing else happens.
        for descriptor in other._locks._held.values():
            os.close(descriptor)
        other._locks._held.clear()
        self.assertEqual(self.do(self.spool.take_over()), 1)
        self.assertEqual(len(self.do(self.spool.claim(self.runner, ALL))), 1)

    def test_names(self) -> None:
        """No two runners have one name, and nobody else holds a living one's."""
        locks = [Locks(self.path) for _ in range(2)]
        first, second = [one.hold() for one in locks]
        self.assertNotEqual(first, second)
        self.assertFalse(locks[0].dead(second))
        self.assertFalse(locks[0].dead(first))
        locks[1].close()
        self.assertTrue(locks[0].dead(second))
        locks[0].close()


class ManyTests(SpoolTestCase):
    """Much is done in small pieces, so that others come in between."""

    def test_after_a_night(self) -> None:
        """Thousands of destinations that are due at once are all served, by several claims."""
        new = message(*(f"d{number}.test" for number in range(2500)), due=NOW + 5)
        self.do(self.spool.add(new))
        self.now += 10
        found = []
        while claims := self.do(self.spool.claim(self.runner, ClaimRequest("normal", 600))):
            found += [one.number for claim in claims for one in claim.recipients]
        self.assertEqual(sorted(found), list(range(2500)))

    def test_flush(self) -> None:
        """Thousands of recipients are flushed, once each; what was given up stays so."""
        new = message(*(["a.test"] * 2500), due=NOW + 500)
        given_up = replace(new.recipients[7], due=float("inf"))
        recipients = [given_up if one.number == 7 else one for one in new.recipients]
        self.do(self.spool.add(replace(new, recipients=recipients)))
        self.assertEqual(self.do(self.spool.flush()), 2499)
        claims = [self.do(self.spool.claim(self.runner, ALL)) for _ in range(3)]
        self.assertEqual([len(claim.recipients) for found in claims for claim in found], [1000, 1000, 499])


class CancelTests(TestCase):
    """Whoever gives up waiting does no harm."""

    timeout = 20

    async def test_add(self) -> None:
        """A large message whose sender hangs up in the last moment is kept whole, or not at all."""
        for turns in range(6):
            spool = SQLiteSpool(self.mktemp(), reactor, row_limit=100)
            await spool.start()
            new = message("a.test", content=LARGE)
            adding = Deferred.fromCoroutine(spool.add(new))
            for _ in range(turns):
                await _turn()
            adding.cancel()
            try:
                await adding
            except (CancelledError, MailframeError):
                pass
            found = await spool.find(new.message.queue_id)
            if found is not None:
                content = await spool.content(new.message.queue_id)
                self.assertEqual(content.octets(), LARGE.octets())
                content.body.discard()
            await spool.stop()


def _turn() -> Deferred[None]:
    later: Deferred[None] = Deferred()
    reactor.callLater(0.001, later.callback, None)
    return later


async def _nothing() -> int:
    return 0
