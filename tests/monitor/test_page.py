"""The status listener."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.monitor.aggregate import Family
from mailframe.monitor.health import Problem
from mailframe.monitor.page import make_site, render_page


class PageTests(SynchronousTestCase):
    """HTTP over memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.problems: Sequence[Problem] = ()
        self.waiting: Deferred[None] | None = None

    async def figures(self) -> Sequence[Family]:
        if self.waiting is not None:
            await self.waiting
        return [Family(name="x", type="counter", help="X", samples=[("x_total", [], 5.0)])]

    async def health(self) -> Sequence[Problem]:
        return self.problems

    async def status(self) -> Mapping[str, Any]:
        return {"Workers": [{"pid": 5, "sessions": 3}], "Node": {"name": "<mx>"}}

    def request(self, path: str, method: str = "GET") -> tuple[bytes, bytes, bytes]:
        """Status line, fields, body."""
        site = make_site(self.figures, self.health, self.status, self.clock)  # type: ignore[arg-type]
        self.protocol = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 5))
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[method-assign]
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        return self.reply()

    def reply(self) -> tuple[bytes, bytes, bytes]:
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        return line, fields, body

    def test_metrics(self) -> None:
        """Prometheus gets its text."""
        line, fields, body = self.request("/metrics")
        self.assertIn(b"200", line)
        self.assertIn(b"text/plain; version=0.0.4", fields)
        self.assertEqual(b"# HELP x_total X\n# TYPE x_total counter\nx_total 5\n", body)

    def test_healthz(self) -> None:
        """A load balancer sees 200, or 503 with the reasons."""
        line, _, body = self.request("/healthz")
        self.assertIn(b"200", line)
        self.assertEqual({"healthy": True, "problems": []}, json.loads(body))
        self.problems = (Problem("disk", "full"),)
        line, _, body = self.request("/healthz")
        self.assertIn(b"503", line)
        self.assertEqual(
            {"healthy": False, "problems": [{"name": "disk", "problem": "full", "fatal": True}]},
            json.loads(body),
        )

    def test_degraded(self) -> None:
        """What is wrong but not fatal is told, and is no reason for a load balancer to go elsewhere."""
        router = Problem("router", "away", fatal=False)
        self.problems = (router,)
        line, _, body = self.request("/healthz")
        self.assertIn(b"200", line)
        self.assertEqual(
            {"healthy": True, "problems": [{"name": "router", "problem": "away", "fatal": False}]},
            json.loads(body),
        )
        self.assertIn(b"<b>router</b>: away", self.request("/")[2])
        self.problems = (router, Problem("disk", "full"))
        self.assertIn(b"503", self.request("/healthz")[0])

    def test_page(self) -> None:
        """People see a page; what it shows is escaped, and nothing is loaded from elsewhere."""
        self.problems = (Problem("<script>", "x"),)
        line, fields, body = self.request("/")
        self.assertIn(b"200", line)
        self.assertIn(b"default-src 'none'", fields)
        self.assertIn(b"<b>&lt;script&gt;</b>", body)
        self.assertIn(b"&lt;mx&gt;", body)
        self.assertIn(b"<td>5</td><td>3</td>", body)
        self.assertNotIn(b"TwistedWeb", fields)

    def test_head(self) -> None:
        """HEAD has the fields and no body."""
        line, fields, body = self.request("/healthz", "HEAD")
        self.assertIn(b"200", line)
        self.assertIn(b"Content-Length: 34", fields)
        self.assertEqual(b"", body)

    def test_other(self) -> None:
        """There is nothing else, and nothing can be changed."""
        self.assertIn(b"404", self.request("/etc/passwd")[0])
        self.assertIn(b"405", self.request("/metrics", "POST")[0])
        self.assertIn(b"200", self.request("/metrics?x=1")[0])

    def test_timeout(self) -> None:
        """Figures that do not come in time are 503, not a connection that hangs."""
        self.waiting = Deferred()
        self.assertEqual(b"", self.request("/metrics")[0])
        self.clock.advance(11)
        line, _, body = self.reply()
        self.assertIn(b"503", line)
        self.assertEqual(b"not available right now\n", body)

    def test_fault(self) -> None:
        """A fault of ours is logged, and no detail of it is shown."""
        self.waiting = Deferred()
        self.waiting.errback(ValueError("secret detail"))
        line, _, body = self.request("/metrics")
        self.assertIn(b"503", line)
        self.assertNotIn(b"secret", body)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))

    def test_client_gone(self) -> None:
        """Who hangs up is not waited for."""
        cancelled: list[object] = []
        self.waiting = Deferred(cancelled.append)
        self.request("/metrics")
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(1, len(cancelled))
        self.clock.advance(20)


class RenderPageTests(SynchronousTestCase):
    """The page as text."""

    @given(
        st.dictionaries(
            st.text(max_size=10),
            st.recursive(
                st.text(max_size=10) | st.integers() | st.none(),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=4,
        ),
        st.text(max_size=20),
    )
    def test_escaping(self, sections: dict[str, Any], text: str) -> None:
        """Whatever is shown adds no element of its own and no control character."""
        page = render_page([Problem(text, text)], sections)
        for piece in page.split("<")[1:]:
            self.assertRegex(
                piece, r"^(!DOCTYPE|/?(html|head|meta|title|style|body|h1|h2|p|ul|li|b|a|table|tr|th|td))\b"
            )
        self.assertTrue(page.replace("\n", "").isprintable())

    def test_empty(self) -> None:
        """Nothing to show is said."""
        page = render_page([], {"Queue": [], "Note": "fine", "List": ["x"]})
        self.assertIn("All is well.", page)
        self.assertIn("<p>none</p>", page)
        self.assertIn("<p>fine</p>", page)
        self.assertIn("<ul><li>x</li></ul>", page)
