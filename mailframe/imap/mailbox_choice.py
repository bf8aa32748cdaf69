"""Which mailboxes a filter is about (RFC 5465 section 6, RFC 7377 section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable

from mailframe.store.names import is_inferior
from mailframe.store.sharing.namespaces import Namespaces
from mailframe.store.values import INBOX, SEPARATOR, MailboxEntry

from .wire import mailbox_filters as filters
from .wire.mailbox_filters import MailboxFilter


def chooses(each: MailboxFilter, entry: MailboxEntry, namespaces: Namespaces | None) -> bool:
    """Is a filter about a mailbox? None but by its name is about the selected one.

    Args:
        namespaces: names above the mailboxes of others; None where mailboxes are not shared.
    """
    match each.word:
        case filters.INBOXES:
            # The only one that mail is delivered to by itself.
            return entry.name == INBOX
        case filters.PERSONAL:
            return namespaces is None or not namespaces.is_foreign(entry.name)
        case filters.SUBSCRIBED:
            return entry.subscribed
        case filters.MAILBOXES:
            return entry.name in each.names
        case filters.SUBTREE | filters.SUBTREE_ONE:
            return _is_under(entry.name, each.names, each.word == filters.SUBTREE_ONE)
    return False


def _is_under(name: str, roots: Iterable[str], one: bool) -> bool:
    """Is it one of these, or below one of them: at any depth, or ``one`` level?"""
    for root in roots:
        if name == root:
            return True
        if is_inferior(name, root) and not (one and SEPARATOR in name[len(root) + 1 :]):
            return True
    return False
