"""Administration of several directories as one: each change goes to the member that owns the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from zope.interface import implementer

from mailframe.message.status import MailframeError

from .administration import Administration
from .entries import Change, Edit, Entry, Key, Kind, Outcome, Put, key_of
from .entry_interfaces import IDirectoryEntries
from .interfaces import IDirectoryAdmin, IGrantAdmin
from .names import comparable_domain
from .refusals import WRONG, RefusedEdit


@implementer(IDirectoryAdmin, IDirectoryEntries, IGrantAdmin)
class ChainAdmin(Administration):
    """The members of a chain that commands can change.

    Args:
        members: in order, without those that commands cannot change.
        domains: which member alone has a domain.
    """

    def __init__(
        self, members: Sequence[IDirectoryEntries], domains: Mapping[str, IDirectoryEntries | None]
    ) -> None:
        self._members: tuple[Any, ...] = tuple(members)
        self._domains: dict[str, Any] = {comparable_domain(name): one for name, one in domains.items()}

    def entry(self, key: Key) -> Entry | None:
        """One entry, of the first member that has it."""
        for member in self._asked(_domain_of(key)):
            found: Entry | None = member.entry(key)
            if found is not None:
                return found
        return None

    def listing(
        self, kind: Kind, domain: str | None = None, after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Some entries of a kind, by name, of all members; of several of a name the first member's."""
        found: dict[str, Entry] = {}
        members = self._every if domain is None else self._asked(comparable_domain(domain))
        for member in members:
            for entry in member.listing(kind, domain, after, limit):
                key = key_of(entry)
                if member in self._asked(_domain_of(key)):
                    found.setdefault(key.name, entry)
        return [found[name] for name in islice(sorted(found), limit)]

    def apply(self, edits: Sequence[Edit], actor: str, *, dry_run: bool = False) -> Sequence[Outcome]:
        """Do edits, all or none.

        Raises:
            RefusedEdit: one cannot be done; or they belong to several members, which cannot be changed in one step.
        """
        places = [self._place(index, edit) for index, edit in enumerate(edits)]
        for index, place in enumerate(places):
            if place is not places[0]:
                text = "These changes belong to several directories of the chain; do them one by one"
                raise RefusedEdit(index, MailframeError(WRONG.with_text(text)))
        return places[0].apply(edits, actor, dry_run=dry_run) if places else []

    def history(self, since: int = 0, limit: int = 1000, key: Key | None = None) -> Sequence[Change]:
        """What was changed in the first member, or in the member that has the entry: each counts for itself."""
        member = self._owner("" if key is None else _domain_of(key))
        return [] if member is None else member.history(since, limit, key)

    def last_version(self) -> int:
        """The version of the first member."""
        return self._members[0].last_version() if self._members else 0

    @property
    def _every(self) -> list[Any]:
        return list(dict.fromkeys([*self._members, *filter(None, self._domains.values())]))

    def _asked(self, domain: str) -> Sequence[Any]:
        if domain in self._domains:
            return [one for one in (self._domains[domain],) if one is not None]
        return self._members

    def _owner(self, domain: str) -> Any:
        """The member that has a domain; for a new one, the first."""
        asked = self._asked(domain)
        has = (one for one in asked if one.entry(Key(Kind.DOMAIN, domain)) is not None)
        return next(has, asked[0] if asked else None)

    def _place(self, index: int, edit: Edit) -> Any:
        domain = comparable_domain(_domain_of(key_of(edit.entry) if isinstance(edit, Put) else edit.key))
        place = self._owner(domain)
        if place is None:
            text = f"The directory that has {domain} is not kept by these commands"
            raise RefusedEdit(index, MailframeError(WRONG.with_text(text)))
        return place


def _domain_of(key: Key) -> str:
    if key.kind is Kind.DOMAIN:
        return key.name
    name = key.name.partition(" ")[0] if key.kind is Kind.GRANT else key.name
    return name.rpartition("@")[2]
