"""CREATE, DELETE, RENAME (RFC 3501 sections 6.3.3 to 6.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def create(session: Session, arguments: Parser) -> Reply:
    """CREATE: make a mailbox and its missing superiors."""
    name = _name(arguments)
    arguments.end()
    await session.mailboxes.create(name)
    return Reply("CREATE completed")


async def delete(session: Session, arguments: Parser) -> Reply:
    """DELETE: remove a mailbox; its inferiors stay."""
    name = _name(arguments)
    arguments.end()
    await session.mailboxes.delete(name)
    return Reply("DELETE completed")


async def rename(session: Session, arguments: Parser) -> Reply:
    """RENAME: rename a mailbox with its inferiors; of INBOX only its messages."""
    name = _name(arguments)
    new_name = _name(arguments)
    arguments.end()
    await session.mailboxes.rename(name, new_name)
    return Reply("RENAME completed")


def _name(arguments: Parser) -> str:
    arguments.space()
    return mailbox(arguments)
