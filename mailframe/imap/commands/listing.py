"""LIST and LSUB (RFC 9051 section 6.3.9, RFC 3501 section 6.3.9, RFC 5258, RFC 6154, RFC 3348).

What other extensions let LIST return beside names is in `listing_returns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mailframe.imap.states import Reply
from mailframe.imap.wire import listing as options
from mailframe.imap.wire.listing import Listing, listing
from mailframe.imap.wire.mailboxes import Pattern, decode
from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.responses import mailbox_list, string
from mailframe.message.status import MailframeError
from mailframe.store.names import listing_key, superiors
from mailframe.store.values import MailboxEntry

from .listing_returns import tell_more
from .status_items import status_items

if TYPE_CHECKING:
    from mailframe.imap.session import Session


async def list_(session: Session, arguments: Parser) -> Reply:
    """LIST: mailbox names that match, each with whether it has inferiors and what it is for."""
    request = listing(arguments, status_items)
    if not request.extended and not request.patterns[0]:
        _hierarchy(session, b"LIST")
        return Reply("LIST completed")
    patterns = _patterns(request, session.enabled.utf8_names)
    tree = _Tree(await session.mailboxes.mailboxes())
    extended = request.extended or session.enabled.rev2
    for entry in tree.candidates(request):
        if not any(pattern.matches(entry.name) for pattern in patterns):
            continue
        below = tree.below(entry.name) if options.RECURSIVEMATCH in request.select else ()
        if not (tree.is_selected(entry, request) or below):
            continue
        attributes = tree.attributes(entry, request, extended)
        session.write(
            mailbox_list(
                b"LIST", attributes, entry.name, session.enabled.utf8_names, _child_info(request, below)
            )
        )
        if entry.selectable:
            await tell_more(session, request, entry.name)
        await session.connection.drained()
    return Reply("LIST completed")


async def lsub(session: Session, arguments: Parser) -> Reply:
    """LSUB: subscribed names that match.

    Where a name matches only up to a ``%``, the level above it is told as ``\\Noselect`` (RFC 3501 section 6.3.9).
    """
    reference, pattern = _lsub_arguments(arguments)
    if not pattern:
        _hierarchy(session, b"LSUB")
        return Reply("LSUB completed")
    utf8 = session.enabled.utf8_names
    entries = await session.mailboxes.mailboxes()
    names = {entry.name for entry in entries if entry.subscribed}
    for wanted in _patterns(Listing(reference, (pattern,)), utf8):
        above = _matching_superiors(wanted, names) if b"%" in pattern else set()
        for name in sorted(names | above, key=listing_key):
            if wanted.matches(name):
                attributes = () if name in names else (b"\\Noselect",)
                session.write(mailbox_list(b"LSUB", attributes, name, utf8))
    return Reply("LSUB completed")


class _Tree:
    """The names of one account while they are listed."""

    def __init__(self, entries: Sequence[MailboxEntry]) -> None:
        self._entries = entries
        self._parents = {above for entry in entries if entry.selectable for above in superiors(entry.name)}
        self._below: dict[str, set[str]] = {}

    def candidates(self, request: Listing) -> Sequence[MailboxEntry]:
        """All names that may be listed; levels above subscribed ones where these may be asked for."""
        if options.RECURSIVEMATCH not in request.select:
            return self._entries
        for entry in self._entries:
            for option in _criteria(request):
                if _meets(entry, option):
                    for above in superiors(entry.name):
                        self._below.setdefault(above, set()).add(option)
        known = {entry.name for entry in self._entries}
        missing = [MailboxEntry(name, selectable=False) for name in self._below.keys() - known]
        return sorted([*self._entries, *missing], key=lambda entry: listing_key(entry.name))

    def below(self, name: str) -> Iterable[str]:
        """The selection options that an inferior of the name meets (RFC 5258 section 3.5)."""
        return sorted(self._below.get(name, ()))

    def is_selected(self, entry: MailboxEntry, request: Listing) -> bool:
        """Does it meet all selection options? Without them it must be a mailbox, or have inferiors that are."""
        criteria = _criteria(request)
        if not criteria:
            return entry.selectable or entry.name in self._parents
        return all(_meets(entry, option) for option in criteria)

    def attributes(self, entry: MailboxEntry, request: Listing, extended: bool) -> Iterator[bytes]:
        """What LIST says of a name."""
        if not entry.selectable:
            yield b"\\NonExistent" if extended else b"\\Noselect"
        if entry.subscribed and options.SUBSCRIBED in request.select | request.returned:
            yield b"\\Subscribed"
        yield b"\\HasChildren" if entry.name in self._parents else b"\\HasNoChildren"
        if entry.special_use is not None:
            yield entry.special_use.encode("ascii")


def _criteria(request: Listing) -> Sequence[str]:
    return [option for option in (options.SUBSCRIBED, options.SPECIAL_USE) if option in request.select]


def _meets(entry: MailboxEntry, option: str) -> bool:
    return entry.subscribed if option == options.SUBSCRIBED else entry.special_use is not None


def _child_info(request: Listing, below: Iterable[str]) -> bytes:
    words = b" ".join(string(option.encode("ascii")) for option in below)
    return b'"CHILDINFO" (%b)' % words if words else b""


def _patterns(request: Listing, utf8: bool) -> Sequence[Pattern]:
    """The patterns behind the reference; without those that can match no name."""
    found = []
    for pattern in request.patterns:
        try:
            found.append(Pattern(decode(request.reference + pattern, utf8)))
        except MailframeError:
            continue
    return found


def _lsub_arguments(arguments: Parser) -> tuple[bytes, bytes]:
    arguments.space()
    reference = arguments.astring()
    arguments.space()
    pattern = arguments.list_mailbox()
    arguments.end()
    return reference, pattern


def _hierarchy(session: Session, response: bytes) -> None:
    """An empty pattern asks for the separator; there is one root, whatever the reference (RFC 3501 section 6.3.8)."""
    session.write(mailbox_list(response, (b"\\Noselect",), ""))


def _matching_superiors(wanted: Pattern, names: Iterable[str]) -> set[str]:
    """Levels above subscribed names that do not match themselves."""
    above = {level for name in names if not wanted.matches(name) for level in superiors(name)}
    return {level for level in above if wanted.matches(level)}
