"""Dialogues before and after mail: greeting, hello, STARTTLS, AUTH, RSET, QUIT."""

from __future__ import annotations

from typing import Final

from mailframe.message.status import ProtocolError, Status
from mailframe.sasl.client import ClientLines, ClientMechanism
from mailframe.sasl.client_mechanisms import UNEXPECTED
from mailframe.smtp.wire.replies import Reply

from .capabilities import Capabilities, read_capabilities
from .core import ClientCore, Dialogue, Lost
from .errors import Refused
from .phases import Phase

COMMAND_LIMIT: Final = 510
"""Octets of a command without its CRLF (RFC 5321 section 4.5.3.1.4). A longer initial response comes by itself."""
CHALLENGES_LIMIT: Final = 16
"""Challenges of one login; no mechanism has half as many."""
INJECTED: Final = Status((4, 7, 0), "Octets followed the server's go-ahead for TLS in clear")
NOT_OFFERED: Final = Status((4, 7, 4), "The server offers no STARTTLS")
BAD_EXCHANGE: Final = Status((4, 7, 0), "The server did not keep to the rules of the login")


def greeting(core: ClientCore) -> Dialogue[Reply]:
    """Wait for the greeting.

    Raises:
        Refused: the server does not want to talk.
    """
    reply = yield from _expect(core, Phase.GREETING)
    if reply.code != 220:
        raise _refused(core, reply)
    return reply


def hello(core: ClientCore, hostname: bytes) -> Dialogue[Capabilities]:
    """EHLO, or HELO where that is not understood (RFC 5321 section 3.2); LHLO with LMTP.

    Args:
        core: the connection.
        hostname: our name.

    Raises:
        Refused: the server takes neither.
    """
    lmtp = core.protocol == "lmtp"
    core.say((b"LHLO " if lmtp else b"EHLO ") + hostname)
    reply = yield from _expect(core, Phase.HELLO)
    if reply.code == 250:
        core.capabilities = read_capabilities(reply)
        return core.capabilities
    if lmtp or not reply.permanent:
        raise _refused(core, reply)
    core.say(b"HELO " + hostname)
    reply = yield from _expect(core, Phase.HELLO)
    if reply.code != 250:
        raise _refused(core, reply)
    core.capabilities = Capabilities(reply.lines[0].partition(" ")[0])
    return core.capabilities


def start_tls(core: ClientCore) -> Dialogue[None]:
    """Ask for TLS; when this is done, the handshake begins and `hello` is said again (RFC 3207).

    Raises:
        Refused: it is not offered, or not possible now.
        Lost: octets stand behind the go-ahead: whoever put them there wants them to be taken for words under TLS.
    """
    if "STARTTLS" not in core.capabilities:
        raise Refused(NOT_OFFERED)
    core.say(b"STARTTLS")
    reply = yield from _expect(core, Phase.STARTTLS)
    if reply.code != 220:
        raise _refused(core, reply)
    if core.spoken_ahead():
        raise core.unexpected(INJECTED)
    core.forget()


def log_in(core: ClientCore, mechanism: ClientMechanism) -> Dialogue[Reply]:
    """AUTH (RFC 4954).

    Raises:
        Refused: the server does not let us in, or is not the one it should be.
    """
    lines = ClientLines(mechanism)
    command = b"AUTH " + mechanism.name.encode("ascii")
    first = lines.initial()
    if first is not None and len(command) + 1 + len(first) <= COMMAND_LIMIT:
        command, first = command + b" " + first, None
    core.say(command)
    reply = yield from _expect(core, Phase.LOGIN)
    for _ in range(CHALLENGES_LIMIT):
        if reply.code != 334:
            break
        try:
            answer = _answer(lines, first, reply)
        except ProtocolError as error:
            core.say(b"*")
            yield from _expect(core, Phase.LOGIN)
            reason = f"the login at {core.host} by {mechanism.name} was broken off: {error.status.text}"
            raise Refused(BAD_EXCHANGE, reason) from None
        first = None
        core.say(answer)
        reply = yield from _expect(core, Phase.LOGIN)
    if reply.code != 235:
        raise _refused(core, reply)
    try:
        mechanism.finish()
    except ProtocolError:
        # It let us in without a proof that it knows our password: it need not be the server we mean.
        raise core.unexpected(BAD_EXCHANGE) from None
    return reply


def _answer(lines: ClientLines, first: bytes | None, challenge: Reply) -> bytes:
    """The line that answers a challenge.

    Raises:
        ProtocolError: there is no answer.
    """
    text = " ".join(challenge.lines).strip()
    if first is None:
        return lines.answer(text.encode("utf-8"))
    if text:
        raise ProtocolError(UNEXPECTED)
    # An initial response of no octets is "=" in the command, and nothing on a line of its own.
    return b"" if first == b"=" else first


def reset(core: ClientCore) -> Dialogue[None]:
    """RSET: the transaction is over (RFC 5321 section 4.1.1.5).

    Raises:
        Refused: the server does not take even that; the connection is of no use.
    """
    core.say(b"RSET")
    reply = yield from _expect(core, Phase.RESET)
    if not reply.positive:
        raise _refused(core, reply)
    core.in_transaction = False


def quit_(core: ClientCore) -> Dialogue[None]:
    """QUIT; whatever the answer, the connection is over."""
    try:
        core.say(b"QUIT")
        yield Phase.QUIT
    except Lost:
        return


def _expect(core: ClientCore, phase: Phase) -> Dialogue[Reply]:
    reply = yield phase
    assert reply is not None
    return reply


def _refused(core: ClientCore, reply: Reply) -> Refused:
    """What a reply means that was not the wanted one; a 2yz or 3yz here is a broken server."""
    if reply.code < 400:
        return Refused(core.unexpected().status, f"{core.host} said {reply} to {core.phase.value}")
    return Refused(reply.status(core.host), f"{core.host} said: {reply}", reply)
