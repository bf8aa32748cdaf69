"""Logging in at a submission server, for somebody who is at the door (RFC 4954, RFC 6409)."""

from __future__ import annotations

from mailframe.message.esmtp import encode_xtext
from mailframe.message.status import MailframeError, ProtocolError, Status
from mailframe.smtp.wire.replies import Reply as ServerReply
from mailframe.smtp.wire.replies import ReplyReader

from .backend import BackendConnection
from .entering import Way

TRY_AGAIN = Status((4, 3, 2), "Mail cannot be taken right now; try again", "UNAVAILABLE")


async def enter(backend: BackendConnection, way: Way, hello: bytes) -> None:
    """Log in.

    Args:
        hello: the client's word, ``EHLO name``: what follows is its session.

    Raises:
        MailframeError: temporary: it cannot be, now.
    """
    await _reply(backend)
    keywords = await _hello(backend, hello)
    if way.starts_tls:
        await _ask(backend, b"STARTTLS")
        await backend.start_tls(way.tls())
        keywords = await _hello(backend, hello)
    if "XCLIENT" in keywords:
        await _ask(backend, _xclient(way, keywords["XCLIENT"]))
        await _hello(backend, hello)
    await _log_in(backend, way, keywords.get("AUTH", []))


async def _log_in(backend: BackendConnection, way: Way, offered: list[str]) -> None:
    exchange = way.exchange(offered, backend)
    initial = exchange.initial()
    words = b"AUTH " + exchange.name.encode("ascii")
    backend.send((words if initial is None else words + b" " + initial) + b"\r\n")
    try:
        while (reply := await _reply(backend, way)).intermediate:
            challenge = "".join(reply.lines).encode("ascii", "replace")
            backend.send(await exchange.answer(challenge) + b"\r\n")
        exchange.finish()
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None


async def _hello(backend: BackendConnection, hello: bytes) -> dict[str, list[str]]:
    """Greet; by keyword, what stands behind it."""
    reply = await _ask(backend, hello)
    lines = [line.upper().split() for line in reply.lines[1:]]
    return {words[0]: words[1:] for words in lines if words}


def _xclient(way: Way, known: list[str]) -> bytes:
    """Who the client is, for those that take it from us (Postfix: XCLIENT_README)."""
    client = way.client
    address = f"IPV6:{client.peer}" if ":" in client.peer else client.peer
    said = {"ADDR": address, "PORT": str(client.port), "SESSION": client.session_id}
    words = [f"{name}={encode_xtext(value)}" for name, value in said.items() if name in known]
    return f"XCLIENT {' '.join(words)}".encode("ascii", "replace")


async def _ask(backend: BackendConnection, words: bytes) -> ServerReply:
    backend.send(words + b"\r\n")
    return await _reply(backend)


async def _reply(backend: BackendConnection, deciding: Way | None = None) -> ServerReply:
    """The next reply, where it is no refusal; of a login, where there is a way."""
    reader = ReplyReader()
    try:
        while (reply := reader.next_reply()) is None:
            reader.feed(await backend.line() + b"\r\n")
    except ProtocolError as error:
        raise backend.failed(error.status.text) from None
    if reply.temporary:
        raise MailframeError(TRY_AGAIN, f"{backend.name} said: {reply}")
    if reply.permanent:
        reason = f"it said: {reply}"
        raise backend.failed(reason) if deciding is None else deciding.refused(backend, reason)
    return reply
