"""Under which names a session sees the mailboxes of others. Values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from mailframe.store.names import canonical, is_inferior
from mailframe.store.values import INBOX, SEPARATOR


@dataclass(frozen=True, slots=True)
class Place:
    """Whose mailbox a name is.

    Attributes:
        owner: the account; "" for a name above all mailboxes, which is none itself.
        name: the mailbox's name there; "" for one above its mailboxes.
    """

    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The names above other people's mailboxes.

    Attributes:
        others: above accounts and their mailboxes.
        shared: above those of the public account.
        public: the public account; "" for none.
    """

    others: str = "Other Users"
    shared: str = "Shared"
    public: str = ""

    def is_foreign(self, name: str) -> bool:
        """Is this name one of others' mailboxes, or above them?"""
        return any(name == root or is_inferior(name, root) for root in self._roots())

    def place_of(self, name: str) -> Place | None:
        """Whose mailbox this is; None for one of the session's own."""
        name = canonical(name)
        if self.public and (name == self.shared or is_inferior(name, self.shared)):
            inner = name[len(self.shared) + 1 :]
            # The public account's INBOX gets its mail, and is not for all.
            return Place("", "") if not inner or canonical(inner) == INBOX else Place(self.public, inner)
        if name == self.others:
            return Place("", "")
        if is_inferior(name, self.others):
            owner, _, inner = name[len(self.others) + 1 :].partition(SEPARATOR)
            return Place(owner.lower(), canonical(inner) if inner else "")
        return None

    def name_of(self, owner: str, name: str) -> str:
        """What a session calls somebody else's mailbox; "" where it cannot."""
        if owner == self.public:
            return "" if name == INBOX else f"{self.shared}{SEPARATOR}{name}"
        if SEPARATOR in owner:
            return ""
        return f"{self.others}{SEPARATOR}{owner}{SEPARATOR}{name}"

    def root_of(self, owner: str, root: str) -> str:
        """What a session calls a quota root of somebody else's account; "" where it cannot."""
        if root:
            return self.name_of(owner, root)
        if owner == self.public:
            return self.shared
        return "" if SEPARATOR in owner else f"{self.others}{SEPARATOR}{owner}"

    def _roots(self) -> tuple[str, ...]:
        return (self.others, self.shared) if self.public else (self.others,)
