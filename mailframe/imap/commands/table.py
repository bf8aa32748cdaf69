"""Which commands there are, in which states each may come, and what may be announced at its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailframe.imap.states import Reply, State
from mailframe.imap.wire.parser import Parser

from . import (
    access,
    append,
    authenticate,
    capability,
    compress,
    copy,
    create,
    enable,
    expunge,
    fetch,
    idle,
    listing,
    metadata,
    multisearch,
    namespace,
    notify,
    quota,
    search,
    select,
    sort,
    starttls,
    status,
    store,
    subscribe,
    thread,
    unauthenticate,
)

if TYPE_CHECKING:
    from mailframe.imap.session import Session

Run = Callable[["Session", Parser], Awaitable[Reply | None]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One command.

    Attributes:
        run: does it.
        states: when it may come.
        expunges: may expunged messages be announced before its tagged response? None: nothing is announced.
    """

    run: Run
    states: frozenset[State]
    expunges: bool | None = True


_BEFORE = frozenset({State.NOT_AUTHENTICATED})
_AFTER = frozenset({State.AUTHENTICATED, State.SELECTED})
_SELECTED = frozenset({State.SELECTED})
_ANY = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})

COMMANDS: dict[str, Entry] = {
    "CAPABILITY": Entry(capability.capability, _ANY),
    "NOOP": Entry(capability.noop, _ANY),
    "LOGOUT": Entry(capability.logout, _ANY, None),
    "ID": Entry(capability.identify, _ANY),
    "STARTTLS": Entry(starttls.starttls, _BEFORE, None),
    "LOGIN": Entry(authenticate.login, _BEFORE, None),
    "AUTHENTICATE": Entry(authenticate.authenticate, _BEFORE, None),
    "SELECT": Entry(select.select, _AFTER, None),
    "EXAMINE": Entry(select.examine, _AFTER, None),
    "SETACL": Entry(access.set_acl, _AFTER),
    "DELETEACL": Entry(access.delete_acl, _AFTER),
    "GETACL": Entry(access.get_acl, _AFTER),
    "LISTRIGHTS": Entry(access.list_rights, _AFTER),
    "MYRIGHTS": Entry(access.list_my_rights, _AFTER),
    "GETMETADATA": Entry(metadata.get_metadata, _AFTER),
    "SETMETADATA": Entry(metadata.set_metadata, _AFTER),
    "GETQUOTA": Entry(quota.get_quota, _AFTER),
    "GETQUOTAROOT": Entry(quota.get_quota_root, _AFTER),
    "SETQUOTA": Entry(quota.set_quota, _AFTER),
    "CREATE": Entry(create.create, _AFTER),
    "DELETE": Entry(create.delete, _AFTER),
    "RENAME": Entry(create.rename, _AFTER),
    "SUBSCRIBE": Entry(subscribe.subscribe, _AFTER),
    "UNSUBSCRIBE": Entry(subscribe.unsubscribe, _AFTER),
    "ENABLE": Entry(enable.enable, _AFTER),
    "NOTIFY": Entry(notify.notify, _AFTER),
    "COMPRESS": Entry(compress.compress, _AFTER, None),
    "UNAUTHENTICATE": Entry(unauthenticate.unauthenticate, _AFTER, None),
    "LIST": Entry(listing.list_, _AFTER),
    "LSUB": Entry(listing.lsub, _AFTER),
    "NAMESPACE": Entry(namespace.namespace, _AFTER),
    "STATUS": Entry(status.status, _AFTER),
    "APPEND": Entry(append.without_literal, _AFTER),
    "REPLACE": Entry(append.replace_without_literal, _SELECTED),
    "UID REPLACE": Entry(append.uid_replace_without_literal, _SELECTED),
    "ESEARCH": Entry(multisearch.esearch_in, _AFTER),
    "IDLE": Entry(idle.idle, _AFTER),
    "CHECK": Entry(capability.check, _SELECTED),
    "CLOSE": Entry(select.close, _SELECTED, None),
    "UNSELECT": Entry(select.unselect, _SELECTED, None),
    "EXPUNGE": Entry(expunge.expunge, _SELECTED),
    "UID EXPUNGE": Entry(expunge.uid_expunge, _SELECTED),
    "CANCELUPDATE": Entry(search.cancel_update, _SELECTED),
    "SEARCH": Entry(search.search, _SELECTED, expunges=False),
    "UID SEARCH": Entry(search.uid_search, _SELECTED),
    "FETCH": Entry(fetch.fetch, _SELECTED, expunges=False),
    "UID FETCH": Entry(fetch.uid_fetch, _SELECTED),
    "SORT": Entry(sort.sort, _SELECTED, expunges=False),
    "UID SORT": Entry(sort.uid_sort, _SELECTED),
    "THREAD": Entry(thread.thread, _SELECTED, expunges=False),
    "UID THREAD": Entry(thread.uid_thread, _SELECTED),
    "STORE": Entry(store.store, _SELECTED, expunges=False),
    "UID STORE": Entry(store.uid_store, _SELECTED),
    "COPY": Entry(copy.copy, _SELECTED),
    "UID COPY": Entry(copy.uid_copy, _SELECTED),
    "MOVE": Entry(copy.move, _SELECTED),
    "UID MOVE": Entry(copy.uid_move, _SELECTED),
}
