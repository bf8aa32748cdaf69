"""Any commands, in any order, of several sessions at once, with mailboxes that come and go under them.

Nothing is checked but that each command is answered once, and that nothing is a fault of the server's.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.description import describe
from mailframe.store.memory import MemoryStore
from mailframe.testing.imap import Client, factory
from tests.imap.mail import PASSWORDS

from .slow import TICK, Rhythm, settle, slowed

ENABLED = ("QRESYNC", "CONDSTORE", "UIDONLY QRESYNC", "IMAP4rev2", "X-NOTHING")
NAMES = ("INBOX", "a", "b", "a/b", "c")
SETS = ("1:*", "1", "2:3", "*", "$", "1,3")
MESSAGE = "{6+}\r\na: b\r\n"
COMMANDS = (
    "SELECT {name}",
    "SELECT {name}",
    "SELECT {name}",
    "SELECT {name} (QRESYNC (1 1 1:5))",
    "EXAMINE {name}",
    "CLOSE",
    "UNSELECT",
    "CREATE {name}",
    "DELETE {name}",
    "RENAME {name} {other}",
    "SUBSCRIBE {name}",
    "STATUS {name} (MESSAGES UIDNEXT HIGHESTMODSEQ SIZE DELETED)",
    'LIST "" * RETURN (STATUS (MESSAGES UNSEEN) METADATA (/private/x))',
    "APPEND {name} {message}",
    "APPEND {name} (\\Deleted) {message} {message}",
    'APPEND {name} CATENATE (URL "/{other}/;UID=1" TEXT {{2+}}\r\nhi)',
    "{uid}REPLACE 1 {name} {message}",
    "{uid}FETCH {set} (FLAGS BODY[])",
    "{uid}FETCH {set} (ENVELOPE BODYSTRUCTURE BINARY[1] PREVIEW EMAILID THREADID)",
    "{uid}FETCH {set} (FLAGS) (CHANGEDSINCE 2)",
    "UID FETCH {set} FLAGS (CHANGEDSINCE 2 VANISHED)",
    "UID FETCH {set} FLAGS (PARTIAL -1:-2)",
    "{uid}STORE {set} +FLAGS (\\Deleted)",
    "{uid}STORE {set} -FLAGS.SILENT (\\Deleted x)",
    "{uid}STORE {set} (UNCHANGEDSINCE 4) FLAGS (y)",
    "EXPUNGE",
    "UID EXPUNGE {set}",
    "{uid}COPY {set} {name}",
    "{uid}MOVE {set} {name}",
    "{uid}SEARCH RETURN (SAVE COUNT) ALL",
    "{uid}SEARCH RETURN (UPDATE COUNT) UNDELETED",
    "{uid}SEARCH $ MODSEQ 3",
    "{uid}SORT (DATE) UTF-8 ALL",
    "{uid}THREAD REFERENCES UTF-8 ALL",
    "ESEARCH IN (personal) RETURN (COUNT) ALL",
    "GETMETADATA {name} /private/x",
    'SETMETADATA {name} (/private/x "y")',
    "IDLE",
    "IDLE",
    "NOOP",
)


class _Anybody:
    """A client that says anything.

    Args:
        client: connected.
        random: decides what.
    """

    def __init__(self, client: Client, random: Random) -> None:
        self._client, self._random = client, random
        self._idles = False
        self._count = 0
        self.heard = b""
        client.send(b"l LOGIN alice@example.test secret\r\n")
        client.send(b"e ENABLE %b\r\n" % random.choice(ENABLED).encode())

    @property
    def gone(self) -> bool:
        """Has the server hung up?"""
        transport = self._client.transport
        return bool(transport.disconnecting or transport.disconnected)

    def speak(self) -> None:
        """One command; whether the one before is answered or not."""
        self.stop()
        self._count += 1
        choice = self._random.choice
        command = choice(COMMANDS).format(
            name=choice(NAMES),
            other=choice(NAMES),
            set=choice(SETS),
            uid=choice(("", "UID ")),
            message=MESSAGE,
        )
        self._idles = command == "IDLE"
        self._client.send(b"t%d %b\r\n" % (self._count, command.encode()))

    def stop(self) -> None:
        """End IDLE."""
        if self._idles:
            self._idles = False
            self._client.send(b"DONE\r\n")

    def listen(self) -> None:
        """Take in what the server says."""
        self.heard += self._client.transport.take()

    def answers(self) -> list[int]:
        """How often each command was answered."""
        return [self.heard.count(b"\r\nt%d " % (number + 1)) for number in range(self._count)]

    def leave(self) -> None:
        """Drop the connection."""
        self._client.lose()


class AnythingTests(SynchronousTestCase):
    """Three clients of one account, over a store that takes its time."""

    @given(st.integers(0, 1 << 32))
    def test_no_fault(self, seed: int) -> None:
        """Whatever is said in whatever order, each command is answered once, and nothing breaks."""
        clock, random = Clock(), Random(seed)
        rhythm = Rhythm(clock)
        rhythm.random, rhythm.at_rest = Random(seed), False
        server = factory(slowed(MemoryStore(describe, clock=clock), rhythm), PASSWORDS, clock=clock)
        there = [_Anybody(Client(server.buildProtocol(None)), random) for _ in range(3)]
        everybody = list(there)
        for _ in range(60):
            place = random.randrange(3)
            if there[place].gone:
                there[place] = _Anybody(Client(server.buildProtocol(None)), random)
                everybody.append(there[place])
            there[place].speak()
            for _ in range(random.choice((0, 0, 1, 3, 8))):
                clock.advance(TICK)
        for anybody in there:
            settle(clock)
            anybody.stop()
        settle(clock)
        for anybody in everybody:
            anybody.listen()
            anybody.leave()
            assert b"[SERVERBUG]" not in anybody.heard
            answers = anybody.answers()
            assert all(count <= 1 for count in answers), answers
            assert anybody.gone or all(answers), answers
        self.assertEqual(self.flushLoggedErrors(), [])  # type: ignore[no-untyped-call]
