"""ESEARCH: a search in several mailboxes (RFC 7377)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mailframe.imap.contexts import no_update
from mailframe.imap.mailbox_choice import chooses
from mailframe.imap.progress import Progress
from mailframe.imap.states import Reply
from mailframe.imap.wire import mailbox_filters as filters
from mailframe.imap.wire.mailbox_filters import MailboxFilter, sources
from mailframe.imap.wire.parser import Parser, bad
from mailframe.imap.wire.responses import mailbox as mailbox_name
from mailframe.imap.wire.returns import Place, Returns, esearch, return_options
from mailframe.imap.wire.searching import asks_modseq, search_program
from mailframe.imap.wire.sequences import Ranges, SequenceSet
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailbox
from mailframe.store.refusals import NONEXISTENT
from mailframe.store.refusals import NOPERM as READ_ONLY
from mailframe.store.search_keys import SearchKey
from mailframe.store.values import MailboxEntry

from .found import ALL, forget, highest
from .search import answer

if TYPE_CHECKING:
    from mailframe.imap.session import Session

PASSED_OVER = frozenset({NONEXISTENT.word, READ_ONLY.word})
"""Mailboxes that are not there, or not to be read, are left out without a word."""


async def esearch_in(session: Session, arguments: Parser) -> Reply:
    """ESEARCH: a response for each mailbox in which something was found, with UIDs."""
    arguments.space()
    wanted = sources(arguments)
    returns = return_options(arguments) or ALL
    if returns.updates:
        session.write(no_update(session.tag, "ESEARCH is not kept up"))
    if any(each.word == filters.SELECTED for each in wanted) and session.selected is None:
        raise bad("No mailbox is selected")
    if all(each.word == filters.SELECTED for each in wanted):
        return await _in_selected(session, arguments, returns)
    if returns.saves:
        raise bad("SAVE is for a search of the selected mailbox alone")
    key = search_program(arguments, _Elsewhere(session))
    progress = Progress(session, "Searching")
    names = _names(wanted, await session.mailboxes.mailboxes(), session)
    for done, name in enumerate(names):
        await _search(session, progress, name, key, returns)
        await session.connection.drained()
        if not await progress.step(done + 1, len(names)):
            break
    return Reply("ESEARCH completed")


class _Elsewhere:
    """What a search program can ask where there are several mailboxes: no message has a number or a UID there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def numbers(self, wanted: SequenceSet) -> Ranges:
        """See `Resolver.numbers`."""
        raise bad("There are no message sequence numbers in several mailboxes")

    def uids(self, wanted: SequenceSet) -> Ranges:
        """See `Resolver.uids`."""
        raise bad("There are no UIDs in several mailboxes")

    def now(self) -> int:
        """See `Resolver.now`."""
        return int(self._session.clock.seconds())

    def recent(self) -> Ranges:
        """See `Resolver.recent`: what is not selected has nothing recent for this session."""
        return ()


async def _in_selected(session: Session, arguments: Parser, returns: Returns) -> Reply:
    selected = session.mailbox
    place = _place(session, selected.mailbox)
    try:
        await answer(session, search_program(arguments, selected), returns, by_uid=True, place=place)
    except MailframeError:
        forget(session, returns)
        raise
    return Reply("ESEARCH completed")


async def _search(session: Session, progress: Progress, name: str, key: SearchKey, returns: Returns) -> None:
    try:
        mailbox = await session.mailboxes.open(name, read_only=True)
    except MailframeError as error:
        if error.status.word in PASSED_OVER:
            return
        raise
    try:
        result = await progress.wait(mailbox.search(key))
        if not result.uids:
            return
        modseq = None
        if asks_modseq(key):
            session.enabled.condstore = True
            modseq = await highest(mailbox, progress, result, returns.meant(result.uids))
        place = _place(session, mailbox)
        session.write(esearch(session.tag, returns, result.uids, by_uid=True, modseq=modseq, place=place))
    finally:
        mailbox.close()


def _place(session: Session, mailbox: IMailbox) -> Place:
    return Place(mailbox_name(mailbox.name, session.enabled.utf8_names), mailbox.uidvalidity)


def _names(
    wanted: Iterable[MailboxFilter], entries: Sequence[MailboxEntry], session: Session
) -> Sequence[str]:
    """The mailboxes that filters name, each once."""
    there = [entry for entry in entries if entry.selectable]
    namespaces = session.surroundings.namespaces
    found: dict[str, None] = {}
    for each in wanted:
        match each.word:
            case filters.SELECTED:
                found[session.mailbox.mailbox.name] = None
            case filters.MAILBOXES:
                found |= dict.fromkeys(each.names)
            case _:
                found |= {entry.name: None for entry in there if chooses(each, entry, namespaces)}
    return list(found)
