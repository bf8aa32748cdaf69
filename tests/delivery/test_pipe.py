"""Handing mail to programs, and throwing it away."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import Duration, Size
from mailframe.delivery import running
from mailframe.delivery.discard import DiscardDelivery
from mailframe.delivery.interfaces import IAttempts, IDelivery
from mailframe.delivery.options import PipeOptions
from mailframe.delivery.pipe import PipeDelivery, _with_lf
from mailframe.delivery.sysexits import status_of_exit
from mailframe.delivery.values import Attempt
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.routing.interfaces import Route

CONTENT = b"Subject: x\r\n\r\nHello\r\n"


def mail(*names: str, content: bytes = CONTENT) -> MailObject:
    """A message."""
    recipients = [Recipient(Address(name, "example.test")) for name in names or ("bob",)]
    return MailObject(
        "ID1",
        Envelope(Address("alice", "example.test"), recipients),
        Content.of(content),
        Origin("S", "192.0.2.1"),
    )


def alive(pid: int) -> bool:
    """Does a process run? One that nobody has buried yet does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class PipeTests(TestCase):
    """Real processes."""

    timeout = 30

    def setUp(self) -> None:
        self.place = os.path.abspath(self.mktemp())
        os.makedirs(self.place)

    def pipe(self, script: str, *arguments: str, **values: Any) -> PipeDelivery:
        """A delivery to a script in Python; it runs in a directory of its own."""
        values.setdefault("directory", self.place)
        command = [sys.executable, "-I", "-S", "-c", script, *arguments]
        return PipeDelivery(reactor, PipeOptions(command=command, **values))

    async def attempt(self, delivery: PipeDelivery, message: MailObject) -> Sequence[Attempt]:
        """One attempt."""
        routes = [Route(way="pipe")] * len(message.envelope.recipients)
        return await delivery.attempt(message, routes, age=0.0)

    def read(self, name: str) -> bytes:
        """What a script wrote."""
        with open(os.path.join(self.place, name), "rb") as file:
            return file.read()

    def test_interface(self) -> None:
        """It is a delivery that tells of attempts."""
        verifyObject(IDelivery, self.pipe("pass"))
        verifyObject(IAttempts, self.pipe("pass"))

    async def test_taken(self) -> None:
        """The program gets the message with LF, and who sent it to whom; what it takes has arrived."""
        script = (
            "import sys, os; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read()); "
            "open('env', 'w').write(repr(sorted(os.environ.items())))"
        )
        delivery = self.pipe(script, "{local_part}-{queue_id}", environment={"COLOUR": "blue"})
        (attempt,) = await self.attempt(delivery, mail())
        self.assertEqual((attempt.status.code, attempt.final), ("2.0.0", True))
        self.assertEqual(
            self.read("bob-ID1"),
            b"Return-Path: <alice@example.test>\nDelivered-To: bob@example.test\nSubject: x\n\nHello\n",
        )
        environment = dict(eval(self.read("env")))
        self.assertEqual(environment["RECIPIENT"], "bob@example.test")
        self.assertEqual(environment["COLOUR"], "blue")
        names = {
            "PATH",
            "LANG",
            "SENDER",
            "RECIPIENT",
            "LOCAL_PART",
            "DOMAIN",
            "QUEUE_ID",
            "COLOUR",
            "LC_CTYPE",
        }
        self.assertLessEqual(set(environment), names)

    async def test_no_shell(self) -> None:
        """What looks like a command is a word, and what looks like an option is none."""
        delivery = self.pipe(
            "import sys; open('words', 'w').write(repr(sys.argv[1:]))", "{recipient}", "x{local_part}"
        )
        await self.attempt(delivery, mail("$(touch here);`id`"))
        self.assertEqual(eval(self.read("words"))[1], "x$(touch here);`id`")
        await self.attempt(delivery, mail("-rf"))
        self.assertEqual(eval(self.read("words")), ['"-rf"@example.test', "x-rf"])
        self.assertFalse(os.path.exists(os.path.join(self.place, "here")))

    async def test_exit_codes(self) -> None:
        """Each recipient has its own run, and its own answer."""
        script = "import sys; print('sorry', file=sys.stderr); sys.exit(int(sys.argv[1]))"
        attempts = await self.attempt(self.pipe(script, "{local_part}"), mail("67", "75", "0", "1", "127"))
        self.assertEqual(
            [each.status.code for each in attempts], ["5.1.1", "4.3.0", "2.0.0", "4.3.0", "4.3.0"]
        )
        self.assertIn("sorry", attempts[0].status.text)

    async def test_large(self) -> None:
        """A large message arrives whole, also at a program that reads it slowly or not at all."""
        content = b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 100_000
        script = "import sys; open('size', 'w').write(str(len(sys.stdin.buffer.read())))"
        (attempt,) = await self.attempt(self.pipe(script, line_ends="crlf"), mail(content=content))
        self.assertTrue(attempt.status.success)
        self.assertGreater(int(self.read("size")), len(content))
        (attempt,) = await self.attempt(self.pipe("pass"), mail(content=content))
        self.assertTrue(attempt.status.success)

    async def test_too_long(self) -> None:
        """A program that does not end is ended, and the message is tried again."""
        script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
        delivery = self.pipe(script, timeout=Duration(0.5))
        (attempt,) = await self.attempt(delivery, mail())
        self.assertEqual(attempt.status.code, "4.3.0")
        self.assertIn("in time", attempt.status.text)

    async def test_cut_off(self) -> None:
        """An attempt that is ended from outside starts no more programs; who has got the message keeps it."""
        script = (
            "import sys, time, os; open(sys.argv[1], 'w').close(); time.sleep(30 * (sys.argv[1] == 'two'))"
        )
        delivery = self.pipe(script, "{local_part}")
        attempting = Deferred.fromCoroutine(self.attempt(delivery, mail("one", "two", "three")))
        while not os.path.exists(os.path.join(self.place, "two")):
            await deferLater(reactor, 0.02)
        attempting.cancel()
        codes = [attempt.status.code for attempt in await attempting]
        # It is over a little later.
        await deferLater(reactor, 0.3)
        self.assertEqual((codes, os.listdir(self.place).count("three")), (["2.0.0", "4.3.0", "4.3.0"], 0))

    async def test_deaf(self) -> None:
        """A program that reads no more and wants no end is ended all the same."""
        script = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.close(0); time.sleep(60)"
        self.patch(running, "GRACE", 0.2)
        delivery = self.pipe(script, timeout=Duration(0.5))
        (attempt,) = await self.attempt(delivery, mail(content=CONTENT + b"x\r\n" * 100_000))
        self.assertIn("did not end in time", attempt.status.text)

    async def test_children(self) -> None:
        """What a program started ends with it when it takes too long, even if the program itself is polite."""
        script = (
            "import subprocess, sys, time;"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
            "open('child', 'w').write(str(child.pid)); time.sleep(60)"
        )
        (attempt,) = await self.attempt(self.pipe(script, timeout=Duration(1.0)), mail())
        self.assertIn("did not end in time", attempt.status.text)
        child = int(self.read("child"))
        for _ in range(50):
            if not alive(child):
                break
            await deferLater(reactor, 0.1, lambda: None)  # type: ignore[arg-type]
        self.assertFalse(alive(child))

    async def test_too_much(self) -> None:
        """A program that says too much is ended."""
        (attempt,) = await self.attempt(self.pipe("while True: print('x' * 100)", output=Size(1000)), mail())
        self.assertIn("too much", attempt.status.text)
        self.assertTrue(attempt.status.temporary)

    async def test_memory(self) -> None:
        """A program that wants too much memory fails, and the message is tried again."""
        script = "import sys; sys.stdin.read(); x = bytearray(400_000_000)"
        (attempt,) = await self.attempt(self.pipe(script, memory=Size(200_000_000)), mail())
        self.assertTrue(attempt.status.temporary)

    async def test_missing(self) -> None:
        """A program that is not there is temporary."""
        delivery = PipeDelivery(reactor, PipeOptions(command=["/nowhere/program"]))
        (attempt,) = await self.attempt(delivery, mail())
        self.assertTrue(attempt.status.temporary)

    async def test_together(self) -> None:
        """No more run at the same time than allowed."""
        script = "import os, time, sys; os.mkdir('one'); time.sleep(0.05); os.rmdir('one')"
        delivery = self.pipe(script, processes=1)
        first = Deferred.fromCoroutine(self.attempt(delivery, mail()))
        second = Deferred.fromCoroutine(self.attempt(delivery, mail()))
        for deferred in (first, second):
            (attempt,) = await deferred
            self.assertTrue(attempt.status.success)


class PipeOptionsTests(SynchronousTestCase):
    """What may be configured."""

    def test_commands(self) -> None:
        """A command is a list with a whole path, and knows only its own placeholders."""
        for command in (
            [],
            ["program"],
            ["/bin/x", "{home}"],
            ["/bin/x", "{recipient.domain}"],
            ["/bin/x", "{"],
        ):
            self.assertRaises(ValueError, PipeOptions, command=command)
        PipeOptions(command=["/bin/x", "{recipient}", "{{"])
        self.assertRaises(ValueError, PipeOptions, command=["/bin/x"], environment={"A=B": "c"})

    def test_user(self) -> None:
        """A user that does not exist is an error at the start."""
        options = PipeOptions(command=["/bin/true"], user="no-such-user-here")
        self.assertRaises(ValueError, PipeDelivery, None, options)

    @given(st.integers(0, 255), st.text(max_size=400))
    def test_permanent_on_purpose(self, code: int, said: str) -> None:
        """Only codes that say so are permanent; the text is one line of ASCII whatever was said."""
        status = status_of_exit(code, said)
        self.assertEqual(status.success, code == 0)
        if status.permanent:
            self.assertIn(code, (65, 67, 68, 69, 76, 77))
        self.assertTrue(status.text.isascii() and status.text.isprintable())

    def test_killed(self) -> None:
        """What a signal ended is tried again."""
        self.assertTrue(status_of_exit(None).temporary)

    @given(st.lists(st.text("a\r\n", max_size=5).map(str.encode), max_size=8))
    def test_line_ends(self, chunks: list[bytes]) -> None:
        """Line ends come out the same wherever the pieces are cut."""
        self.assertEqual(b"".join(_with_lf(iter(chunks))), b"".join(chunks).replace(b"\r\n", b"\n"))


class DiscardTests(SynchronousTestCase):
    """Mail that nobody wants."""

    def test_discarded(self) -> None:
        """All recipients are told that it arrived."""
        delivery = DiscardDelivery()
        verifyObject(IDelivery, delivery)
        verifyObject(IAttempts, delivery)
        routes = [Route(way="discard")] * 2
        attempts = self.successResultOf(
            Deferred.fromCoroutine(delivery.attempt(mail("a", "b"), routes, age=0.0))
        )
        self.assertEqual([(each.status.code, each.final) for each in attempts], [("2.0.0", True)] * 2)
        statuses = self.successResultOf(Deferred.fromCoroutine(delivery.deliver(mail("a"), routes[:1], True)))
        self.assertEqual([status.code for status in statuses], ["2.0.0"])
