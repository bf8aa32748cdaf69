"""ENABLE: a client says which extensions it understands, where answers would otherwise confuse it (RFC 5161)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad

if TYPE_CHECKING:
    from mailframe.imap.session import Session

NAMES_LIMIT = 50
"""Capabilities one ENABLE may name."""


async def enable(session: Session, arguments: Parser) -> Reply:
    """ENABLE: switch on what is known, and say what that was; the rest is passed over without a word."""
    names = _names(arguments)
    enabled = [name for name in names if session.enable(name.decode("ascii").upper())]
    session.write(b"* ENABLED%b\r\n" % b"".join([b" " + name for name in enabled]))
    return Reply("ENABLE completed")


def _names(parser: Parser) -> list[bytes]:
    names: list[bytes] = []
    while not parser.at_end:
        parser.space()
        names.append(parser.atom())
        if len(names) > NAMES_LIMIT:
            raise bad("Too many capabilities to enable")
    if not names:
        raise bad("ENABLE needs the name of a capability")
    return names
