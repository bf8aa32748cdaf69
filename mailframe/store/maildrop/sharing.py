"""Rights and annotations of an account's mailboxes. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailframe.store.refusals import refuse
from mailframe.store.sharing.entries import PRIVATE, check_counts, checked, fits
from mailframe.store.sharing.rights import ENTRIES_LIMIT as ACCESS_LIMIT
from mailframe.store.sharing.rights import TOO_MANY_ENTRIES, AccessEntry, Rights, effective, identifier

from .maildrop import Maildrop


def access(drop: Maildrop, name: str) -> list[AccessEntry]:
    """See `IMailAccount.access`."""
    entries = drop.catalogue.access.of(drop.find(name).mailbox_id)
    return [AccessEntry(each, rights) for each, rights in sorted(entries.items())]


def set_access(drop: Maildrop, name: str, who: str, rights: Rights | None) -> None:
    """See `IMailAccount.set_access`."""
    who = identifier(who)
    mailbox_id = drop.find(name).mailbox_id
    with drop.writing(0):
        entries = drop.catalogue.access.of(drop.current(mailbox_id).mailbox_id)
        if rights is not None and who not in entries and len(entries) >= ACCESS_LIMIT:
            raise refuse(TOO_MANY_ENTRIES)
        drop.catalogue.access.put(mailbox_id, who, rights)


def rights(drop: Maildrop, name: str, user: str) -> Rights:
    """See `IMailAccount.rights`."""
    entries = drop.catalogue.access.of(drop.find(name).mailbox_id)
    return effective(entries, user, user.lower() == drop.account.lower())


def metadata(
    drop: Maildrop, name: str | None, wanted: Sequence[str], depth: int, user: str
) -> dict[str, bytes]:
    """See `IMailAccount.metadata`."""
    entries = drop.catalogue.annotations.of(_place(drop, name), user)
    return {
        entry: value
        for entry, value in sorted(entries.items())
        if any(fits(entry, each, depth) for each in wanted)
    }


def set_metadata(drop: Maildrop, name: str | None, values: Mapping[str, bytes | None], user: str) -> None:
    """See `IMailAccount.set_metadata`."""
    values = checked(values)
    place = _place(drop, name)
    with drop.writing(0):
        if place:
            drop.current(place)
        for entry, value in values.items():
            owner = user if entry.startswith(PRIVATE + "/") else ""
            drop.catalogue.annotations.put(place, owner, entry, value)
        if any(value is not None for value in values.values()):
            check_counts(drop.catalogue.annotations.counts(place), user, drop.account)


def _place(drop: Maildrop, name: str | None) -> str:
    return "" if name is None else drop.find(name).mailbox_id
