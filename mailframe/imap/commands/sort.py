"""SORT and UID SORT (RFC 5256, RFC 5957), with RETURN (RFC 5267)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.imap.contexts import no_update
from mailframe.imap.progress import Progress
from mailframe.imap.sorting import Sorting, sort_items
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.returns import return_options
from mailframe.imap.wire.searching import search_after_charset
from mailframe.imap.wire.sorting import Criterion, sort_criteria
from mailframe.message.status import MailframeError
from mailframe.store.values import Item

from .found import Found, forget, known, tell

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 1000
"""Messages asked of the store at a time."""


async def sort(session: Session, arguments: Parser) -> Reply:
    """SORT: answers message sequence numbers, in order."""
    return await _sort(session, arguments, by_uid=False)


async def uid_sort(session: Session, arguments: Parser) -> Reply:
    """UID SORT: answers UIDs, in order."""
    return await _sort(session, arguments, by_uid=True)


async def _sort(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    returns = return_options(arguments)
    try:
        criteria = sort_criteria(arguments)
        arguments.space()
        key = search_after_charset(arguments, session.mailbox)
        progress = Progress(session, "Sorting")
        result = await progress.wait(session.mailbox.mailbox.search(key))
        found = await _in_order(session, progress, criteria, await known(session, progress, result.uids))
        await tell(session, progress, key, result, found, returns, by_uid=by_uid, word=b"SORT")
    except MailframeError:
        forget(session, returns)
        raise
    if returns is not None and returns.updates:
        session.write(no_update(session.tag, "The order of messages is not kept up"))
    return Reply("SORT completed")


async def _in_order(
    session: Session, progress: Progress, criteria: Sequence[Criterion], found: Found
) -> Found:
    mailbox, uids, view = session.mailbox.mailbox, found.uids, session.mailbox.view
    sorting, items = Sorting(criteria), sort_items(criteria)
    window = WINDOW if Item.SORT_KEYS in items else 10 * WINDOW
    for start in range(0, len(uids), window):
        sorting.add(await mailbox.fetch(uids[start : start + window], items))
        if not await progress.step(min(start + window, len(uids)), len(uids)):
            break
    ordered = sorting.uids()
    return Found(ordered, [number or 0 for number in view.numbers(ordered)])
