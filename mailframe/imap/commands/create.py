"""CREATE, DELETE, RENAME (RFC 9051 sections 6.3.4 to 6.3.6; what it is for: RFC 6154 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import spelt_name
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.imap.wire.responses import mailbox_list
from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError
from mailframe.store.names import canonical
from mailframe.store.refusals import USEATTR
from mailframe.store.values import SEPARATOR, SPECIAL_USES

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def create(session: Session, arguments: Parser) -> Reply:
    """CREATE: make a mailbox and its missing superiors."""
    spelt = _name(arguments)
    name = canonical(spelt)
    special_use = _special_use(arguments) if arguments.accept(b" ") else None
    arguments.end()
    mailbox_id = await session.mailboxes.create(name, special_use)
    tell_canonical(session, spelt)
    return Reply("CREATE completed", f"MAILBOXID ({mailbox_id})")


async def delete(session: Session, arguments: Parser) -> Reply:
    """DELETE: remove a mailbox; its inferiors stay. If it was the selected one, none is selected now."""
    name = canonical(_name(arguments))
    arguments.end()
    await session.mailboxes.delete(name)
    await _let_go(session)
    return Reply("DELETE completed")


async def rename(session: Session, arguments: Parser) -> Reply:
    """RENAME: rename a mailbox with its inferiors; of INBOX only its messages."""
    name, spelt = canonical(_name(arguments)), _name(arguments)
    new_name = canonical(spelt)
    arguments.end()
    await session.mailboxes.rename(name, new_name)
    if session.enabled.rev2:
        # What else knows the mailbox by its old name can find it again (RFC 9051 section 6.3.6).
        session.write(mailbox_list(b"LIST", (), new_name, True, old_name(name)))
        tell_canonical(session, spelt)
    return Reply("RENAME completed")


def tell_canonical(session: Session, name: str) -> None:
    """Tell clients of IMAP4rev2 under which name a mailbox is kept that they spelt otherwise (RFC 9051 section 9)."""
    if session.enabled.rev2 and is_spelt_otherwise(name):
        session.write(mailbox_list(b"LIST", (), canonical(name), True, old_name(name)))


def is_spelt_otherwise(name: str) -> bool:
    """Is it another spelling than the one that the mailbox is kept under? A separator at its end is none."""
    return canonical(name) != name.removesuffix(SEPARATOR)


def old_name(name: str) -> bytes:
    """The extended data item OLDNAME of LIST."""
    return b'"OLDNAME" (%b)' % mailbox_name(name, utf8=True)


async def _let_go(session: Session) -> None:
    # Other sessions that had it selected are told BYE. The one that deleted it knows, and its program
    # (Python's imaplib, for one) would take BYE before the tagged OK for a failure of the command.
    if session.selected is None:
        return
    try:
        await session.selected.announce(expunges=True, look=True)
    except MailframeError as error:
        if error.status.word == NO_SUCH_MAILBOX.word:
            session.deselect()


def _special_use(arguments: Parser) -> str | None:
    """Take ``(USE (\\Drafts))``. Names nobody knows, or two of them, cannot be had."""
    arguments.expect(b"(")
    if arguments.word() != "USE":
        raise bad("There is no such parameter of CREATE")
    arguments.space()
    arguments.expect(b"(")
    uses: list[str] = []
    while not arguments.accept(b")"):
        if uses:
            arguments.space()
        arguments.expect(b"\\")
        uses.append("\\" + arguments.atom().decode("ascii"))
    arguments.expect(b")")
    if len(uses) > 1:
        raise MailframeError(USEATTR, "a mailbox has one special use at most")
    known = {use.lower(): use for use in SPECIAL_USES}
    if uses and uses[0].lower() not in known:
        raise MailframeError(USEATTR, f"there is no special use {uses[0]!r}")
    return known[uses[0].lower()] if uses else None


def _name(arguments: Parser) -> str:
    arguments.space()
    return spelt_name(arguments)
