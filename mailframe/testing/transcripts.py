"""Dialogues as text files, spoken with a real server protocol over in-memory transports.

A case is a file such as ``tests/transcripts/pop3/top.txt``::

    # TOP gives the header section and as many lines as asked for.
    @user alice
    S: +OK [[*]]
    C: TOP 1 0
    S: +OK[[*]]
    S*:
    S: .
    N: Hello[[*]]

The first comment says what the case shows. Lines that are empty or begin with ``#`` mean nothing else.
``@name value`` gives an option to the test case's `TranscriptCase.connect`. All others are steps, a word and a colon;
a session's name, one or more digits, may stand in front of the word (``2C:``), and a connection is made when its
session is first mentioned:

====== ===============================================================================================
``C:`` The client sends this line and CRLF. Lines that follow each other go in one segment.
``C%`` The client sends these octets without CRLF; ``%0D%0A`` and the like stand for octets (``C%: a%00b``).
``S:`` The server's next line is this.
``S%`` The same, with ``%XX`` for octets.
``S*`` Any lines, none too, up to the one that the next ``S:`` matches.
``U:`` The same as ``S:``, but ``U:`` lines that follow each other may come in any order.
``N:`` No line that came since the client last sent something is like this.
``X:`` The server has closed the connection.
``D:`` The client drops the connection.
``T:`` So many seconds pass.
====== ===============================================================================================

In lines of the server ``[[*]]`` is any text, ``[[/regex/]]`` a regular expression, and ``[[name]]`` any text
without a space, which must be the same text wherever the name comes again; in lines of the client, in any session,
``[[name]]`` is that text. A server line that no step expects is an error as soon as its session's client speaks
again, drops the connection, or the file ends.

A test case runs each file of a folder twice, with whole lines and octet by octet::

    @transcripts(FilePath(__file__).sibling("transcripts").child("pop3"))
    class POP3TranscriptTests(TranscriptCase, SynchronousTestCase):
        def connect(self, session, options):
            return POP3ServerFactory(...).buildProtocol(None)

Stores that work in threads do not go with this: everything must be answered before ``dataReceived`` returns or
when ``self.clock`` is advanced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from .transcript_steps import Step, Transcript, TranscriptError, grouped
from .transports import MemoryTransport

if TYPE_CHECKING:
    from unittest import TestCase as _Base
else:
    _Base = object

__all__ = [
    "MemoryTransport",
    "Runner",
    "Step",
    "Transcript",
    "TranscriptCase",
    "TranscriptError",
    "transcripts",
]

_HOLE = re.compile(rb"\[\[(?:(\*)|/(.*?)/|([a-z][a-z0-9_]*))\]\]")


@dataclass
class _Session:
    """One connection: what came, and how far it was looked at."""

    protocol: IProtocol
    transport: MemoryTransport
    lines: list[bytes] = field(default_factory=list)
    read: int = 0
    since: int = 0
    partial: bytes = b""
    lost: bool = False

    def drop(self) -> None:
        """The connection is gone."""
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


class Runner:
    """Runs one case.

    Args:
        transcript: the case.
        connect: makes the server's protocol for a session, and says whether it begins with TLS.
        clock: the clock that the protocols have.
        octet_by_octet: send single octets instead of whole lines.
    """

    def __init__(
        self,
        transcript: Transcript,
        connect: Callable[[str], tuple[IProtocol, bool]],
        clock: Clock,
        octet_by_octet: bool = False,
    ) -> None:
        self._transcript = transcript
        self._connect = connect
        self._clock = clock
        self._octet_by_octet = octet_by_octet
        self._sessions: dict[str, _Session] = {}
        self._names: dict[bytes, bytes] = {}
        self._any_lines = False

    def run(self) -> None:
        """Speak the dialogue.

        Raises:
            TranscriptError: with the file, the line, what was wanted and what came.
        """
        try:
            for steps in grouped(self._transcript.steps):
                self._do(steps)
            last = self._transcript.steps[-1] if self._transcript.steps else None
            for session in self._sessions.values():
                self._nothing_left(session, last)
        finally:
            for session in self._sessions.values():
                session.drop()

    def _do(self, steps: list[Step]) -> None:
        step = steps[0]
        if step.word == "T":
            self._clock.advance(float(step.octets))
            self._settle()
            return
        session = self._session(step.session)
        match step.word:
            case "C":
                self._nothing_left(session, step)
                session.since = len(session.lines)
                self._send(session, b"".join(self._filled(each.octets) for each in steps))
            case "S":
                self._expect(session, step)
            case "U":
                self._expect_all(session, steps)
            case "*":
                self._any_lines = True
            case "N":
                self._expect_none(session, step)
            case "X" if not session.lost:
                raise self._error(step, "the server did not close the connection")
            case "D":
                self._nothing_left(session, step)
                session.drop()

    # Sending and hearing.

    def _session(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is None:
            protocol, secure = self._connect(name)
            session = self._sessions[name] = _Session(protocol, MemoryTransport(secure))
            protocol.makeConnection(session.transport)
            self._settle()
        return session

    def _send(self, session: _Session, octets: bytes) -> None:
        pieces = [octets[at : at + 1] for at in range(len(octets))] if self._octet_by_octet else [octets]
        for piece in pieces:
            if not session.lost:
                session.protocol.dataReceived(piece)
                self._settle()

    def _settle(self) -> None:
        """Let what is due now happen, and hear every session."""
        for _ in range(3):
            self._clock.advance(0)
            for session in self._sessions.values():
                _hear(session)

    # Expecting.

    def _expect(self, session: _Session, step: Step) -> None:
        pattern = self._pattern(step)
        while session.read < len(session.lines):
            line = session.lines[session.read]
            session.read += 1
            if self._fits(pattern, line):
                self._any_lines = False
                return
            if not self._any_lines:
                raise self._error(step, f"the server said {line!r}")
        raise self._error(step, "the server said nothing more")

    def _expect_all(self, session: _Session, steps: list[Step]) -> None:
        wanted = list(steps)
        while wanted:
            if session.read == len(session.lines):
                raise self._error(wanted[0], "the server said nothing more")
            line = session.lines[session.read]
            session.read += 1
            fitting = [step for step in wanted if self._fits(self._pattern(step), line)]
            if not fitting:
                raise self._error(wanted[0], f"the server said {line!r}")
            wanted.remove(fitting[0])

    def _expect_none(self, session: _Session, step: Step) -> None:
        pattern = self._pattern(step)
        for line in session.lines[session.since :]:
            if pattern.fullmatch(line):
                raise self._error(step, f"the server did say {line!r}")

    def _nothing_left(self, session: _Session, step: Step | None) -> None:
        left = session.lines[session.read :] + ([session.partial] if session.partial else [])
        if left and step is not None:
            raise self._error(step, f"before this, the server also said {left!r}")

    # Holes in lines.

    def _pattern(self, step: Step) -> re.Pattern[bytes]:
        pattern, at = b"", 0
        bound: set[bytes] = set()
        for hole in _HOLE.finditer(step.octets):
            pattern += re.escape(step.octets[at : hole.start()])
            star, regex, name = hole.groups()
            if star:
                pattern += b".*"
            elif regex is not None:
                pattern += b"(?:" + regex + b")"
            elif name in self._names:
                pattern += re.escape(self._names[name])
            elif name in bound:
                pattern += b"(?P=" + name + b")"
            else:
                bound.add(name)
                pattern += b"(?P<" + name + b">[^ ]+?)"
            at = hole.end()
        return re.compile(pattern + re.escape(step.octets[at:]), re.DOTALL)

    def _fits(self, pattern: re.Pattern[bytes], line: bytes) -> bool:
        found = pattern.fullmatch(line)
        if found is not None:
            self._names.update((name.encode(), text) for name, text in found.groupdict().items())
        return found is not None

    def _filled(self, octets: bytes) -> bytes:
        return _HOLE.sub(lambda hole: self._names.get(hole[3] or b"", hole[0]), octets)

    def _error(self, step: Step, problem: str) -> TranscriptError:
        wanted = f"{step.word}: {step.octets.decode('utf-8', 'backslashreplace').rstrip()}"
        return TranscriptError(f"{self._transcript.name}:{step.line}: wanted {wanted!r}; {problem}")


class TranscriptCase(_Base):
    """Runs cases; mix it into a ``TestCase`` of trial together with `transcripts`.

    Attributes:
        clock: give it to the protocols.
    """

    clock: Clock

    def setUp(self) -> None:
        """Make a clock."""
        self.clock = Clock()

    def connect(self, session: str, options: Mapping[str, str]) -> IProtocol:
        """The server's protocol for a new connection; all sessions of one test are with the same server.

        With the option ``@secure yes`` the connection begins with pretended TLS.

        Args:
            session: its name in the file, "" for the one without.
            options: from the file.
        """
        raise NotImplementedError

    def speak(self, transcript: Transcript, octet_by_octet: bool = False) -> None:
        """Run one case."""
        options = transcript.options
        secure = options.get("secure") == "yes"
        Runner(
            transcript,
            lambda session: (self.connect(session, options), secure),
            self.clock,
            octet_by_octet,
        ).run()


def transcripts(folder: FilePath[str], octet_by_octet: bool = True) -> Callable[[type[Any]], type[Any]]:
    """Give a test case two tests for each file of a folder, named after it.

    Args:
        folder: with ``.txt`` files; there must be some.
        octet_by_octet: False: only the test with whole lines, such as for one more store behind the same protocol.
    """

    def decorate(case: type[Any]) -> type[Any]:
        files = sorted(folder.globChildren("*.txt"), key=lambda file: file.basename())
        if not files:
            raise TranscriptError(f"no transcripts in {folder.path}")
        for file in files:
            name = file.basename().removesuffix(".txt").replace("-", "_")
            transcript = Transcript.parse(file.getContent().decode("utf-8"), file.basename())
            setattr(case, f"test_{name}", _test(transcript, False))
            if octet_by_octet:
                setattr(case, f"test_{name}_octet_by_octet", _test(transcript, True))
        return case

    return decorate


def _test(transcript: Transcript, octet_by_octet: bool) -> Callable[[TranscriptCase], None]:
    def test(self: TranscriptCase) -> None:
        self.speak(transcript, octet_by_octet)

    test.__doc__ = transcript.title
    return test


def _hear(session: _Session) -> None:
    transport = session.transport
    *whole, session.partial = (session.partial + transport.take()).split(b"\r\n")
    session.lines += whole
    if transport.disconnecting or transport.disconnected:
        session.drop()
