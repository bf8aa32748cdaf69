"""Rights and annotations of mailboxes in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mailframe.store.refusals import refuse
from mailframe.store.sharing.entries import PRIVATE, check_counts, checked, fits
from mailframe.store.sharing.rights import ENTRIES_LIMIT as ACCESS_LIMIT
from mailframe.store.sharing.rights import TOO_MANY_ENTRIES, AccessEntry, Rights, effective, identifier


class Sharing:
    """Those of one mailbox, or annotations of an account."""

    def __init__(self) -> None:
        self._access: dict[str, Rights] = {}
        self._values: dict[tuple[str, str], bytes] = {}

    def access(self) -> list[AccessEntry]:
        """See `IMailAccount.access`."""
        return [AccessEntry(who, rights) for who, rights in sorted(self._access.items())]

    def set_access(self, who: str, rights: Rights | None) -> None:
        """See `IMailAccount.set_access`."""
        who = identifier(who)
        if rights is None:
            self._access.pop(who, None)
            return
        if who not in self._access and len(self._access) >= ACCESS_LIMIT:
            raise refuse(TOO_MANY_ENTRIES)
        self._access[who] = rights

    def rights(self, user: str, owner: str) -> Rights:
        """See `IMailAccount.rights`."""
        return effective(self._access, user, user.lower() == owner.lower())

    def metadata(self, wanted: Sequence[str], depth: int, user: str) -> dict[str, bytes]:
        """See `IMailAccount.metadata`."""
        return {
            entry: value
            for (owner, entry), value in sorted(self._values.items(), key=lambda one: one[0][1])
            if owner in ("", user) and any(fits(entry, each, depth) for each in wanted)
        }

    def set_metadata(self, values: Mapping[str, bytes | None], user: str, owner: str) -> None:
        """See `IMailAccount.set_metadata`."""
        after = dict(self._values)
        for entry, value in checked(values).items():
            key = (user if entry.startswith(PRIVATE + "/") else "", entry)
            after.pop(key, None)
            if value is not None:
                after[key] = value
        if any(value is not None for value in values.values()):
            check_counts(Counter(who for who, _ in after), user, owner)
        self._values = after
