"""STORE and UID STORE (RFC 3501 section 6.4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire.flags import store_flags
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.sequences import sequence_set
from mailframe.store.values import FlagChange

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
    change, silent = _item(arguments)
    arguments.space()
    flags = store_flags(arguments)
    arguments.end()
    selected = session.mailbox
    selected.check_writable()
    uids = selected.messages(wanted, by_uid)
    progress = Progress(session, "Storing")
    told = await progress.wait(selected.store(uids, change, flags, silent=silent)) if uids else ()
    for start in range(0, len(told), WRITE_PIECES):
        numbered = [
            (selected.view.number(message.uid), message) for message in told[start : start + WRITE_PIECES]
        ]
        session.write(
            b"".join(
                [
                    selected.fetch_flags(number, message, by_uid)
                    for number, message in numbered
                    if number is not None
                ]
            )
        )
        await session.connection.drained()
    return Reply("STORE completed")


def _item(parser: Parser) -> tuple[FlagChange, bool]:
    sign = "+" if parser.accept(b"+") else "-" if parser.accept(b"-") else ""
    word = parser.word()
    silent = word == "FLAGS.SILENT"
    if word != "FLAGS" and not silent:
        raise bad("There is no such item to store")
    return _CHANGES[sign + "FLAGS"], silent
