"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 section 3).

What the rights let one do is the store's business (`mailframe.store.sharing`); here they are only told and given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import mailbox
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import astring, string
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.message.status import MailframeError, Status
from mailframe.store.names import canonical
from mailframe.store.refusals import NOT_ALLOWED, refuse
from mailframe.store.sharing import rights as letters
from mailframe.store.sharing.rights import Rights

if TYPE_CHECKING:
    from mailframe.imap.session import Session

NOT_SHARED = Status((5, 5, 0), "Mailboxes are not shared on this server", "CANNOT")
_SHOWN = "lrswipkxteacd"
"""Every right as LISTRIGHTS tells it: those of RFC 4314, and the two of RFC 2086 that stand for several."""


async def set_acl(session: Session, arguments: Parser) -> Reply:
    """SETACL: give somebody these rights, or add to or take from those that he has."""
    name, who = _name(session, arguments), _identifier(arguments)
    arguments.space()
    text = _ascii(arguments.astring())
    arguments.end()
    sign = text[:1] if text[:1] in ("+", "-") else ""
    try:
        given = letters.parse(text.removeprefix(sign))
    except MailframeError:
        # RFC 4314 section 3.1 wants BAD, also for capitals.
        raise bad("There is no such right") from None
    if sign:
        before = await _given(session, name, who)
        given = before | given if sign == "+" else before - given
    await session.mailboxes.set_access(name, who, given)
    return Reply("SETACL completed")


async def delete_acl(session: Session, arguments: Parser) -> Reply:
    """DELETEACL: take all of somebody's rights away."""
    name, who = _name(session, arguments), _identifier(arguments)
    arguments.end()
    await session.mailboxes.set_access(name, who, None)
    return Reply("DELETEACL completed")


async def get_acl(session: Session, arguments: Parser) -> Reply:
    """GETACL: who has which rights. The owner is among them, because he has rights that nobody gave him."""
    name = _name(session, arguments)
    arguments.end()
    entries = {entry.identifier: entry.rights for entry in await session.mailboxes.access(name)}
    if _is_own(session, name):
        me = session.mailboxes.name
        entries.setdefault(me, await session.mailboxes.rights(name, me))
    told = [
        b" %b %b" % (astring(who.encode("utf-8")), astring(letters.written(given, old=True).encode("ascii")))
        for who, given in sorted(entries.items())
    ]
    session.write(b"* ACL %b%b\r\n" % (_spelt(session, name), b"".join(told)))
    return Reply("GETACL completed")


async def list_rights(session: Session, arguments: Parser) -> Reply:
    """LISTRIGHTS: what somebody always has, and what can be given to him, right by right."""
    name, who = _name(session, arguments), _identifier(arguments)
    arguments.end()
    mine = await session.mailboxes.rights(name, session.mailboxes.name)
    if letters.ADMINISTER not in mine:
        raise refuse(NOT_ALLOWED)
    is_owner = _is_own(session, name) and who in (session.mailboxes.name.lower(), letters.OWNER)
    always = letters.written(letters.KEPT_BY_OWNER) if is_owner else ""
    free = " ".join(letter for letter in _SHOWN if letter not in always)
    session.write(
        b"* LISTRIGHTS %b %b %b %b\r\n"
        % (
            _spelt(session, name),
            astring(who.encode("utf-8")),
            string(always.encode("ascii")),
            free.encode("ascii"),
        )
    )
    return Reply("LISTRIGHTS completed")


async def list_my_rights(session: Session, arguments: Parser) -> Reply:
    """MYRIGHTS: what one may do with a mailbox."""
    name = _name(session, arguments)
    arguments.end()
    session.write(await my_rights(session, name))
    return Reply("MYRIGHTS completed")


async def my_rights(session: Session, name: str) -> bytes:
    """The MYRIGHTS response for a mailbox, whole.

    Raises:
        MailframeError: ``NONEXISTENT``, or a temporary one.
    """
    mine = await session.mailboxes.rights(name, session.mailboxes.name)
    written = letters.written(mine, old=True).encode("ascii")
    return b"* MYRIGHTS %b %b\r\n" % (_spelt(session, name), astring(written))


async def _given(session: Session, name: str, who: str) -> Rights:
    for entry in await session.mailboxes.access(name):
        if entry.identifier == who:
            return entry.rights
    return letters.NONE


def _name(session: Session, arguments: Parser) -> str:
    if session.surroundings.namespaces is None:
        raise MailframeError(NOT_SHARED)
    arguments.space()
    return mailbox(arguments)


def _identifier(arguments: Parser) -> str:
    arguments.space()
    try:
        return letters.identifier(arguments.astring().decode("utf-8"))
    except UnicodeDecodeError:
        raise bad("An identifier is written in UTF-8") from None


def _ascii(octets: bytes) -> str:
    if not octets.isascii():
        raise bad("Rights are letters")
    return octets.decode("ascii")


def _is_own(session: Session, name: str) -> bool:
    namespaces = session.surroundings.namespaces
    return namespaces is None or namespaces.place_of(canonical(name)) is None


def _spelt(session: Session, name: str) -> bytes:
    return mailbox_name(name, session.enabled.utf8_names)
