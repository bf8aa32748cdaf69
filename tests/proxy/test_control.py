"""What the running proxy can be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import MailframeError
from mailframe.proxy.drained import Drained
from mailframe.proxy.sessions import Sessions
from mailframe.proxy.traces import Traces
from mailframe.proxy.values import ProxiedSession
from mailframe.roles.proxy import ProxyRole


class DrainedTests(SynchronousTestCase):
    """Stores that nobody is sent to."""

    def test_kept(self) -> None:
        """It stays so after a restart, until it is ended."""
        path = self.mktemp()
        Drained(path).set("s1", True)
        drained = Drained(path)
        error = self.assertRaises(MailframeError, drained.check, "s1")
        self.assertTrue(error.status.temporary)
        drained.check("s2")
        drained.set("s1", False)
        Drained(path).check("s1")

    def test_damaged(self) -> None:
        """A file that cannot be read keeps nobody out, and is told of."""
        for content in ("{", "[[]]", "5"):
            path = Path(self.mktemp())
            path.write_text(content)
            Drained(str(path)).check("s1")
            self.flushLoggedErrors()


class QuestionTests(SynchronousTestCase):
    """Sessions are listed and ended by what they are."""

    def setUp(self) -> None:
        self.role = ProxyRole.__new__(ProxyRole)
        self.role.proxied = Sessions()
        self.role._drained = Drained()
        self.cut: list[str] = []
        for number, (account, store) in enumerate((("a@x", "s1"), ("a@x", "s2"), ("b@x", "s1"))):
            self.role.proxied.add(
                ProxiedSession(
                    f"S{number}",
                    "imap",
                    account,
                    "192.0.2.1",
                    store,
                    "h",
                    5.0,
                    lambda name=f"S{number}": self.cut.append(name),  # type: ignore[misc]
                )
            )

    def ask(self, question: str, **details: Any) -> Any:
        answer = self.successResultOf(
            Deferred.fromCoroutine(self.role.questions()[f"proxy.{question}"](**details))  # type: ignore[arg-type]
        )
        # It travels as JSON.
        return json.loads(json.dumps(answer))

    def test_sessions(self) -> None:
        """All, or those of an account or store."""
        self.assertEqual(3, len(self.ask("sessions")))
        (one,) = self.ask("sessions", account="a@x", store="s2")
        self.assertEqual(
            {"session_id": "S1", "protocol": "imap", "account": "a@x", "peer": "192.0.2.1", "store": "s2",
             "host": "h", "began": 5.0}, one)  # fmt: skip

    def test_kick(self) -> None:
        """Those that are meant end, and no others."""
        self.assertEqual(1, self.ask("kick", session_id="S2"))
        self.assertEqual(2, self.ask("kick", account="a@x"))
        self.assertEqual(["S2", "S0", "S1"], self.cut)

    def test_trace(self) -> None:
        """It is told whose sessions are written down, for how long, and where."""
        now = 1000.0
        self.role._traces = Traces("/somewhere", lambda: now)
        self.assertEqual({"directory": "/somewhere", "accounts": {}}, self.ask("trace"))
        self.assertEqual({"a@x": 1900.0}, self.ask("trace", account="a@x", seconds=900)["accounts"])
        self.assertEqual(
            {"a@x": 1900.0, "b@x": 87_400.0}, self.ask("trace", account="b@x", seconds=1e9)["accounts"]
        )
        self.assertEqual({"b@x": 87_400.0}, self.ask("trace", account="a@x", seconds=0)["accounts"])
        now = 87_401.0
        self.assertEqual({}, self.ask("trace")["accounts"])

    def test_drain(self) -> None:
        """A store is drained and not; asked without a name nothing changes."""
        self.assertEqual(["s1"], self.ask("drain", store="s1", drained=True))
        self.assertEqual(["s1"], self.ask("drain"))
        self.assertEqual([], self.ask("drain", store="s1", drained=False))
