"""NAMESPACE: where one's own mailboxes are, those of others, and those of all (RFC 2342)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import encode
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import string
from mailframe.store.values import SEPARATOR

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def namespace(session: Session, arguments: Parser) -> Reply:
    """NAMESPACE: one personal namespace; others' and the public one where mailboxes are shared."""
    arguments.end()
    around = session.surroundings.namespaces
    others = _one(session, around.others) if around is not None else b"NIL"
    public = _one(session, around.shared) if around is not None and around.public else b"NIL"
    session.write(b"* NAMESPACE %b %b %b\r\n" % (_one(session, ""), others, public))
    return Reply("NAMESPACE completed")


def _one(session: Session, above: str) -> bytes:
    prefix = encode(above + SEPARATOR if above else "", session.enabled.utf8_names)
    return b'((%b "%b"))' % (string(prefix), SEPARATOR.encode("ascii"))
