"""SORT and UID SORT (RFC 5256, RFC 5957)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.imap.progress import Progress
from mailframe.imap.sorting import Sorting, sort_items
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.searching import search_after_charset
from mailframe.imap.wire.sorting import sort_criteria
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import DESCRIPTION_ITEMS, Item

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 250
"""Messages asked of the store at a time."""


async def sort(session: Session, arguments: Parser) -> Reply:
    """SORT: answers message sequence numbers, in order."""
    return await _sort(session, arguments, by_uid=False)


async def uid_sort(session: Session, arguments: Parser) -> Reply:
    """UID SORT: answers UIDs, in order."""
    return await _sort(session, arguments, by_uid=True)


async def known_matches(session: Session, progress: Progress, key: SearchKey) -> Sequence[int]:
    """UIDs of the messages that match and that the session knows of."""
    result = await progress.wait(session.mailbox.mailbox.search(key))
    return [uid for uid in result.uids if session.mailbox.view.number(uid) is not None]


async def _sort(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    criteria = sort_criteria(arguments)
    arguments.space()
    selected = session.mailbox
    key = search_after_charset(arguments, selected)
    progress = Progress(session, "Sorting")
    uids = await known_matches(session, progress, key)
    sorting, items = Sorting(criteria), sort_items(criteria)
    window = WINDOW if items & DESCRIPTION_ITEMS else 10 * WINDOW
    for start in range(0, len(uids), window):
        sorting.add(await selected.mailbox.fetch(uids[start : start + window], items | Item(0)))
        if not await progress.step(min(start + window, len(uids)), len(uids)):
            break
    numbers = sorting.uids()
    if not by_uid:
        numbers = [selected.view.number(uid) or 0 for uid in numbers]
    session.write(b"* SORT%b\r\n" % b"".join([b" %d" % number for number in numbers]))
    return Reply("SORT completed")
