"""SEARCH and UID SEARCH (RFC 3501 section 6.4.4, RFC 4731, RFC 5182, RFC 9394), and CANCELUPDATE (RFC 5267)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.imap.contexts import no_update
from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.returns import Place, Returns, return_options
from mailframe.imap.wire.searching import search_program
from mailframe.imap.wire.sequences import LARGEST, Ranges, SequenceSet
from mailframe.message.status import MailframeError
from mailframe.store.search_keys import SearchKey

from .found import forget, known, tell
from .message_limit import newest_of

if TYPE_CHECKING:
    from mailframe.imap.selected import Selected
    from mailframe.imap.session import Session
    from mailframe.imap.wire.fetching import Attribute


async def search(session: Session, arguments: Parser) -> Reply:
    """SEARCH: answers message sequence numbers."""
    return await _search(session, arguments, by_uid=False)


async def uid_search(session: Session, arguments: Parser) -> Reply:
    """UID SEARCH: answers UIDs."""
    return await _search(session, arguments, by_uid=True)


async def _search(session: Session, arguments: Parser, *, by_uid: bool) -> Reply:
    arguments.space()
    returns = return_options(arguments)
    try:
        resolver = _Resolver(session.mailbox)
        key = search_program(arguments, resolver)
        if returns is not None and returns.updates and session.tag in session.mailbox.contexts:
            raise bad("This tag is one of a search that is kept up")
        key, limited = newest_of(session, key)
        uids = await answer(session, key, returns, by_uid=by_uid)
        if returns is not None and returns.updates:
            _keep_up(session, key, by_uid, uids, resolver.passing, returns.attributes)
    except MailframeError:
        forget(session, returns)
        raise
    return Reply("SEARCH completed", limited)


async def answer(
    session: Session, key: SearchKey, returns: Returns | None, *, by_uid: bool, place: Place | None = None
) -> Sequence[int]:
    """Search the selected mailbox, and say what was found.

    Args:
        returns, by_uid, place: see `tell`.

    Returns:
        The UIDs of what was found.

    Raises:
        MailframeError: a temporary one.
    """
    progress = Progress(session, "Searching")
    result = await progress.wait(session.mailbox.mailbox.search(key))
    found = await known(session, progress, result.uids)
    await tell(session, progress, key, result, found, returns, by_uid=by_uid, place=place)
    return found.uids


async def cancel_update(session: Session, arguments: Parser) -> Reply:
    """CANCELUPDATE: the client need not hear any more how results of searches change (RFC 5267 section 4.5)."""
    arguments.space()
    tags = [arguments.quoted()]
    while arguments.accept(b" "):
        tags.append(arguments.quoted())
    arguments.end()
    for tag in tags:
        session.mailbox.contexts.cancel(tag)
    return Reply("CANCELUPDATE completed")


class _Resolver:
    """Answers a search program for the selected mailbox, and notes whether the answer is one for this moment only.

    Attributes:
        passing: it is: numbers, the highest UID, what is recent and what is old are others later.
    """

    def __init__(self, selected: Selected) -> None:
        self._selected = selected
        self.passing = False

    def numbers(self, wanted: SequenceSet) -> Ranges:
        """See `Resolver.numbers`."""
        self.passing = True
        return self._selected.numbers(wanted)

    def uids(self, wanted: SequenceSet) -> Ranges:
        """See `Resolver.uids`."""
        self.passing |= wanted.saved or any(LARGEST in pair for pair in wanted.ranges)
        return self._selected.uids(wanted)

    def now(self) -> int:
        """See `Resolver.now`."""
        self.passing = True
        return self._selected.now()

    def recent(self) -> Ranges:
        """See `Resolver.recent`."""
        self.passing = True
        return self._selected.recent()


def _keep_up(
    session: Session,
    key: SearchKey,
    by_uid: bool,
    uids: Sequence[int],
    passing: bool,
    attributes: tuple[Attribute, ...],
) -> None:
    if passing:
        session.write(no_update(session.tag, "This search cannot be kept up"))
    elif not session.mailbox.contexts.begin(session.tag, key, by_uid, uids, attributes):
        session.write(no_update(session.tag, "Too many searches are kept up already"))
