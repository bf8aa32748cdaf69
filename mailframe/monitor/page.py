"""The status listener: figures for Prometheus, health for load balancers, a page for people. It only reads.

What is shown is asked of three callables, so that one process can show what all workers know. All text is escaped:
names of mailboxes and hosts come from strangers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import OK, SERVICE_UNAVAILABLE
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from .aggregate import CONTENT_TYPE, Family, render
from .health import Problem
from .lines import printable

log = Logger()

Figures = Callable[[], Awaitable[Iterable[Family]]]
"""What `aggregate.add_up` gives."""
Healthy = Callable[[], Awaitable[Sequence[Problem]]]
"""What `health.Health.problems` gives."""
Status = Callable[[], Awaitable[Mapping[str, Any]]]
"""Titles of sections to what is in them: a mapping, a sequence of mappings (a table), or text."""

TIMEOUT = 10.0
"""Seconds in which figures must be there."""


def make_site(figures: Figures, health: Healthy, status: Status, clock: IReactorTime) -> Site:
    """A ``twisted.web`` factory for the status listener; arguments as `make_pages`."""
    site = Site(make_pages(figures, health, status, clock), reactor=clock)
    site.displayTracebacks = False
    site.noisy = False
    return site


def make_pages(figures: Figures, health: Healthy, status: Status, clock: IReactorTime) -> Resource:
    """The tree: ``/``, ``/metrics``, ``/healthz``.

    Args:
        figures: asked for ``/metrics``.
        health: asked for ``/healthz`` and the page: 200 when there is no fatal problem, otherwise 503.
        status: asked for the page.
        clock: for the timeout.
    """

    async def metrics(request: Request) -> bytes:
        text = render(await figures())
        request.setHeader(b"Content-Type", CONTENT_TYPE.encode("ascii"))
        return text.encode("utf-8", "backslashreplace")

    async def healthz(request: Request) -> bytes:
        problems = await health()
        lost = any(problem.fatal for problem in problems)
        request.setResponseCode(SERVICE_UNAVAILABLE if lost else OK)
        request.setHeader(b"Content-Type", b"application/json")
        listed = [
            {"name": problem.name, "problem": problem.text, "fatal": problem.fatal} for problem in problems
        ]
        return json.dumps({"healthy": not lost, "problems": listed}).encode("ascii") + b"\n"

    async def page(request: Request) -> bytes:
        problems, sections = await health(), await status()
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        return render_page(problems, sections).encode("utf-8", "backslashreplace")

    root = Resource()
    root.putChild(b"", _Page(page, clock))
    root.putChild(b"metrics", _Page(metrics, clock))
    root.putChild(b"healthz", _Page(healthz, clock))
    return root


class _Page(Resource):
    """One page that a coroutine writes."""

    isLeaf = True

    def __init__(self, write: Callable[[Request], Awaitable[bytes]], clock: IReactorTime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._write = write
        self._clock = clock

    def render_GET(self, request: Request) -> int:
        """Begin to write it; HEAD comes here too."""
        for name, value in _HEADERS:
            request.setHeader(name, value)
        writing = Deferred.fromCoroutine(self._answer(request))
        writing.addTimeout(TIMEOUT, self._clock)
        gone: list[Failure] = []

        def lost(reason: Failure) -> None:
            gone.append(reason)
            writing.cancel()

        request.notifyFinish().addErrback(lost)
        writing.addErrback(_failed, request, gone)
        writing.addCallback(lambda body: _finish(request, body, gone))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> bytes:
        return await self._write(request)


_HEADERS = (
    (b"Server", b"mailframe"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)


def _failed(failure: Failure, request: Request, gone: list[Failure]) -> bytes:
    """The figures cannot be had: say so, without details."""
    if not gone:
        if not failure.check(CancelledError, DeferredTimeoutError):
            log.failure("the status page failed at {path!r}", failure, path=request.path)
        request.setResponseCode(SERVICE_UNAVAILABLE)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    return b"not available right now\n"


def _finish(request: Request, body: bytes, gone: list[Failure]) -> None:
    if gone:
        return
    request.setHeader(b"Content-Length", str(len(body)).encode("ascii"))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()


def render_page(problems: Sequence[Problem], sections: Mapping[str, Any]) -> str:
    """The page for people, as HTML."""
    if problems:
        items = "".join(f"<li><b>{_html(p.name)}</b>: {_html(p.text)}</li>" for p in problems)
        state = f'<ul class="bad">{items}</ul>'
    else:
        state = '<p class="good">All is well.</p>'
    body = "".join(f"<h2>{_html(title)}</h2>{_section(content)}" for title, content in sections.items())
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Mailframe</title>'
        f"<style>{_STYLE}</style></head><body><h1>Mailframe</h1>{state}{body}"
        '<p><a href="/metrics">metrics</a> <a href="/healthz">health</a></p></body></html>\n'
    )


_STYLE = (
    "body{font:15px/1.4 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em 1.2em .2em 0;border-bottom:1px solid #ddd}"
    ".good{color:#060}.bad{color:#a00}"
)


def _section(content: Any) -> str:
    if isinstance(content, Mapping):
        rows = "".join(
            f"<tr><th>{_html(name)}</th><td>{_html(value)}</td></tr>" for name, value in content.items()
        )
        return f"<table>{rows}</table>"
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        return _table(content)
    return f"<p>{_html(content)}</p>"


def _table(rows: Sequence[Any]) -> str:
    """Rows that are mappings, with the keys of all as headings; other rows as a list."""
    if not rows:
        return "<p>none</p>"
    if not all(isinstance(row, Mapping) for row in rows):
        return "<ul>" + "".join(f"<li>{_html(row)}</li>" for row in rows) + "</ul>"
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{_html(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_html(row.get(name, ''))}</td>" for name in names) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _html(value: object) -> str:
    return escape(printable(str(value)))
