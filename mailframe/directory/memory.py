"""A directory in memory: for tests, examples and embedding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from zope.interface import implementer

from mailframe.message.address import Address

from . import refusals
from .grants import checked_subject, subjects_of
from .interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IGrantAdmin,
    IKeepKeys,
    ISenderGrants,
)
from .names import (
    address_of,
    checked_address,
    checked_domain,
    checked_hash,
    checked_keys,
    checked_name,
    checked_quota,
    comparable_domain,
    comparable_name,
    name_of,
    schemes_of,
)
from .passwords import is_hash, make_hash
from .values import Account, Alias, Credential, Grant


@implementer(IDirectory, IDirectoryAdmin, ICredentialSource, IKeepKeys, ISenderGrants, IGrantAdmin)
class MemoryDirectory:
    """Domains, accounts and aliases that last as long as the object.

    Args:
        domains: local domains.
        accounts: account name to password: ``{SCHEME}...``, or in clear; that is hashed with a cheap salted
            digest, because whoever writes a password into a program has no secret to keep.
    """

    def __init__(self, domains: Iterable[str] = (), accounts: Mapping[str, str] | None = None) -> None:
        self._domains: set[str] = set()
        self._accounts: dict[str, Credential] = {}
        self._aliases: dict[str, Alias] = {}
        self._grants: set[tuple[str, str]] = set()
        for domain in domains:
            self.add_domain(domain)
        for name, password in (accounts or {}).items():
            known = is_hash(password)
            self.add_account(name, password if known else make_hash(password, "SSHA256"))

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return comparable_domain(domain) in self._domains

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What exactly this address is."""
        name = name_of(address)
        credential = self._accounts.get(name)
        return credential.account if credential is not None else self._aliases.get(name)

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        credential = self._accounts.get(comparable_name(name))
        return credential.account if credential is not None else None

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against."""
        return self._accounts.get(comparable_name(name))

    async def keep_keys(self, name: str, password_hash: str, keys: Sequence[str]) -> bool:
        """Keep keys beside a hash that is still there."""
        checked = checked_keys(keys)
        found = self._accounts.get(comparable_name(name))
        if found is None or found.password_hash != password_hash:
            return False
        self._accounts[found.account.name] = replace(found, keys=checked)
        return True

    async def granted(self, account: str, address: Address) -> bool:
        """Has the account a grant for this address or its domain?"""
        name = comparable_name(account)
        return any((name, subject) in self._grants for subject in subjects_of(address))

    def domains(self) -> Sequence[str]:
        """All local domains, sorted."""
        return sorted(self._domains)

    def add_domain(self, domain: str) -> None:
        """Add a domain."""
        self._domains.add(checked_domain(domain))

    def remove_domain(self, domain: str) -> None:
        """Remove a domain that nothing is in."""
        domain = comparable_domain(domain)
        if domain not in self._domains:
            raise refusals.no_such_domain(domain)
        if self.accounts(domain) or self.aliases(domain):
            raise refusals.domain_in_use(domain)
        self._domains.remove(domain)

    def accounts(self, domain: str | None = None) -> Sequence[Account]:
        """All accounts, or those of a domain."""
        return [self._accounts[name].account for name in _in_domain(self._accounts, domain)]

    def schemes(self, domain: str | None = None) -> Mapping[str, Sequence[str]]:
        """How each account's password is kept."""
        return {name: schemes_of(self._accounts[name]) for name in _in_domain(self._accounts, domain)}

    def add_account(self, name: str, password_hash: str, quota: int = 0, keys: Sequence[str] = ()) -> None:
        """Add an account."""
        name = checked_name(name)
        self._require_domain(address_of(name).domain)
        self._require_free(name)
        if name in self._aliases:
            raise refusals.taken_by_alias(name)
        self._accounts[name] = Credential(
            Account(name, quota=checked_quota(quota)), checked_hash(password_hash), checked_keys(keys)
        )

    def set_password(self, name: str, password_hash: str, keys: Sequence[str] = ()) -> None:
        """Replace a password, and the keys of the old one."""
        found = self._found(name)
        self._accounts[found.account.name] = Credential(
            found.account, checked_hash(password_hash), checked_keys(keys)
        )

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Let an account in, or not."""
        found = self._found(name)
        self._accounts[found.account.name] = replace(found, account=replace(found.account, enabled=enabled))

    def set_quota(self, name: str, quota: int) -> None:
        """Change how much an account may store."""
        found = self._found(name)
        self._accounts[found.account.name] = replace(
            found, account=replace(found.account, quota=checked_quota(quota))
        )

    def remove_account(self, name: str) -> None:
        """Remove an account."""
        name = self._found(name).account.name
        del self._accounts[name]
        self._grants = {grant for grant in self._grants if grant[0] != name}

    def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        """All aliases, or those of a domain."""
        return [self._aliases[name] for name in _in_domain(self._aliases, domain)]

    def set_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Make an address stand for others."""
        address = checked_address(address)
        name = name_of(address)
        self._require_domain(address.domain)
        self._require_free(name)
        if not targets:
            raise refusals.no_targets(name)
        self._aliases[name] = Alias(address, tuple(targets))

    def remove_alias(self, address: Address) -> None:
        """Remove an alias."""
        name = name_of(address)
        if self._aliases.pop(name, None) is None:
            raise refusals.no_such_alias(name)

    def grants(self, account: str | None = None) -> Sequence[Grant]:
        """All grants, or those of an account."""
        name = None if account is None else comparable_name(account)
        return [Grant(*grant) for grant in sorted(self._grants) if name in (None, grant[0])]

    def grant(self, account: str, subject: str) -> None:
        """Let an account send as somebody."""
        self._grants.add((self._found(account).account.name, checked_subject(subject)))

    def revoke(self, account: str, subject: str) -> None:
        """Take a grant back."""
        grant = (comparable_name(account), checked_subject(subject))
        if grant not in self._grants:
            raise refusals.no_such_grant(*grant)
        self._grants.remove(grant)

    def _require_domain(self, domain: str) -> None:
        if domain not in self._domains:
            raise refusals.no_such_domain(domain)

    def _require_free(self, name: str) -> None:
        if name in self._accounts:
            raise refusals.taken_by_account(name)

    def _found(self, name: str) -> Credential:
        try:
            return self._accounts[comparable_name(name)]
        except KeyError:
            raise refusals.no_such_account(name) from None


def _in_domain(names: Iterable[str], domain: str | None) -> list[str]:
    """The names of one domain (of all, for None), sorted."""
    if domain is None:
        return sorted(names)
    suffix = "@" + comparable_domain(domain)
    return sorted(name for name in names if name.endswith(suffix))
