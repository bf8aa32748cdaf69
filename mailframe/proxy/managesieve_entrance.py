"""Logging in at a store by ManageSieve, for somebody who is at the door (RFC 5804)."""

from __future__ import annotations

import base64

from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.sasl.client import ClientLines, choose

from .backend import BackendConnection
from .entering import Way
from .sieve_wire import Line, SieveReader, quoted

LINES_LIMIT = 100
TRY_AGAIN = Status((4, 3, 2), "Scripts cannot be reached right now; try again", "UNAVAILABLE")

Capabilities = dict[str, str]


async def enter(backend: BackendConnection, way: Way) -> None:
    """Log in.

    Raises:
        MailframeError: temporary: it cannot be, now.
    """
    capabilities = await _capabilities(backend)
    if way.starts_tls:
        await _ask(backend, b"STARTTLS")
        await backend.start_tls(way.tls())
        # Said anew without being asked (RFC 5804 section 2.2).
        capabilities = await _capabilities(backend)
    await _log_in(backend, way, capabilities)


async def _log_in(backend: BackendConnection, way: Way, capabilities: Capabilities) -> None:
    offered = capabilities.get("SASL", "").split()
    try:
        mechanism = choose(offered, way.credentials, backend.secure, backend.binding, clear=way.clear)
    except MailframeError as error:
        raise backend.failed(error.reason) from None
    lines = ClientLines(mechanism)
    words = b"AUTHENTICATE " + quoted(mechanism.name.encode("ascii"))
    initial = lines.initial()
    if initial is not None:
        words += b" " + quoted(initial.removeprefix(b"="))
    backend.send(words + b"\r\n")
    try:
        while not (line := await _line(backend)).word:
            backend.send(quoted(lines.answer(line.strings[0] if line.strings else b"")) + b"\r\n")
        await _checked(backend, line)
        if line.code.startswith("SASL") and line.strings:
            lines.mechanism.step(base64.b64decode(line.strings[0]))
        mechanism.finish()
    except (ProtocolError, ValueError) as error:
        raise backend.failed(str(error)) from None


async def _capabilities(backend: BackendConnection) -> Capabilities:
    """What it can do, which it says first."""
    found: Capabilities = {}
    for _ in range(LINES_LIMIT):
        line = await _line(backend)
        if line.word:
            await _checked(backend, line)
            return found
        name, *rest = (text.decode("utf-8", "replace") for text in (*line.strings, b""))
        found[name.upper()] = rest[0]
    raise backend.failed("it lists capabilities without end")


async def _ask(backend: BackendConnection, words: bytes) -> None:
    backend.send(words + b"\r\n")
    await _checked(backend, await _line(backend))


async def _checked(backend: BackendConnection, line: Line) -> None:
    if line.word == "OK":
        return
    text = line.strings[-1].decode("utf-8", "replace")[:200] if line.strings else ""
    if line.code.startswith("TRYLATER"):
        raise MailframeError(TRY_AGAIN, f"{backend.name}: {text}")
    raise backend.failed(f"it said {line.word} {text!r}")


async def _line(backend: BackendConnection) -> Line:
    reader, lines = SieveReader(), backend.lines()
    try:
        while (line := reader.next(lines)) is None:
            await backend.more()
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None
    return line
