"""THREAD and UID THREAD (RFC 5256 section 3, draft-ietf-morg-inthread)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.threading import Threadable, by_references, by_references_alone, by_subject, render
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.searching import search_after_charset
from mailframe.imap.wire.sorting import algorithm
from mailframe.message.sort_keys import unpack
from mailframe.store.values import Item, Message

from .found import known

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 1000
"""Messages asked of the store at a time."""
_ALGORITHMS = {"ORDEREDSUBJECT": by_subject, "REFERENCES": by_references, "REFS": by_references_alone}


async def thread(session: Session, arguments: Parser) -> Reply:
    """THREAD: answers message sequence numbers, thread by thread."""
    return await _thread(session, arguments, by_uid=False)


async def uid_thread(session: Session, arguments: Parser) -> Reply:
    """UID THREAD: answers UIDs."""
    return await _thread(session, arguments, by_uid=True)


async def _thread(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    wanted = algorithm(arguments)
    arguments.space()
    selected = session.mailbox
    key = search_after_charset(arguments, selected)
    progress = Progress(session, "Threading")
    result = await progress.wait(selected.mailbox.search(key))
    uids = (await known(session, progress, result.uids)).uids
    found: list[Threadable] = []
    for start in range(0, len(uids), WINDOW):
        messages = await selected.mailbox.fetch(uids[start : start + WINDOW], Item.SORT_KEYS | Item.DATE)
        found += [_threadable(message) for message in messages]
        if not await progress.step(min(start + WINDOW, len(uids)), len(uids)):
            break
    roots = _ALGORITHMS[wanted](found)

    def number(uid: int) -> int:
        return uid if by_uid else selected.view.number(uid) or 0

    threads = render(roots, number)
    session.write(b"* THREAD%b%b\r\n" % (b" " if threads else b"", threads))
    return Reply("THREAD completed")


def _threadable(message: Message) -> Threadable:
    keys = unpack(message.sort_keys or b"")
    date = message.internal_date if keys.sent is None else keys.sent
    return Threadable(message.uid, date, keys.subject, keys.is_reply, keys.message_id, keys.references)
