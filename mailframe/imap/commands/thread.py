"""THREAD and UID THREAD (RFC 5256 section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.sorting import fields_of, sent
from mailframe.imap.states import Reply
from mailframe.imap.threading import Threadable, by_references, by_subject, render
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.searching import search_after_charset
from mailframe.imap.wire.sorting import algorithm
from mailframe.message.references import references
from mailframe.message.subject import base_subject
from mailframe.message.text import fold_case
from mailframe.store.values import Item, Message, Span

from .found import known

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 64
"""Messages asked of the store at a time."""
HEAD = 16 * 1024
"""Octets of a message among which its references are looked for."""


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
        found += await _threadables(session, uids[start : start + WINDOW], wanted == "REFERENCES")
        if not await progress.step(min(start + WINDOW, len(uids)), len(uids)):
            break
    roots = by_references(found) if wanted == "REFERENCES" else by_subject(found)

    def number(uid: int) -> int:
        return uid if by_uid else selected.view.number(uid) or 0

    threads = render(roots, number)
    session.write(b"* THREAD%b%b\r\n" % (b" " if threads else b"", threads))
    return Reply("THREAD completed")


async def _threadables(session: Session, uids: Sequence[int], with_references: bool) -> list[Threadable]:
    mailbox = session.mailbox.mailbox
    messages = await mailbox.fetch(uids, Item.ENVELOPE | Item.DATE)
    if not with_references:
        return [_threadable(message) for message in messages]
    heads = await mailbox.read([Span(message.uid, 0, HEAD) for message in messages])
    return [
        _threadable(message, head) for message, head in zip(messages, heads, strict=True) if head is not None
    ]


def _threadable(message: Message, head: bytes | None = None) -> Threadable:
    fields = fields_of(message)
    subject = base_subject(fields.subject)
    own, earlier = references(head) if head is not None else (None, ())
    return Threadable(
        message.uid,
        sent(message, fields),
        fold_case(subject.text),
        subject.is_reply,
        own,
        tuple(reversed(earlier)),
    )
