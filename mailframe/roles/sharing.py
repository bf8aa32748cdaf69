"""Mailboxes of others beside one's own (``[sharing]``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.database.lanes import CallFromThread
from mailframe.store.interfaces import IMailStore
from mailframe.store.sharing.namespaces import Namespaces
from mailframe.store.sharing.options import SharingOptions
from mailframe.store.sharing.shares import KeptShares, MakesShares, SQLiteShares
from mailframe.store.sharing.store import SharingStore

if TYPE_CHECKING:
    from .context import Context


def shared_store(store: IMailStore, options: SharingOptions, context: Context) -> SharingStore:
    """A store whose sessions see the mailboxes of others."""
    shares = context.keep(_shares_of(store, options, context.reactor))
    return SharingStore(store, shares, namespaces_of(options), options.anyone)


def sharing_for_commands(store: IMailStore, options: SharingOptions) -> tuple[SharingStore, KeptShares]:
    """The same for a command, and what it has to start and stop."""
    shares = _shares_of(store, options, None)
    return SharingStore(store, shares, namespaces_of(options), options.anyone), shares


def namespaces_of(options: SharingOptions) -> Namespaces:
    """Under which names they are seen."""
    return Namespaces(options.others, options.shared, options.public.lower())


def _shares_of(store: IMailStore, options: SharingOptions, reactor: CallFromThread | None) -> KeptShares:
    """The store's own, where it is one that several nodes have; else the node's file."""
    return store.shares() if isinstance(store, MakesShares) else SQLiteShares(str(options.index), reactor)
