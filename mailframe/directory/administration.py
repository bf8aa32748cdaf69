"""`IDirectoryAdmin` and `IGrantAdmin` for any directory that is administered entry by entry. Every method blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from mailframe.message.address import Address
from mailframe.message.status import MailframeError

from . import refusals
from .entries import Entry, Key, Kind, Put, Remove, account_key, key_of
from .grants import checked_subject
from .names import (
    checked_hash,
    checked_keys,
    checked_name,
    comparable_domain,
    comparable_name,
    name_of,
    schemes_of,
)
from .values import Account, Alias, Credential, Domain, Grant

PAGE = 1000
"""Entries asked for at a time."""
_TRIES = 5


class Administration:
    """The plain words of administration, put into edits. Mixed with what provides `IDirectoryEntries`.

    Attributes:
        actor: who changes the directory, for its history.
    """

    actor: str = "program"

    def domains(self) -> Sequence[str]:
        """All local domains, sorted."""
        return [entry.name for entry in self._all(Kind.DOMAIN)]

    def add_domain(self, domain: str) -> None:
        """Add a domain."""
        name = comparable_domain(domain)
        if self._entries.entry(Key(Kind.DOMAIN, name)) is None:
            self._do(Put(Domain(name)))

    def remove_domain(self, domain: str) -> None:
        """Remove a domain that nothing is in."""
        self._do(Remove(Key(Kind.DOMAIN, comparable_domain(domain))))

    def accounts(self, domain: str | None = None) -> Sequence[Account]:
        """All accounts, or those of a domain."""
        return [entry.account for entry in self._all(Kind.ACCOUNT, domain)]

    def schemes(self, domain: str | None = None) -> Mapping[str, Sequence[str]]:
        """How each account's password is kept."""
        return {entry.account.name: schemes_of(entry) for entry in self._all(Kind.ACCOUNT, domain)}

    def add_account(self, name: str, password_hash: str, quota: int = 0, keys: Sequence[str] = ()) -> None:
        """Add an account."""
        account = Account(checked_name(name), quota=quota)
        self._do(Put(Credential(account, checked_hash(password_hash), tuple(keys)), new=True))

    def set_password(self, name: str, password_hash: str, keys: Sequence[str] = ()) -> None:
        """Replace a password, and the keys of the old one."""
        stored, secrets = checked_hash(password_hash), checked_keys(keys)
        self.change_account(name, lambda found: replace(found, password_hash=stored, keys=secrets))

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Let an account in, or not."""
        self.change_account(
            name, lambda found: replace(found, account=replace(found.account, enabled=enabled))
        )

    def set_quota(self, name: str, quota: int) -> None:
        """Change how much an account may store."""
        self.change_account(name, lambda found: replace(found, account=replace(found.account, quota=quota)))

    def remove_account(self, name: str) -> None:
        """Remove an account."""
        self._do(Remove(account_key(name)))

    def change_account(self, name: str, change: Callable[[Credential], Credential]) -> None:
        """Change what is kept of an account, whoever else may change it at the same time.

        Args:
            name: of the account.
            change: makes the new entry of the present one; perhaps called again.

        Raises:
            MailframeError: no such account, or it cannot be so.
        """
        for attempt in range(_TRIES):
            found = self._entries.entry(account_key(name))
            if not isinstance(found, Credential):
                raise refusals.no_such_account(name)
            try:
                self._do(Put(change(found), instead_of=found))
                return
            except MailframeError as error:
                if error.status.word != refusals.CONFLICT.word or attempt == _TRIES - 1:
                    raise

    def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        """All aliases, or those of a domain."""
        return list(self._all(Kind.ALIAS, domain))

    def set_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Make an address stand for others."""
        self._do(Put(Alias(address, tuple(targets))))

    def remove_alias(self, address: Address) -> None:
        """Remove an alias."""
        self._do(Remove(Key(Kind.ALIAS, name_of(address))))

    def grants(self, account: str | None = None) -> Sequence[Grant]:
        """All grants, or those of an account."""
        name = None if account is None else comparable_name(account)
        domain = None if name is None else name.rpartition("@")[2]
        return [grant for grant in self._all(Kind.GRANT, domain) if name in (None, grant.account)]

    def grant(self, account: str, subject: str) -> None:
        """Let an account send as somebody."""
        name, subject = comparable_name(account), checked_subject(subject)
        if self._entries.entry(account_key(name)) is None:
            raise refusals.no_such_account(account)
        self._do(Put(Grant(name, subject)))

    def revoke(self, account: str, subject: str) -> None:
        """Take a grant back."""
        self._do(Remove(Key(Kind.GRANT, f"{comparable_name(account)} {checked_subject(subject)}")))

    @property
    def _entries(self) -> Any:
        # The class this is mixed with; zope's interfaces are no types.
        return self

    def _do(self, edit: Put | Remove) -> None:
        self._entries.apply([edit], self.actor)

    def _all(self, kind: Kind, domain: str | None = None) -> Iterator[Any]:
        after, place = "", None if domain is None else comparable_domain(domain)
        while True:
            page = cast(Sequence[Entry], self._entries.listing(kind, place, after, PAGE))
            yield from page
            if len(page) < PAGE:
                return
            after = key_of(page[-1]).name
