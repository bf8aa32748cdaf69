"""VRFY and EXPN: who may ask who exists, and what they hear (RFC 5321 sections 3.5, 7.3; RFC 6531 section 3.7.4)."""

from __future__ import annotations

from typing import Final

from mailframe.message.address import Address, parse_path
from mailframe.message.origin import Origin
from mailframe.message.status import ProtocolError, Status
from mailframe.routing.interfaces import Route

from .reception import Reception
from .settings import SMTPSettings
from .wire.commands import NOT_IMPLEMENTED, Expn, Help, Vrfy
from .wire.reply import render, render_lines

CANNOT_VERIFY: Final = Status((2, 5, 0), "Cannot tell; send mail to it and see", reply_code=252)
LOGIN_FIRST: Final = Status((5, 7, 0), "Log in first", reply_code=530)
NEEDS_UTF8: Final = Status((5, 6, 8), "The answer needs SMTPUTF8", reply_code=553)
NOT_A_LIST: Final = Status((5, 1, 1), "Nothing to expand", reply_code=550)


async def answer(
    command: Vrfy | Expn | Help, reception: Reception, settings: SMTPSettings, origin: Origin
) -> bytes:
    """Answer VRFY, EXPN or HELP.

    Args:
        command: which of them.
        reception: knows where mail goes.
        settings: the listener's.
        origin: who asks.

    Raises:
        ProtocolError: it is not offered.
    """
    if isinstance(command, Vrfy):
        return await _verify(command, reception, settings, origin)
    if isinstance(command, Expn):
        return await _expand(command, reception, settings, origin)
    return render(Status((2, 0, 0), settings.help, reply_code=214))


async def _verify(command: Vrfy, reception: Reception, settings: SMTPSettings, origin: Origin) -> bytes:
    # RFC 5321 section 7.3: to say who exists is a gift to those who guess addresses. So strangers always hear that it
    # cannot be told; users hear the truth where the listener is set so.
    if settings.vrfy == "unsure" or origin.login is None:
        return render(CANNOT_VERIFY)
    address = _address(command.argument, command.smtputf8)
    if address is None:
        return render(CANNOT_VERIFY)
    way = await reception.way(address)
    if isinstance(way, Status):
        return render(way)
    if not way.mailboxes:
        return render(CANNOT_VERIFY)
    return render(Status((2, 1, 5), f"<{_written(address, command.smtputf8)}>"), utf8=command.smtputf8)


async def _expand(command: Expn, reception: Reception, settings: SMTPSettings, origin: Origin) -> bytes:
    if settings.expn == "off":
        raise ProtocolError(NOT_IMPLEMENTED)
    if origin.login is None:
        return render(LOGIN_FIRST)
    address = _address(command.argument, command.smtputf8)
    way: Route | Status = NOT_A_LIST if address is None else await reception.way(address)
    if isinstance(way, Status) or not way.mailboxes:
        return render(way if isinstance(way, Status) else NOT_A_LIST)
    names = [mailbox.account for mailbox in way.mailboxes]
    if not command.smtputf8 and not all(name.isascii() for name in names):
        return render(NEEDS_UTF8)
    # RFC 2034 section 4 wants the enhanced code on every line.
    return render_lines(250, tuple(f"2.1.5 <{name}>" for name in names), utf8=command.smtputf8)


def _address(argument: bytes, smtputf8: bool) -> Address | None:
    """The mailbox asked for, with or without brackets; None where it is a name of some other kind."""
    path = argument if argument.startswith(b"<") else b"<" + argument + b">"
    try:
        return parse_path(path, smtputf8=smtputf8, null_allowed=False, postmaster_allowed=True)
    except ProtocolError:
        return None


def _written(address: Address, smtputf8: bool) -> str:
    return str(address) if smtputf8 else bytes(address).decode()
