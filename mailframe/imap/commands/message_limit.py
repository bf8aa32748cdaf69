"""How many messages one command may deal with, where the administrator says so (MESSAGELIMIT, RFC 9738).

Commands that look or mark deal with the newest ones, and say from which UID on; the client asks for the others with
further commands. Copies are made of all that was asked for, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.message.status import MailframeError, Status
from mailframe.store.search_keys import And, SearchKey, UIDs

if TYPE_CHECKING:
    from mailframe.imap.session import Session


def newest(session: Session, uids: Sequence[int]) -> tuple[Sequence[int], str | None]:
    """Those of some messages that one command may deal with.

    Args:
        uids: ascending.

    Returns:
        The newest ones; and the response code that tells which were left out, None where all are there.
    """
    limit = session.settings.message_limit
    if not limit or len(uids) <= limit:
        return uids, None
    kept = uids[-limit:]
    return kept, f"MESSAGELIMIT {limit} {kept[0]}"


def newest_of(session: Session, key: SearchKey) -> tuple[SearchKey, str | None]:
    """The same for a search: among the messages that its UID sets name, or all."""
    view = session.mailbox.view
    if not session.settings.message_limit or len(view) <= session.settings.message_limit:
        return key, None
    uids: Sequence[int] = view.uids
    for part in key.keys if isinstance(key, And) else (key,):
        if isinstance(part, UIDs):
            named = view.uids_of_uids(part.ranges)
            uids = named if len(uids) == len(view) else sorted(set(named).intersection(uids))
    kept, word = newest(session, uids)
    return (key if word is None else And((UIDs(((kept[0], kept[-1]),)), key))), word


def check(session: Session, count: int) -> None:
    """May one command copy so many, or put so many in?

    Raises:
        MailframeError: ``MESSAGELIMIT``.
    """
    limit = session.settings.message_limit
    if limit and count > limit:
        text = "These are too many messages for one command; take fewer at a time"
        raise MailframeError(Status((5, 3, 4), text, f"MESSAGELIMIT {limit}"))
