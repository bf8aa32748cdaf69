"""Held mail in a directory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.spill import Spill
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin, TLSFacts
from mailframe.message.status import MailframeError
from mailframe.queue import record as files
from mailframe.queue.claim import Claim, State
from mailframe.queue.held import HeldMail
from mailframe.queue.record import BadRecord, Progress, outcome
from tests.strategies import addresses

BOB = Recipient(Address("bob", "example.test"), {"NOTIFY": "NEVER"})
ROOT = str(Path(__file__).parents[2])


def message(octets: bytes = b"Subject: x\r\n\r\nbody\r\n", recipients: int = 1) -> MailObject:
    """A message from Alice."""
    origin = Origin("S", "192.0.2.1", helo="c.test", extended=True, login="alice@example.test")
    envelope = Envelope(Address("alice", "example.test"), [BOB] * recipients, {"SIZE": "10"})
    return MailObject(new_queue_id(), envelope, Content.of(octets), origin)


class HeldCase(SynchronousTestCase):
    """A directory."""

    def setUp(self) -> None:
        self.now = 1_700_000_000.0
        self.held = self.make()

    def make(self, **options: int) -> HeldMail:
        self.path = self.mktemp()
        held = HeldMail(self.path, seconds=lambda: self.now, **options)
        held.prepare()
        return held

    def names(self, state: State) -> list[str]:
        return [one.record.queue_id for one in self.held.listing([state])]

    def claimed(self) -> Claim:
        claim = self.held.claim_due()
        assert claim is not None
        self.addCleanup(claim.close)
        return claim


class HoldingTests(HeldCase):
    """What is held is there, whole."""

    def test_whole(self) -> None:
        """Envelope, origin and content come back as they were; the reason and the time are told."""
        mail = message(recipients=2)
        mail.origin.tls = TLSFacts("TLSv1.3", "X", 256, "name")
        self.held.add(mail, "too much")
        (held,) = self.held.listing()
        self.assertEqual(
            (held.state, held.record.reason, held.record.held_at), (State.HELD, "too much", self.now)
        )
        self.assertEqual((held.record.envelope, held.record.origin), (mail.envelope, mail.origin))
        self.assertEqual(held.progress.pending, (0, 1))
        self.assertEqual(self.content(mail.queue_id), mail.content.octets())

    def content(self, queue_id: str) -> bytes:
        claim = self.held.claim(queue_id, [State.HELD])
        assert claim is not None
        mail = claim.mail()
        octets = mail.content.octets()
        mail.content.body.discard()
        claim.close()
        return octets

    @given(
        st.binary(max_size=300),
        st.lists(addresses(smtputf8=True), max_size=4),
        st.none() | addresses(smtputf8=True),
        st.text(max_size=20),
    )
    def test_any(self, octets: bytes, recipients: list[Address], sender: Address | None, reason: str) -> None:
        """Whatever was accepted can be held: any octets, any addresses, any reason."""
        held = HeldMail(tempfile.mkdtemp(dir=self.path))
        held.prepare()
        envelope = Envelope(sender, [Recipient(one, {"ORCPT": None}) for one in recipients])
        mail = MailObject("ID", envelope, Content.of(octets), Origin("S", "unix", helo=reason))
        held.add(mail, reason)
        found = held.find("ID")
        assert found is not None
        self.assertEqual((found.record.envelope, found.record.reason), (envelope, reason))
        claim = held.claim("ID", list(State))
        assert claim is not None
        again = claim.mail()
        self.assertEqual(again.content.octets(), octets)
        again.content.body.discard()
        claim.close()

    def test_large(self) -> None:
        """A large message goes from one file to the other."""
        spill = Spill(tempfile.gettempdir())
        for number in range(100):
            spill.write(bytes([number]) * 100_000)
        mail = message().with_content(spill.finish().with_prefix(b"A: b\r\n"))
        self.addCleanup(mail.content.body.discard)
        self.held.add(mail, "large")
        self.assertEqual(self.content(mail.queue_id), mail.content.octets())

    def test_private(self) -> None:
        """Nobody else may look at the directory."""
        self.addCleanup(os.umask, os.umask(0))
        self.held = self.make()
        self.held.add(message(), "x")
        for place, _, names in os.walk(self.path):
            for name in ("", *names):
                self.assertEqual(os.stat(os.path.join(place, name)).st_mode & 0o077, 0, (place, name))

    def test_order(self) -> None:
        """They are listed oldest first."""
        mails = [message() for _ in range(3)]
        for mail in sorted(mails, key=lambda one: one.queue_id, reverse=True):
            self.held.add(mail, "x")
        self.assertEqual(self.names(State.HELD), sorted(mail.queue_id for mail in mails))

    def test_no_room(self) -> None:
        """There is room for so many messages and octets; more is refused for now, and nothing is left of it."""
        for options in ({"messages_limit": 2}, {"size_limit": 2000}):
            held = self.make(**options)
            octets = b"x" * 600
            held.add(message(octets), "x")
            held.add(message(octets), "x")
            error = self.assertRaises(MailframeError, held.add, message(octets), "x")
            self.assertEqual(error.status.code, "4.3.1")
            self.now += 5
            self.assertRaises(MailframeError, held.add, message(octets), "x")
            (first, *_) = held.listing()
            held.delete(first.record.queue_id)
            self.now += 5
            held.add(message(octets), "x")

    def test_names(self) -> None:
        """No id leads out of the directory."""
        for name in ("../x", "", "a/b", ".", "a" * 65, "x\0"):
            mail = message()
            self.assertRaises(
                ValueError, self.held.add, MailObject(name, mail.envelope, mail.content, mail.origin), ""
            )
            self.assertIsNone(self.held.find(name))
            self.assertIsNone(self.held.claim(name, list(State)))
            self.assertFalse(self.held.release(name) or self.held.delete(name))

    def test_broken_disk(self) -> None:
        """What could not be written whole is not held."""
        for broken in ("fsync", "rename"):
            with self.broken(broken):
                self.assertRaises(OSError, self.held.add, message(), "x")
            self.assertEqual(list(self.held.listing()), [])
            self.assertEqual(os.listdir(os.path.join(self.path, "new")), [])

    def test_not_surely(self) -> None:
        """What may not be there after a power failure is refused, so nothing of it may stay."""
        with mock.patch.object(HeldMail, "flush", side_effect=OSError(errno.EIO, "broken")):
            self.assertRaises(OSError, self.held.add, message(), "x")
        self.assertEqual(list(self.held.listing()), [])

    def broken(self, function: str) -> Any:
        """A context in which a function of ``os`` fails."""
        return mock.patch.object(os, function, side_effect=OSError(errno.EIO, "broken"))

    def test_leftovers(self) -> None:
        """What a crash left unfinished is thrown away when it is nobody's any more."""
        path = Path(self.path, "new", "LEFT")
        path.write_bytes(b"half")
        os.utime(path, (self.now - 1000, self.now - 1000))
        self.held.prepare()
        self.assertTrue(path.exists())
        os.utime(path, (self.now - 90_000, self.now - 90_000))
        self.held.prepare()
        self.assertFalse(path.exists())

    def test_damaged(self) -> None:
        """A damaged file is left alone and does not hide the others."""
        self.held.add(message(), "x")
        good = self.names(State.HELD)
        for name, octets in (
            ("BAD1", b""),
            ("BAD2", b"{}\n"),
            ("BAD3", b'{"version":9}\n'),
            ("BAD4", b"\xff\n[]\n"),
        ):
            Path(self.path, "held", name).write_bytes(octets)
            self.assertRaises(BadRecord, self.held.release, name)
        self.assertEqual(self.names(State.HELD), good)
        Path(self.path, "released", "BAD5").write_bytes(b"{}\n")
        self.assertIsNone(self.held.claim_due())
        self.assertEqual(len(self.held.damaged), 5)

    def test_damaged_in_any_way(self) -> None:
        """A number that cannot be, or a name that is another's, is damage; what is due behind it is found."""
        self.held.add(message(), "x")
        (name,) = self.names(State.HELD)
        octets = Path(self.path, "held", name).read_bytes()
        self.assertTrue(self.held.release(name))
        for number, (old, new) in enumerate(
            (
                (b'"size":20', b'"size":-9'),
                (b'"size":20', b'"size":99'),
                (b'"size":20', b'"size":1e999'),
                (b'"pending":[0]', b'"pending":[1]'),
                (b'"pending":[0]', b'"pending":["x"]'),
                (b'"failed":[]', b'"failed":[[7,"x"]]'),
                (b'"due":0.0', b'"due":null'),
                (b'"reason"', b'"reasons"'),
                (b'"queue_id":"', b'"queue_id":"../'),
                (b'{"version"', b"[" * 100_000 + b'{"version"'),
                (b"", b""),
            )
        ):
            self.assertIn(old, octets)
            for place in ("sending", "released"):
                Path(self.path, place, f"0{number}").write_bytes(octets.replace(old, new))
        self.assertEqual(self.claimed().record.queue_id, name)
        self.assertEqual(self.names(State.RELEASED), [])

    def test_not_ours(self) -> None:
        """A file that cannot be opened is passed over."""
        self.held.add(message(), "x")
        (name,) = self.names(State.HELD)
        self.held.release(name)
        for place in ("sending", "released"):
            os.symlink("0LOOP", Path(self.path, place, "0LOOP"))
        self.assertEqual(self.claimed().record.queue_id, name)


class StateTests(HeldCase):
    """A message goes from state to state, and is in one of them at any time."""

    def setUp(self) -> None:
        super().setUp()
        self.mail = message(recipients=3)
        self.held.add(self.mail, "x")
        self.queue_id = self.mail.queue_id

    def test_released(self) -> None:
        """Nothing goes before it was released; then it goes once."""
        self.assertIsNone(self.held.claim_due())
        self.assertTrue(self.held.release(self.queue_id))
        self.assertFalse(self.held.release(self.queue_id))
        claim = self.claimed()
        self.assertEqual((claim.state, claim.progress.pending), (State.SENDING, (0, 1, 2)))
        self.assertIsNone(self.held.claim_due())
        self.assertIsNone(HeldMail(self.path).claim_due())
        self.assertFalse(self.held.delete(self.queue_id))
        claim.remove()
        claim.close()
        self.assertEqual(list(self.held.listing()), [])
        self.assertIsNone(self.held.claim_due())

    def test_again_later(self) -> None:
        """What could not be delivered waits until it is due, and goes to those who have not got it."""
        self.held.release(self.queue_id)
        claim = self.claimed()
        progress = outcome(claim.progress, self.now, [0], {2: "5.1.1 no"})
        claim.note(files.Progress(**{**as_fields(progress), "due": self.now + 60}))
        claim.move(State.RELEASED)
        claim.close()
        self.assertIsNone(self.held.claim_due())
        self.now += 59
        self.assertIsNone(self.held.claim_due())
        self.now += 2
        claim = self.claimed()
        self.assertEqual((claim.progress.pending, claim.progress.failed), ((1,), {2: "5.1.1 no"}))
        self.assertEqual(claim.progress.attempts, 1)

    def test_failed(self) -> None:
        """What failed is kept, and can be released again to those who did not get it."""
        self.held.release(self.queue_id)
        claim = self.claimed()
        claim.note(outcome(claim.progress, self.now, [0, 2], {1: "5.1.1 no"}))
        claim.move(State.FAILED)
        claim.close()
        self.assertIsNone(self.held.claim_due())
        (held,) = self.held.listing([State.FAILED])
        self.assertEqual(held.progress.failed, {1: "5.1.1 no"})
        self.assertTrue(self.held.release(self.queue_id))
        self.assertEqual(self.claimed().progress.pending, (1,))

    def test_dead_process(self) -> None:
        """What a dead process was sending is taken up by the next."""
        self.held.release(self.queue_id)
        self.claimed().close()  # what the kernel does when a process dies
        (held,) = self.held.listing([State.SENDING])
        self.assertEqual(held.record.queue_id, self.queue_id)
        self.assertEqual(self.claimed().record.queue_id, self.queue_id)

    def test_deleted(self) -> None:
        """Held, released and failed mail can be thrown away."""
        self.assertTrue(self.held.delete(self.queue_id))
        self.assertFalse(self.held.delete(self.queue_id))
        self.held.add(self.mail, "x")
        self.held.release(self.queue_id)
        self.assertTrue(self.held.delete(self.queue_id))
        self.assertIsNone(self.held.find(self.queue_id))

    def test_moved_while_opening(self) -> None:
        """Whoever opened the file before somebody else moved it does not get it."""
        real = __import__("fcntl").flock

        def late(file: Any, operation: int) -> None:
            self.patch(__import__("fcntl"), "flock", real)
            self.assertTrue(HeldMail(self.path).release(self.queue_id))
            real(file, operation)

        self.patch(__import__("fcntl"), "flock", late)
        self.assertIsNone(self.held.claim(self.queue_id, [State.HELD]))
        self.assertEqual(self.names(State.RELEASED), [self.queue_id])

    def test_two_processes(self) -> None:
        """Another process that has the message keeps us from it until it ends, however it ends."""
        self.held.release(self.queue_id)
        program = (
            "import sys\nfrom mailframe.queue.held import HeldMail\n"
            f"claim = HeldMail({os.path.abspath(self.path)!r}, seconds=lambda: {self.now + 1}).claim_due()\n"
            "print(claim.record.queue_id, flush=True)\nsys.stdin.read()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        assert process.stdin is not None
        self.assertEqual(process.stdout.readline().decode().strip(), self.queue_id)
        self.assertIsNone(self.held.claim_due())
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
        self.assertEqual(self.claimed().record.queue_id, self.queue_id)

    def test_torn_line(self) -> None:
        """A line that a crash cut short does not count, and the next takes its place."""
        path = Path(self.path, "held", self.queue_id)
        with open(path, "ab") as file:
            file.write(b'{"at":1,"pend')
        found = self.held.find(self.queue_id)
        assert found is not None
        self.assertEqual(found.progress.pending, (0, 1, 2))
        self.assertTrue(self.held.release(self.queue_id))
        self.assertEqual(self.claimed().progress.released, self.now)

    @given(st.data())
    def test_any_order(self, data: st.DataObject) -> None:
        """Whatever is done in whatever order, and whoever dies: each message is in one place until all have got it."""
        held = HeldMail(tempfile.mkdtemp(dir=self.path), seconds=lambda: self.now)
        held.prepare()
        mail = message(recipients=2)
        held.add(mail, "x")
        left = {0, 1}
        for _ in range(data.draw(st.integers(0, 8))):
            step: Callable[[], object] = data.draw(
                st.sampled_from([lambda: held.release(mail.queue_id), lambda: self.deliver(held, left, data)])
            )
            step()
            places = [one.state for one in held.listing()]
            self.assertEqual(len(places), 1 if left else 0)
            if not left:
                return

    def deliver(self, held: HeldMail, left: set[int], data: st.DataObject) -> None:
        """One attempt, that may die at any step."""
        claim = held.claim_due()
        if claim is None:
            return
        dies = data.draw(st.integers(0, 3))
        failed = {number: "no" for number in claim.progress.pending if data.draw(st.booleans())}
        done = set(claim.progress.pending) - set(failed)
        progress = outcome(claim.progress, self.now, done, failed)
        if dies > 0 and progress.failed:
            claim.note(progress)
        if dies > 1 and progress.failed:
            claim.move(State.FAILED)
        if dies > 0 and not progress.failed:
            claim.remove()
            left.clear()
        claim.close()


def as_fields(progress: Progress) -> dict[str, Any]:
    """The fields of a progress."""
    return {name: getattr(progress, name) for name in Progress.__slots__}
