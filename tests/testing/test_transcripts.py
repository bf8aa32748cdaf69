"""Tests of `mailframe.testing.transcripts`."""

from __future__ import annotations

from unittest import TestResult

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mailframe.testing.transcripts import (
    MemoryTransport,
    Runner,
    Transcript,
    TranscriptCase,
    TranscriptError,
    transcripts,
)


class Parrot(Protocol):
    """Says back each line; some lines mean more."""

    def __init__(self, clock):
        self.clock = clock
        self.buffer = b""

    def connectionMade(self):
        self.transport.write(b"hello 4711\r\n")

    def dataReceived(self, data):
        *lines, self.buffer = (self.buffer + data).split(b"\r\n")
        for line in lines:
            self.answer(line)

    def answer(self, line):
        if line == b"quit":
            self.transport.write(b"bye\r\n")
            self.transport.loseConnection()
        elif line == b"later":
            self.clock.callLater(5, self.transport.write, b"now\r\n")
        elif line == b"tls":
            self.transport.startTLS(None)
        elif line == b"secure":
            self.transport.write(b"%r\r\n" % ISSLTransport.providedBy(self.transport))
        else:
            self.transport.write(line + b"\r\n")


def run(text, octet_by_octet=False, secure=False):
    clock = Clock()
    transcript = Transcript.parse(text, "case.txt")
    Runner(transcript, lambda name: (Parrot(clock), secure), clock, octet_by_octet).run()


HELLO = "S: hello [[*]]\n"


class RunnerTests(SynchronousTestCase):
    """Dialogues are spoken and compared."""

    def passes(self, text):
        run(HELLO + text)
        run(HELLO + text, octet_by_octet=True)

    def fails(self, text, problem):
        error = self.assertRaises(TranscriptError, run, HELLO + text)
        self.assertIn(problem, str(error))
        self.assertIn("case.txt:", str(error))

    def test_plain_lines(self):
        """What the server must say is compared line by line."""
        self.passes("C: a\nS: a\n\n# a comment\nC: b c\nS: b c\n")
        self.fails("C: a\nS: b\n", "b'a'")
        self.fails("C: a\nS: a\nS: b\n", "nothing more")

    def test_too_much(self):
        """A line that no step expects is an error, at the end and before the next command."""
        self.fails("C: a\n", "also said [b'a']")
        self.fails("C: a\nC: b\nS: a\nC: c\nS: b\nS: c", "also said [b'b']")
        self.fails("C: a\nD:\n", "also said")

    def test_holes(self):
        """Any text, regular expressions and names stand for what is not known before."""
        self.passes("C: abc 12\nS: a[[*]]2\n")
        self.passes("C: a{12}\nS: a{[[/\\d+/]]}\n")
        self.passes("C: x 5 y 5\nS: x [[n]] y [[n]]\nC: is [[n]]\nS: is 5\nC: 5\nS: [[n]]\n")
        self.fails("C: x 5 y 6\nS: x [[n]] y [[n]]\n", "x 5 y 6")
        self.fails("C: abc\nS: a[[/\\d+/]]\n", "abc")

    def test_any_lines(self):
        """Lines up to a certain one may be anything."""
        self.passes("C: a\nC: b\nC: c\nS*:\nS: c\n")
        self.passes("C: c\nS*:\nS: c\n")
        self.fails("C: a\nC: b\nS*:\nS: c\n", "nothing more")

    def test_any_order(self):
        """Lines may come in any order."""
        self.passes("C: a\nC: b\nC: c\nU: c\nU: a\nU: [[*]]\n")
        self.fails("C: a\nC: b\nU: c\nU: a\n", "b'b'")

    def test_must_not_appear(self):
        """A line may be forbidden among those that came since the client spoke."""
        self.passes("C: a\nS: a\nC: b\nS: b\nN: a\n")
        self.fails("C: a\nN: a\nS: a\n", "did say")

    def test_octets(self):
        """Octets are written with percent signs, and sent without a line end."""
        self.passes("C%: a%00\nC%: b%0D%0A\nS%: a%00b\n")
        self.passes("C:\nS:\n")

    def test_sessions(self):
        """Several sessions speak by turns."""
        self.passes("2S: hello 4711\n1S: hello [[*]]\n2C: x\n1C: y\n2S: x\n1S: y\n")

    def test_time(self):
        """Time passes when the file says so."""
        self.passes("C: later\nT: 4.9\nT: 0.1\nS: now\n")
        self.fails("C: later\nT: 4.9\nS: now\n", "nothing more")

    def test_closing(self):
        """The server's and the client's end of a connection."""
        self.passes("C: quit\nS: bye\nX:\n")
        self.passes("C: a\nS: a\nD:\n")
        self.fails("C: a\nS: a\nX:\n", "did not close")

    def test_pretended_tls(self):
        """TLS can be pretended."""
        self.passes("C: secure\nS: False\nC: tls\nC: secure\nS: True\n")
        run(HELLO + "C: secure\nS: True\n", secure=True)
        self.assertEqual(MemoryTransport(secure=True).getHandle().get_cipher_bits(), 256)

    def test_no_step(self):
        """A line that is no step is an error that names its place."""
        error = self.assertRaises(TranscriptError, Transcript.parse, "C: a\n\nnonsense\n", "x.txt")
        self.assertIn("x.txt:3", str(error))

    def test_parse(self):
        """A file has a title, options and steps."""
        transcript = Transcript.parse("# One.\n# Two.\n@user  bob\n12S*:\nC%: %41\n")
        self.assertEqual((transcript.title, transcript.options), ("One.", {"user": "bob"}))
        steps = [(step.session, step.word, step.octets) for step in transcript.steps]
        self.assertEqual(steps, [("12", "*", b""), ("", "C", b"A")])


class DecoratorTests(SynchronousTestCase):
    """Folders become tests."""

    def test_tests_are_made(self):
        """Each file is two tests; a server that says something else fails them."""
        folder = FilePath(self.mktemp())
        folder.makedirs()
        folder.child("a-case.txt").setContent(b"# Says a.\nS: hello [[*]]\nC: a\nS: [[*]]\n")

        @transcripts(folder)
        class Case(TranscriptCase, SynchronousTestCase):
            def connect(self, session, options):
                return Parrot(self.clock)

        self.assertEqual(Case.test_a_case.__doc__, "Says a.")
        for name in ("test_a_case", "test_a_case_octet_by_octet"):
            result = TestResult()
            Case(name).run(result)
            self.assertTrue(result.wasSuccessful())

    def test_empty_folder(self):
        """A folder without cases is a mistake."""
        folder = FilePath(self.mktemp())
        folder.makedirs()
        self.assertRaises(TranscriptError, transcripts(folder), object)
