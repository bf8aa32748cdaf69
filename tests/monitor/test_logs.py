"""Writing the log."""

from __future__ import annotations

import io
import json
import sys
from functools import partial
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, Logger
from twisted.logger._legacy import publishToNewObserver
from twisted.python.log import textFromEventDict
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.monitor import logs
from mailframe.monitor.logs import Levels, make_observer, start


class LevelsTests(SynchronousTestCase):
    """What is important enough."""

    def setUp(self) -> None:
        self.stream = io.BytesIO()
        self.observer = make_observer("json", "info", self.stream)

    def logged(self) -> list[str]:
        found = [json.loads(line)["message"] for line in self.stream.getvalue().splitlines()]
        self.stream.seek(0)
        self.stream.truncate()
        return found

    def say(self, namespace: str) -> None:
        log = Logger(namespace, observer=self.observer)
        for level in ("debug", "info", "warn", "error", "critical"):
            getattr(log, level)(level)

    def test_default(self) -> None:
        """Debugging is not written unless it is asked for."""
        self.say("mailframe.smtp")
        self.assertEqual(["info", "warn", "error", "critical"], self.logged())

    def test_changed_while_running(self) -> None:
        """The level can be changed at any time, for all or for one room."""
        self.say("mailframe.imap.session")
        self.observer.levels.set("error")
        self.observer.levels.set("debug", "imap")
        self.logged()
        self.say("mailframe.smtp.session")
        self.assertEqual(["error", "critical"], self.logged())
        self.say("mailframe.imap.session")
        self.assertEqual(5, len(self.logged()))
        self.observer.levels.set("warn", "mailframe.imap.session")
        self.say("mailframe.imap.session")
        self.assertEqual(3, len(self.logged()))
        self.observer.levels.set(None, "mailframe.imap.session")
        self.observer.levels.set(None, "imap")
        self.observer.levels.set(None)
        self.say("mailframe.imap.session")
        self.assertEqual(4, len(self.logged()))

    def test_other_names(self) -> None:
        """Twisted's own words have levels too."""
        self.observer.levels.set("critical", "twisted")
        self.say("twisted.internet.tcp")
        self.assertEqual(["critical"], self.logged())

    def test_wrong(self) -> None:
        """An unknown level or format is an error that says what is allowed."""
        self.assertIn("debug", str(self.assertRaises(ValueError, Levels, "verbose")))
        self.assertRaises(ValueError, self.observer.levels.set, "loud")
        self.assertIn("json", str(self.assertRaises(ValueError, make_observer, "xml")))


class ObserverTests(SynchronousTestCase):
    """One write a line."""

    def test_interface(self) -> None:
        """It can be given to Twisted wherever an observer is wanted."""
        self.assertTrue(verifyObject(ILogObserver, make_observer("json", "info", io.BytesIO())))

    def test_one_write(self) -> None:
        """Each event is one write, so that lines of several processes stay whole."""
        for form in ("json", "readable"):
            writes: list[bytes] = []
            observer = make_observer(form, "info", io.BytesIO())
            observer._write = writes.append
            try:
                raise ValueError("x\ny")
            except ValueError:
                Logger("mailframe.x", observer=observer).failure("broken")
            self.assertEqual(1, len(writes))
            self.assertTrue(writes[0].endswith(b"\n"))

    def test_lost_lines(self) -> None:
        """A log that cannot be written stops nothing."""

        def full(octets: bytes) -> None:
            raise OSError(28, "No space left on device")

        observer = make_observer("json", "info", io.BytesIO())
        observer._write = full
        Logger("mailframe.x", observer=observer).info("hello")
        self.assertEqual(1, observer.lost)

    def test_old_events(self) -> None:
        """What old parts of Twisted log is written too."""
        stream = io.BytesIO()
        observer = make_observer("json", "info", stream)
        event = {"message": ("old\nwords",), "system": "-", "time": 5.0, "isError": 0}
        publishToNewObserver(observer, event, textFromEventDict)
        record = json.loads(stream.getvalue())
        self.assertEqual(["time", "level", "room", "message"], list(record))
        self.assertEqual("old\nwords", record["message"])

    def test_descriptor(self) -> None:
        """A stream with a descriptor is written past its buffer."""
        path = self.mktemp()
        with open(path, "w") as stream:
            Logger("mailframe.x", observer=make_observer("readable", "info", stream)).info("hello é")
            with open(path, encoding="utf-8") as file:
                self.assertIn("hello é", file.read())

    def test_start(self) -> None:
        """Logging begins for the whole process; standard error is where to."""
        begun: list[Any] = []
        self.patch(logs, "globalLogBeginner", self)
        self.beginLoggingTo = lambda observers, redirectStandardIO: begun.extend(observers)
        stream = io.BytesIO()
        self.patch(sys, "stderr", stream)
        observer = start("json", "warn")
        self.assertEqual([observer], begun)
        Logger("mailframe.x", observer=observer).warn("hello")
        self.assertIn(b"hello", stream.getvalue())


class _Turns(Clock):
    """A reactor whose turns come when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def callFromThread(self, function: Any, *arguments: Any) -> None:
        self.calls.append(partial(function, *arguments))

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()
        self.advance(logs.GATHER)


class GatheredTests(SynchronousTestCase):
    """Lines of a moment go out together."""

    def setUp(self) -> None:
        self.reactor = _Turns()
        self.writes: list[bytes] = []

    def test_one_write(self) -> None:
        """Twenty lines are one call of the system and wake the reactor once, in order; later ones have their own."""
        lines = logs.Gathered(self.writes.append, self.reactor, self.fail)
        for number in range(20):
            lines(b"line %d\n" % number)
        self.assertEqual(([], 1), (self.writes, len(self.reactor.calls)))
        self.reactor.turn()
        self.assertEqual([b"".join(b"line %d\n" % number for number in range(20))], self.writes)
        lines(b"later\n")
        self.reactor.turn()
        self.assertEqual(b"later\n", self.writes[1])

    def test_lines_stay_whole(self) -> None:
        """No call has more than goes into a pipe in one piece, but for a single longer line."""
        lines = logs.Gathered(self.writes.append, self.reactor, self.fail)
        sent = [b"x" * size + b"\n" for size in (3000, 1000, 200, 9000, 10, 4085)]
        for line in sent:
            lines(line)
        self.reactor.turn()
        self.assertEqual(b"".join(sent), b"".join(self.writes))
        self.assertTrue(all(one.endswith(b"\n") for one in self.writes))
        self.assertEqual([9001], [len(one) for one in self.writes if len(one) > logs.ATOMIC])

    def test_lost_lines_are_counted(self) -> None:
        """A log that cannot be written stops nothing."""

        class Full(io.RawIOBase):
            def write(self, octets: bytes) -> int:
                raise OSError(28, "No space left on device")

        observer = make_observer("json", "info", Full())
        flush = observer.gather(self.reactor)
        log = Logger("mailframe.smtp", observer=observer)
        log.info("one")
        log.info("two")
        flush()
        self.assertEqual(2, observer.lost)
