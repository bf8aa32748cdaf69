"""What passes in some users' sessions is written down."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from mailframe.proxy import traces
from mailframe.proxy.traces import Trace, Traces
from mailframe.proxy.values import ProxiedSession

from .farm import ALICE, BOB, FarmCase
from .test_imap import Peer


def session(account: str = ALICE, name: str = "S1") -> ProxiedSession:
    """A session that begins."""
    return ProxiedSession(name, "imap", account, "192.0.2.1", "s1", "h", 5.0, lambda: None)


class TracesTests(SynchronousTestCase):
    """Whose, and how much."""

    def setUp(self) -> None:
        """Somewhere to write, and a clock."""
        self.directory = self.mktemp()
        self.now = 1_000_000_000.5
        self.traces = Traces(self.directory, lambda: self.now)

    def files(self) -> list[Path]:
        """What was written."""
        return sorted(Path(self.directory).rglob("*.log"))

    def test_only_those(self) -> None:
        """Only sessions of those who are meant, and only for a while."""
        self.traces.set(ALICE, 60)
        self.assertIsNone(self.traces.begin(session(BOB)))
        trace = self.traces.begin(session())
        assert trace is not None
        trace.close()
        self.now += 61
        self.assertIsNone(self.traces.begin(session(name="S2")))
        self.assertEqual(1, len(self.files()))

    def test_words(self) -> None:
        """Each line has its time and who said it, and is one line; all of it goes on to the other side."""
        self.traces.set(ALICE, 60)
        trace = self.traces.begin(session())
        assert trace is not None
        passed: list[bytes] = []
        client, store = trace.tee("C", passed.append), trace.tee("S", passed.append)
        client(b"a SELECT INBOX\r\nb FE")
        store(b"* \xff \\ 1\r\n")
        trace.close()
        client(b"c NOOP\r\n")
        self.assertEqual(b"a SELECT INBOX\r\nb FE* \xff \\ 1\r\nc NOOP\r\n", b"".join(passed))
        (path,) = self.files()
        time = "2001-09-09T01:46:40.500Z"
        self.assertEqual(
            [rf"{time} C: a SELECT INBOX\r\n", f"{time} C: b FE", rf"{time} S: * \xff \x5c 1\r\n"],
            path.read_text().splitlines(),
        )
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(path.parent).st_mode))

    def test_names(self) -> None:
        """No account's name leads out of the directory."""
        for name in ("../x@example.test", "a/b@example.test"):
            self.traces.set(name, 60)
            trace = self.traces.begin(session(name))
            assert trace is not None
            trace.close()
        self.assertEqual(2, len(self.files()))

    def test_bounds(self) -> None:
        """A session, the sessions of one account, and the accounts are bounded."""
        for name, value in (("OCTETS_LIMIT", 1000), ("SESSIONS_LIMIT", 2), ("ACCOUNTS_LIMIT", 2)):
            self.patch(traces, name, value)
        for name in "abc":
            self.traces.set(f"{name}@example.test", 60)
        self.assertEqual(["a@example.test", "b@example.test"], sorted(self.traces.accounts))
        found = [self.traces.begin(session("a@example.test", f"S{number}")) for number in range(3)]
        self.assertEqual([False, False, True], [one is None for one in found])
        assert found[0] is not None
        passed: list[bytes] = []
        client = found[0].tee("C", passed.append)
        for _ in range(100):
            client(b"x" * 90 + b"\r\n")
        self.assertEqual(100, len(passed))
        lines = self.files()[0].read_text().splitlines()
        self.assertIn("long enough", lines[-1])
        self.assertLess(len(lines), 12)
        found[0].close()
        assert found[1] is not None
        found[1].close()

    def test_disk_full(self) -> None:
        """When nothing can be written the session goes on without."""
        self.traces.set(ALICE, 60)
        with patch("os.open", side_effect=OSError(28, "No space left on device")):
            self.assertIsNone(self.traces.begin(session()))
        full: Any = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - the trace closes it
        passed: list[bytes] = []
        trace = Trace(full, lambda: self.now)
        trace.tee("C", passed.append)(b"a NOOP\r\n")
        trace.tee("C", passed.append)(b"b NOOP\r\n")
        self.assertEqual([b"a NOOP\r\n", b"b NOOP\r\n"], passed)
        self.assertTrue(full.closed)

    @given(st.lists(st.binary(max_size=50)))
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """Whatever passes, what is written is printable, a line for each."""
        path = Path(self.mktemp())
        passed: list[bytes] = []
        trace = Trace(open(path, "wb", buffering=0), lambda: self.now)  # noqa: SIM115 - closed below
        for piece in pieces:
            trace.tee("S", passed.append)(piece)
        trace.close()
        self.assertEqual(pieces, passed)
        lines = path.read_text().splitlines()
        self.assertEqual(sum(len(piece.splitlines()) for piece in pieces), len(lines))
        self.assertTrue(all(line.isascii() and line.isprintable() for line in lines))


class ProxyTraceTests(FarmCase):
    """In a proxy."""

    async def test_session(self) -> None:
        """All that follows the login is there, and no password."""
        await self.start_store("s1")
        role = await self.start_proxy()
        role._traces.directory = self.mktemp()
        role._traces.set(ALICE, 60)

        def talk() -> None:
            peer = Peer(self.ports["proxy"])
            peer.line()
            peer.say(b"a LOGIN %b geheim\r\nb SELECT INBOX\r\nc LOGOUT\r\n" % ALICE.encode())
            peer.until(b"c")
            peer.close()

        await deferToThread(talk)
        (path,) = Path(role._traces.directory).rglob("*.log")
        text = path.read_text()
        self.assertIn(" S: a OK", text)
        self.assertIn(r" C: b SELECT INBOX\r\n", text)
        self.assertIn(" S: c OK", text)
        self.assertNotIn("geheim", text)
