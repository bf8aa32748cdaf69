"""Logging in at a store by POP3, for somebody who is at the door (RFC 1939, RFC 5034)."""

from __future__ import annotations

from collections.abc import Callable

from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.pop3.client.reader import Reply, parse_reply

from .backend import BackendConnection
from .entering import Way

LINES_LIMIT = 100
"""Lines of CAPA."""
IN_USE = Status((4, 2, 0), "The maildrop is in use; try again", "INUSE")
LOGIN_DELAY = Status((4, 7, 0), "Too soon after the last login; try again later", "LOGINDELAY")
TRY_AGAIN = Status((4, 3, 2), "The mailbox cannot be used right now; try again", "UNAVAILABLE")
_PASSED_ON = {"IN-USE": IN_USE, "LOGIN-DELAY": LOGIN_DELAY, "SYS/TEMP": TRY_AGAIN, "SYS/PERM": TRY_AGAIN}


Refused = Callable[[BackendConnection, str], MailframeError]


async def enter(backend: BackendConnection, way: Way) -> None:
    """Log in.

    Raises:
        MailframeError: temporary: it cannot be, now; or what the store says.
    """
    await _next(backend)
    if way.starts_tls:
        await _ask(backend, b"STLS")
        await backend.start_tls(way.tls())
    capabilities = await _capabilities(backend)
    if "XCLIENT" in capabilities:
        await _ask(backend, _xclient(way))
    await _log_in(backend, way, capabilities)


async def _log_in(backend: BackendConnection, way: Way, capabilities: dict[str, list[str]]) -> None:
    refused = way.refused
    try:
        exchange = way.exchange(capabilities.get("SASL", []), backend)
    except MailframeError:
        if not way.says_password or not (backend.secure or way.clear):
            raise
        credentials = way.credentials
        await _ask(backend, b"USER " + _argument(backend, credentials.authcid), refused)
        await _ask(backend, b"PASS " + _argument(backend, credentials.password or ""), refused)
        return
    initial = exchange.initial()
    words = b"AUTH " + exchange.name.encode("ascii")
    backend.send((words if initial is None else words + b" " + initial) + b"\r\n")
    try:
        while (reply := await _next(backend, refused)).challenge is not None:
            backend.send(await exchange.answer(reply.challenge) + b"\r\n")
        exchange.finish()
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None


async def _capabilities(backend: BackendConnection) -> dict[str, list[str]]:
    """By name, what stands behind it; none of a server from before RFC 2449."""
    backend.send(b"CAPA\r\n")
    try:
        reply = parse_reply(await backend.line())
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None
    found: dict[str, list[str]] = {}
    if not reply.success:
        return found
    for _ in range(LINES_LIMIT):
        line = await backend.line()
        if line == b".":
            return found
        name, *words = line.decode("ascii", "replace").split() or [""]
        found[name.upper()] = words
    raise backend.failed("it lists capabilities without end")


def _xclient(way: Way) -> bytes:
    """Who the client is, as Dovecot takes it from networks it trusts."""
    client = way.client
    words = [
        f"ADDR={client.peer}",
        f"PORT={client.port}",
        f"SESSION={client.session_id}",
        f"TTL={max(1, 5 - client.hops)}",
    ]
    return f"XCLIENT {' '.join(words)}".encode("ascii", "replace")


async def _ask(backend: BackendConnection, words: bytes, refused: Refused | None = None) -> None:
    backend.send(words + b"\r\n")
    await _next(backend, refused)


async def _next(backend: BackendConnection, refused: Refused | None = None) -> Reply:
    """The next reply, where it is no refusal; ``refused`` says what that means for a login."""
    try:
        reply = parse_reply(await backend.line())
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None
    if reply.success or reply.challenge is not None:
        return reply
    if reply.code in _PASSED_ON:
        raise MailframeError(_PASSED_ON[reply.code], f"{backend.name}: {reply.text}")
    reason = f"it refused: {reply.text[:200]!r}"
    raise refused(backend, reason) if refused is not None else backend.failed(reason)


def _argument(backend: BackendConnection, text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    if b"\r" in octets or b"\n" in octets:
        raise backend.failed("a name or password has a line end in it")
    return octets
