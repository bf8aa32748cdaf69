"""LIST, LSUB, NAMESPACE (RFC 3501 sections 6.3.8 and 6.3.9, RFC 2342, RFC 3348, RFC 6154)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import Pattern, decode
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import mailbox_list
from mailframe.message.status import MailframeError
from mailframe.store.names import listing_key, superiors
from mailframe.store.values import SEPARATOR, MailboxEntry

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def list_(session: Session, arguments: Parser) -> Reply:
    """LIST: mailbox names that match, each with whether it has inferiors and what it is for."""
    reference, pattern = _arguments(arguments)
    if not pattern:
        _hierarchy(session, b"LIST")
        return Reply("LIST completed")
    entries = await session.mailboxes.mailboxes()
    parents = {above for entry in entries if entry.selectable for above in superiors(entry.name)}
    # A name that is no mailbox is listed for its inferiors, not for its subscription.
    existing = [entry for entry in entries if entry.selectable or entry.name in parents]
    wanted = _pattern(reference, pattern, session.enabled.utf8_names)
    for entry in existing:
        if wanted is not None and wanted.matches(entry.name):
            attributes = _attributes(entry, entry.name in parents)
            session.write(mailbox_list(b"LIST", attributes, entry.name, session.enabled.utf8_names))
    return Reply("LIST completed")


async def lsub(session: Session, arguments: Parser) -> Reply:
    """LSUB: subscribed names that match.

    Where a name matches only up to a ``%``, the level above it is told as ``\\Noselect`` (RFC 3501 section 6.3.9).
    """
    reference, pattern = _arguments(arguments)
    if not pattern:
        _hierarchy(session, b"LSUB")
        return Reply("LSUB completed")
    entries = await session.mailboxes.mailboxes()
    names = {entry.name for entry in entries if entry.subscribed}
    wanted = _pattern(reference, pattern, session.enabled.utf8_names)
    if wanted is not None:
        above = _matching_superiors(wanted, names) if b"%" in pattern else set()
        for name in sorted(names | above, key=listing_key):
            if wanted.matches(name):
                attributes = () if name in names else (b"\\Noselect",)
                session.write(mailbox_list(b"LSUB", attributes, name, session.enabled.utf8_names))
    return Reply("LSUB completed")


async def namespace(session: Session, arguments: Parser) -> Reply:
    """NAMESPACE: one personal namespace, no others (RFC 2342)."""
    arguments.end()
    session.write(b'* NAMESPACE (("" "%b")) NIL NIL\r\n' % SEPARATOR.encode("ascii"))
    return Reply("NAMESPACE completed")


def _arguments(arguments: Parser) -> tuple[bytes, bytes]:
    arguments.space()
    reference = arguments.astring()
    arguments.space()
    pattern = arguments.list_mailbox()
    arguments.end()
    return reference, pattern


def _pattern(reference: bytes, pattern: bytes, utf8: bool) -> Pattern | None:
    """The pattern behind the reference; None where it can match no name."""
    try:
        text = decode(reference + pattern, utf8)
    except MailframeError:
        return None
    return Pattern(text)


def _hierarchy(session: Session, response: bytes) -> None:
    """An empty pattern asks for the separator; there is one root, whatever the reference (RFC 3501 section 6.3.8)."""
    session.write(mailbox_list(response, (b"\\Noselect",), ""))


def _attributes(entry: MailboxEntry, has_children: bool) -> Iterable[bytes]:
    if not entry.selectable:
        yield b"\\Noselect"
    yield b"\\HasChildren" if has_children else b"\\HasNoChildren"
    if entry.special_use is not None:
        yield entry.special_use.encode("ascii")


def _matching_superiors(wanted: Pattern, names: Iterable[str]) -> set[str]:
    """Levels above subscribed names that do not match themselves."""
    above = {level for name in names if not wanted.matches(name) for level in superiors(name)}
    return {level for level in above if wanted.matches(level)}
