"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 sections 6.3.1, 6.3.2, 6.4.2; RFC 3691)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.enabled import UID_REQUIRED
from mailframe.imap.selected import ANY_KEYWORD, Selected
from mailframe.imap.states import Reply
from mailframe.imap.wire.mailboxes import spelt_name
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import mailbox_list, status_line
from mailframe.imap.wire.resync import SelectParameters, select_parameters
from mailframe.message.status import MailframeError, ProtocolError
from mailframe.store.names import canonical
from mailframe.store.refusals import NOPERM
from mailframe.store.sharing import rights as letters
from mailframe.store.values import DELETED, SEEN, SYSTEM_FLAGS, Flags, Snapshot

from .create import is_spelt_otherwise, old_name
from .resync import tell_changes

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def select(session: Session, arguments: Parser) -> Reply:
    """SELECT: open a mailbox for reading and writing."""
    return await _open(session, arguments, read_only=False)


async def examine(session: Session, arguments: Parser) -> Reply:
    """EXAMINE: open a mailbox for reading only."""
    return await _open(session, arguments, read_only=True)


async def close(session: Session, arguments: Parser) -> Reply:
    """CLOSE: expunge without a word, and select none; without the right to expunge that is all (RFC 4314)."""
    arguments.end()
    modseq = 0
    if not session.mailbox.read_only:
        try:
            modseq = await _expunge_silently(session.mailbox, session.enabled.qresync)
        except MailframeError as error:
            if error.status.word != NOPERM.word:
                raise
    session.deselect()
    return Reply("CLOSE completed", f"HIGHESTMODSEQ {modseq}" if modseq else None)


async def unselect(session: Session, arguments: Parser) -> Reply:
    """UNSELECT: select none, and expunge nothing."""
    arguments.end()
    session.deselect()
    return Reply("UNSELECT completed")


async def _expunge_silently(selected: Selected, with_modseq: bool) -> int:
    """Expunge, and return the modseq from which the client can go on when it comes back; 0 for none.

    That is the new one (RFC 7162 section 3.2.8) where the client knows all that happened before: then it knows
    which messages had ``\\Deleted``. If others were at work and it was not told yet, the new one would hide that from
    it for ever; it goes on from what it was told last.
    """
    mailbox, view = selected.mailbox, selected.view
    if not with_modseq:
        await mailbox.expunge()
        return 0
    state = view.modseq
    expunged = await mailbox.expunge()
    if view.waiting:
        return 0
    # A modseq that went up by no more than our own change shows that nobody else changed anything between.
    modseq = (await mailbox.changes(state)).modseq
    return modseq if modseq == state + bool(expunged) else state


async def _open(session: Session, arguments: Parser, *, read_only: bool) -> Reply:
    arguments.space()
    name = spelt_name(arguments)
    parameters = select_parameters(arguments)
    arguments.end()
    _check(session, parameters)
    if session.selected is not None:
        # What comes before this is of the old mailbox, what comes behind it of the new one.
        session.write(status_line(b"OK", "The mailbox before is closed", "CLOSED"))
    # Also when this fails, no mailbox is selected any more (RFC 3501 section 6.3.1).
    session.deselect()
    opened = await session.mailboxes.open(canonical(name), read_only)
    # Listening begins before the snapshot is taken, so that nothing falls between the two.
    selected = Selected(opened, session.write, session.clock, session.settings.poll_interval, session.enabled)
    try:
        snapshot = await opened.snapshot()
        permitted = await _permitted(session, opened.name)
    except BaseException:
        selected.close()
        raise
    selected.begin(snapshot)
    selected.permitted = permitted
    session.select(selected)
    session.enabled.condstore |= parameters.condstore
    await _describe(session, selected, snapshot, name)
    if parameters.known is not None:
        await tell_changes(session, selected, parameters.known)
    word = "READ-ONLY" if selected.read_only else "READ-WRITE"
    return Reply("EXAMINE completed" if read_only else "SELECT completed", word)


def _check(session: Session, parameters: SelectParameters) -> None:
    known = parameters.known
    if known is not None and not session.enabled.qresync:
        raise bad("QRESYNC is for clients that enabled it")
    if known is not None and known.numbered and session.enabled.uid_only:
        raise ProtocolError(UID_REQUIRED)


async def _permitted(session: Session, name: str) -> Flags | None:
    """The flags that somebody's rights let him change, where mailboxes are shared (RFC 4314 section 4)."""
    if session.surroundings.namespaces is None:
        return None
    rights = await session.mailboxes.rights(name, session.mailboxes.name)
    if {letters.SEEN, letters.WRITE, letters.DELETE_MESSAGES} <= rights:
        return None
    found = set(SYSTEM_FLAGS - {SEEN, DELETED}) | {ANY_KEYWORD} if letters.WRITE in rights else set()
    found |= {SEEN} if letters.SEEN in rights else set()
    found |= {DELETED} if letters.DELETE_MESSAGES in rights else set()
    return frozenset(found)


async def _describe(session: Session, selected: Selected, snapshot: Snapshot, name: str) -> None:
    enabled, view = session.enabled, selected.view
    selected.write_flags()
    session.write(b"* %d EXISTS\r\n" % len(view))
    if enabled.rev2:
        await _list(session, selected, name)
    else:
        session.write(b"* %d RECENT\r\n" % view.recent_count)
    if snapshot.first_unseen is not None and not enabled.rev2 and not enabled.uid_only:
        number = view.number(snapshot.first_unseen)
        session.write(status_line(b"OK", "First unseen message", f"UNSEEN {number}"))
    uidvalidity = selected.mailbox.uidvalidity
    session.write(status_line(b"OK", "UIDs are valid for this", f"UIDVALIDITY {uidvalidity}"))
    session.write(status_line(b"OK", "Predicted next UID", f"UIDNEXT {snapshot.uidnext}"))
    session.write(status_line(b"OK", "The state this is", f"HIGHESTMODSEQ {max(1, snapshot.modseq)}"))
    session.write(
        status_line(b"OK", "Its name that never changes", f"MAILBOXID ({selected.mailbox.mailbox_id})")
    )


async def _list(session: Session, selected: Selected, name: str) -> None:
    """What LIST says of it, as IMAP4rev2 wants it (RFC 9051 section 6.3.2)."""
    entries = {entry.name: entry for entry in await session.mailboxes.mailboxes()}
    entry = entries.get(selected.mailbox.name)
    attributes = [entry.special_use.encode("ascii")] if entry is not None and entry.special_use else []
    old = old_name(name) if is_spelt_otherwise(name) else b""
    session.write(mailbox_list(b"LIST", attributes, selected.mailbox.name, session.enabled.utf8_names, old))
