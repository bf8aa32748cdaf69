"""STORE and UID STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire.flags import store_flags
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import status_line
from mailframe.imap.wire.sequences import render_set, sequence_set
from mailframe.store.values import FlagChange, Stored

from .message_limit import newest

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WRITE_PIECES = 500
"""FETCH responses joined into one write."""

_CHANGES = {
    "FLAGS": FlagChange.REPLACE,
    "+FLAGS": FlagChange.ADD,
    "-FLAGS": FlagChange.REMOVE,
}


async def store(session: Session, arguments: Parser) -> Reply:
    """STORE by message sequence number."""
    return await _store(session, arguments, by_uid=False)


async def uid_store(session: Session, arguments: Parser) -> Reply:
    """STORE by UID."""
    return await _store(session, arguments, by_uid=True)


async def _store(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    wanted = sequence_set(arguments)
    arguments.space()
    unchanged_since = _modifiers(arguments)
    change, silent = _item(arguments)
    arguments.space()
    flags = store_flags(arguments)
    arguments.end()
    if unchanged_since is not None:
        session.enabled.condstore = True
    selected = session.mailbox
    selected.check_writable()
    uids, limited = newest(session, selected.messages(wanted, by_uid))
    if not uids:
        return Reply("STORE completed")
    told, stored = await Progress(session, "Storing").wait(
        selected.store(uids, change, flags, silent=silent, unchanged_since=unchanged_since)
    )
    for start in range(0, len(told), WRITE_PIECES):
        window = [one for one in told[start : start + WRITE_PIECES] if selected.view.number(one.uid)]
        session.write(b"".join([selected.fetch_flags(message, by_uid) for message in window]))
        await session.connection.drained()
    if not told and session.enabled.condstore and stored.changed:
        await _tell_modseqs(session, stored)
    return _reply(session, stored, by_uid, limited)


async def _tell_modseqs(session: Session, stored: Stored) -> None:
    """Also who does not want to hear of flags must know the new mod-sequences (RFC 7162 section 3.1.3)."""
    selected = session.mailbox
    changed = [one for one in stored.messages if one.modseq == stored.modseq]
    for start in range(0, len(changed), WRITE_PIECES):
        window = [one for one in changed[start : start + WRITE_PIECES] if selected.view.number(one.uid)]
        session.write(b"".join([selected.fetch_modseq(message) for message in window]))
        await session.connection.drained()


def _reply(session: Session, stored: Stored, by_uid: bool, limited: str | None) -> Reply:
    view = session.mailbox.view
    failed = [uid if by_uid else view.number(uid) for uid in stored.failed]
    left = [number for number in failed if number is not None]
    if not left:
        return Reply("STORE completed", limited)
    if limited is not None:
        # There is one response code a response.
        session.write(status_line(b"OK", "Some messages were left out", limited))
    return Reply("Some messages were changed meanwhile", f"MODIFIED {render_set(left).decode('ascii')}")


def _modifiers(parser: Parser) -> int | None:
    """Take ``(UNCHANGEDSINCE 12345)`` and the space behind it, if they are next."""
    if not parser.accept(b"("):
        return None
    if parser.word() != "UNCHANGEDSINCE":
        raise bad("There is no such modifier of STORE")
    parser.space()
    # Zero is allowed here: no message is that old (RFC 7162 section 3.1.3).
    since = parser.number64()
    parser.expect(b")")
    parser.space()
    return since


def _item(parser: Parser) -> tuple[FlagChange, bool]:
    sign = "+" if parser.accept(b"+") else "-" if parser.accept(b"-") else ""
    word = parser.word()
    silent = word == "FLAGS.SILENT"
    if word != "FLAGS" and not silent:
        raise bad("There is no such item to store")
    return _CHANGES[sign + "FLAGS"], silent
