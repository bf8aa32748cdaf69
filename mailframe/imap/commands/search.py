"""SEARCH and UID SEARCH (RFC 3501 section 6.4.4, RFC 4731, RFC 5182, RFC 9394), and CANCELUPDATE (RFC 5267)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.imap.contexts import no_update
from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.returns import Place, Returns, esearch, return_options
from mailframe.imap.wire.searching import asks_modseq, search_program
from mailframe.imap.wire.sequences import LARGEST, Ranges, SequenceSet, ranges_of
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailbox
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import Item, SearchResult

if TYPE_CHECKING:
    from mailframe.imap.selected import Selected
    from mailframe.imap.session import Session

WINDOW = 5000
"""Messages that are dealt with before others may have their turn."""
ALL = Returns(frozenset({"ALL"}))
"""What SEARCH without RETURN gives."""


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
        uids = await answer(session, key, returns, by_uid=by_uid)
        if returns is not None and returns.updates:
            _keep_up(session, key, by_uid, uids, resolver.passing)
    except MailframeError:
        if returns is not None and returns.saves:
            # A search that says NO leaves nothing saved (RFC 5182 section 2.1).
            session.mailbox.saved = ()
        raise
    return Reply("SEARCH completed")


async def answer(
    session: Session, key: SearchKey, returns: Returns | None, *, by_uid: bool, place: Place | None = None
) -> Sequence[int]:
    """Search the selected mailbox, and say what was found.

    Args:
        returns: None for a SEARCH response, where the session is not one of IMAP4rev2.
        place: the mailbox, where the answer is to name it; then nothing is said where nothing is found.

    Returns:
        The UIDs of what was found.

    Raises:
        MailframeError: a temporary one.
    """
    selected, progress = session.mailbox, Progress(session, "Searching")
    result = await progress.wait(selected.mailbox.search(key))
    uids, numbers = await _known(session, progress, result)
    meant = (returns or ALL).meant(uids)
    modseq = None
    if asks_modseq(key):
        # Whoever asks for mod-sequences knows CONDSTORE (RFC 7162 section 3.1).
        session.enabled.condstore = True
        modseq = await highest(selected.mailbox, progress, result, meant)
    if returns is not None and returns.saves:
        selected.saved = ranges_of(meant)
        if returns.silent:
            return uids
    if place is not None and not uids:
        return uids
    found = uids if by_uid else numbers
    if returns is not None or session.enabled.rev2:
        session.write(esearch(session.tag, returns or ALL, found, by_uid=by_uid, modseq=modseq, place=place))
        return uids
    end = b" (MODSEQ %d)" % modseq if modseq else b""
    session.write(b"* SEARCH%b%b\r\n" % (b"".join([b" %d" % number for number in found]), end))
    return uids


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


def _keep_up(session: Session, key: SearchKey, by_uid: bool, uids: Sequence[int], passing: bool) -> None:
    if passing:
        session.write(no_update(session.tag, "This search cannot be kept up"))
    elif not session.mailbox.contexts.begin(session.tag, key, by_uid, uids):
        session.write(no_update(session.tag, "Too many searches are kept up already"))


async def _known(
    session: Session, progress: Progress, result: SearchResult
) -> tuple[Sequence[int], Sequence[int]]:
    """The UIDs and the numbers of the messages found.

    What the session was not told of yet has no number, and its UID would be a riddle.
    """
    view, found = session.mailbox.view, result.uids
    uids: list[int] = []
    numbers: list[int] = []
    for start in range(0, len(found), WINDOW):
        for uid in found[start : start + WINDOW]:
            number = view.number(uid)
            if number is not None:
                uids.append(uid)
                numbers.append(number)
        if not await progress.step(start, len(found)):
            break
    return uids, numbers


async def highest(mailbox: IMailbox, progress: Progress, result: SearchResult, meant: Sequence[int]) -> int:
    """The highest modseq among some of the messages found."""
    if len(meant) == len(result.uids):
        return result.modseq
    most = 0
    for start in range(0, len(meant), WINDOW):
        window = await mailbox.fetch(meant[start : start + WINDOW], Item.FLAGS)
        most = max([most, *(message.modseq for message in window)])
        if not await progress.step(start, len(meant)):
            break
    return most
