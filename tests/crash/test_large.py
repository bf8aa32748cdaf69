"""A message of 100 MB never is in memory, whichever way it goes and wherever it lies."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests import postgres
from tests.limits.service import ALICE, PASSWORD, resident
from tests.node.harness import Node

from .cases import LONG
from .octets import MEGABYTE, Large, Wire

LIMIT = 24 * MEGABYTE
LOGIN = f"{ALICE} {PASSWORD}".encode()


class LargeMixin:
    """One service, warmed up; its memory is measured step by step."""

    skip = LONG
    timeout = 400
    megabytes = 100

    def setUp(self) -> None:
        """A service that has done everything once with a small message."""
        base = tempfile.mkdtemp(prefix="mailframe-large-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.node = Node(
            base,
            accounts={ALICE: PASSWORD},
            roles=("mx", "store"),
            workers=1,
            extra={
                "role.mx": ['size_limit = "120 MB"'],
                "role.store.imap_options": ['append_limit = "120 MB"'],
                "role.store.lmtp_options": ['size_limit = "120 MB"'],
                **self.store(),
            },
        )
        self.addCleanup(self.node.stop)
        self.node.start()
        self.grown: dict[str, int] = {}
        self.begin()

    def store(self) -> Mapping[str, Sequence[str]]:
        """The store's configuration."""
        raise NotImplementedError

    def check(self) -> None:
        """Every way there is, with a small message first: what is loaded at first use is not counted."""
        for megabytes in (1, self.megabytes):
            self.begin()
            large = Large(megabytes)
            self.ways(large)
        for step, octets in self.grown.items():
            self.assertLess(octets, LIMIT, f"{step} took {octets / MEGABYTE:.0f} MB: {self.grown}")

    def begin(self) -> None:
        """From here on it must not grow."""
        self.grown.clear()
        self.before = resident(self.node.worker_pids(), "VmRSS")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """How far the service has grown at most, with this step."""
        (pid,) = self.node.worker_pids()
        # "5" sets the mark of the highest back to what there is now (proc(5)).
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        yield
        self.grown[name] = resident([pid]) - self.before

    def ways(self, large: Large) -> None:
        """In by APPEND, CATENATE and LMTP, out by FETCH in all its forms and by POP3, and copied."""
        imap = self.imap()
        message = len(self.uids(imap))
        self.append(imap, large)
        self.uids(imap)
        number = b"%d" % (message + 1)
        self.fetch(imap, number, large)
        with self.step("COPY"):
            imap.say(b"c COPY %s INBOX\r\n" % number)
            imap.fetched(b"c")
        with self.step("CATENATE"):
            url = b"/INBOX/;UID=%s" % self.uids(imap)[message]
            imap.say(b'k APPEND INBOX CATENATE (URL "%s" TEXT {7+}\r\nthe end)\r\n' % url)
            imap.fetched(b"k")
        with self.step("MOVE"):
            imap.say(b"r CREATE Other%d\r\n" % message, b"m MOVE %s Other%d\r\n" % (number, message))
            imap.fetched(b"r")
            imap.fetched(b"m")
        with self.step("LMTP"):
            self.lmtp(large)
        self.pop3(message, large)
        with self.step("EXPUNGE"):
            imap.say(b"f STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n", b"e EXPUNGE\r\n")
            imap.fetched(b"f")
            imap.fetched(b"e")
        imap.close()

    def imap(self) -> Wire:
        """Logged in."""
        imap = Wire(self.node.ports["imap"], b"* OK")
        self.addCleanup(imap.close)
        imap.say(b"l LOGIN " + LOGIN + b"\r\n")
        imap.expect(b"l OK")
        return imap

    def uids(self, imap: Wire) -> list[bytes]:
        """Of INBOX, which is selected then."""
        imap.say(b"u SELECT INBOX\r\n")
        imap.fetched(b"u")
        imap.say(b"u UID SEARCH ALL\r\n")
        line = imap.expect(b"* SEARCH")
        imap.expect(b"u OK")
        return line.split()[2:]

    def append(self, imap: Wire, large: Large) -> None:
        """APPEND, in one literal."""
        with self.step("APPEND"):
            imap.say(b"a APPEND INBOX {%d+}\r\n" % large.whole.size)
            imap.send(large.pieces())
            imap.say(b"\r\n")
            imap.fetched(b"a")

    def fetch(self, imap: Wire, number: bytes, large: Large) -> None:
        """FETCH: whole, a part of it, decoded, and what it is made of."""
        begin, length = large.whole.size // 3, large.whole.size // 2
        wanted = {
            b"BODY.PEEK[]": large.whole,
            b"BODY.PEEK[]<%d.%d>" % (begin, length): large.part(begin, length),
            b"BINARY.PEEK[2]": large.decoded,
        }
        for item, octets in wanted.items():
            with self.step(item.decode()):
                imap.say(b"f FETCH %s %s\r\n" % (number, item))
                self.assertEqual(imap.fetched(b"f"), [octets], item)
        with self.step("SEARCH"):
            imap.say(b"f SEARCH TEXT nowhere-in-it\r\n")
            imap.fetched(b"f")
        with self.step("BODYSTRUCTURE"):
            imap.say(b"f FETCH %s (BODYSTRUCTURE BINARY.SIZE[2] PREVIEW)\r\n" % number)
            imap.fetched(b"f")

    def lmtp(self, large: Large) -> None:
        """LMTP in."""
        lmtp = Wire(self.node.ports["lmtp"], b"220")
        lmtp.say(b"LHLO client.test\r\n")
        while lmtp.expect(b"250").startswith(b"250-"):
            pass
        for line in (b"MAIL FROM:<joe@sender.test>", b"RCPT TO:<" + ALICE.encode() + b">"):
            lmtp.say(line + b"\r\n")
            lmtp.expect(b"250")
        lmtp.say(b"DATA\r\n")
        lmtp.expect(b"354")
        lmtp.send(large.pieces())
        lmtp.say(b".\r\n")
        lmtp.expect(b"250")
        lmtp.close()

    def pop3(self, message: int, large: Large) -> None:
        """RETR and TOP."""
        pop3 = Wire(self.node.ports["pop3"], b"+OK")
        pop3.say(f"USER {ALICE}\r\nPASS {PASSWORD}\r\n".encode())
        pop3.expect(b"+OK")
        pop3.expect(b"+OK")
        # The copy; the message itself went elsewhere.
        for command in (b"RETR %d" % (message + 1), b"TOP %d 10000000" % (message + 1)):
            with self.step(command.split()[0].decode()):
                pop3.say(command + b"\r\n")
                pop3.expect(b"+OK")
                self.assertEqual(pop3.lines(), large.whole, command)
        pop3.close()

    def test_every_way(self) -> None:
        """Each way takes less than 24 MB."""
        self.check()

    def test_slow_readers(self) -> None:
        """Who asks for 100 MB and does not read, or reads slowly, costs little, and others are served meanwhile."""
        large = Large(self.megabytes)
        imap = self.imap()
        self.append(imap, large)
        self.begin()
        reader, again = self.imap(), self.imap()
        for each in (reader, again):
            self.uids(each)
        pop3 = Wire(self.node.ports["pop3"], b"+OK")
        pop3.say(f"USER {ALICE}\r\nPASS {PASSWORD}\r\n".encode())
        pop3.expect(b"+OK")
        pop3.expect(b"+OK")
        with self.step("nothing read"):
            reader.say(b"f FETCH 1 BODY.PEEK[]\r\n")
            again.say(b"f FETCH 1 BINARY.PEEK[2]\r\n")
            pop3.say(b"RETR 1\r\n")
            pop3.expect(b"+OK")
            self.served(imap)
        with self.step("read slowly"):
            for _ in range(10):
                pop3.octets(50_000)
                reader.octets(50_000)
                time.sleep(0.05)
            self.served(imap)
        for each in (reader, again, pop3):
            each.close()
        self.served(imap)
        self.assertLess(max(self.grown.values()), LIMIT, self.grown)

    def served(self, imap: Wire) -> None:
        """Somebody else is answered soon."""
        since = time.monotonic()
        imap.say(b"n NOOP\r\nz STATUS INBOX (MESSAGES)\r\n")
        imap.fetched(b"n")
        imap.fetched(b"z")
        self.assertLess(time.monotonic() - since, 5.0)


class SQLiteTests(LargeMixin, TestCase):
    """Over SQLite."""

    def store(self) -> Mapping[str, Sequence[str]]:
        """A file for each account."""
        return {"store": ['backend = "sqlite"']}


class MaildirTests(LargeMixin, TestCase):
    """Over Maildir."""

    def store(self) -> Mapping[str, Sequence[str]]:
        """Files."""
        return {"store": ['backend = "maildir"']}


class MboxTests(LargeMixin, TestCase):
    """Over mbox."""

    def store(self) -> Mapping[str, Sequence[str]]:
        """A file for each mailbox."""
        return {"store": ['backend = "mbox"']}


class PostgreSQLTests(LargeMixin, TestCase):
    """Over PostgreSQL."""

    def store(self) -> Mapping[str, Sequence[str]]:
        """A database."""
        return {
            "store": ['backend = "postgresql"'],
            "store.postgresql": [f'address = "{postgres.database(self)}"'],
        }
