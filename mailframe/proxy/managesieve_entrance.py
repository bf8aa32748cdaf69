"""Logging in at a store by ManageSieve, for somebody who is at the door (RFC 5804)."""

from __future__ import annotations

from mailframe.message.status import MailframeError, ProtocolError, Status

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
    exchange = way.exchange(capabilities.get("SASL", "").split(), backend)
    words = b"AUTHENTICATE " + quoted(exchange.name.encode("ascii"))
    initial = exchange.initial()
    if initial is not None:
        words += b" " + quoted(initial.removeprefix(b"="))
    backend.send(words + b"\r\n")
    try:
        while not (line := await _line(backend)).word:
            challenge = line.strings[0] if line.strings else b""
            backend.send(quoted(await exchange.answer(challenge)) + b"\r\n")
        await _checked(backend, line, way)
        if line.code == "SASL":
            # What the store says with its success: it goes by the same way as a challenge.
            await exchange.answer(line.argument)
        exchange.finish()
    except ProtocolError as error:
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


async def _checked(backend: BackendConnection, line: Line, deciding: Way | None = None) -> None:
    if line.word == "OK":
        return
    text = line.strings[-1].decode("utf-8", "replace")[:200] if line.strings else ""
    if line.code.startswith("TRYLATER"):
        raise MailframeError(TRY_AGAIN, f"{backend.name}: {text}")
    reason = f"it said {line.word} {text!r}"
    raise (
        backend.failed(reason) if deciding is None or line.word != "NO" else deciding.refused(backend, reason)
    )


async def _line(backend: BackendConnection) -> Line:
    reader, lines = SieveReader(), backend.lines()
    try:
        while (line := reader.next(lines)) is None:
            await backend.more()
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None
    return line
