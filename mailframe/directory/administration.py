"""Domains, accounts and aliases in an SQLite file: the side of it that commands use. Every method blocks.

Functions whose names end in ``_txn`` run inside a transaction of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import apsw

from mailframe.database.file import Database
from mailframe.message.address import Address

from . import refusals
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
from .values import Account, Alias, Credential

T = TypeVar("T")


class SQLiteAdministration:
    """`IDirectoryAdmin` over a file; the part of `mailframe.directory.sqlite.SQLiteDirectory` for commands.

    Args:
        database: the file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def _do(self, function: Callable[[apsw.Connection], T]) -> T:
        return self._database.run_blocking(function)

    def domains(self) -> Sequence[str]:
        """All local domains, sorted."""
        return self._do(
            lambda c: [str(name) for (name,) in c.execute("SELECT name FROM domain ORDER BY name")]
        )

    def add_domain(self, domain: str) -> None:
        """Add a domain."""
        name = checked_domain(domain)
        self._do(lambda c: c.execute("INSERT OR IGNORE INTO domain VALUES (?)", (name,)))

    def remove_domain(self, domain: str) -> None:
        """Remove a domain that nothing is in."""
        name = comparable_domain(domain)
        self._do(lambda c: _remove_domain_txn(c, name))

    def accounts(self, domain: str | None = None) -> Sequence[Account]:
        """All accounts, or those of a domain."""
        sql = "SELECT name, enabled, quota FROM account WHERE ?1 IS NULL OR domain = ?1 ORDER BY name"
        values = (_comparable(domain),)
        return self._do(lambda c: [Account(n, bool(e), q) for n, e, q in c.execute(sql, values)])

    def schemes(self, domain: str | None = None) -> Mapping[str, Sequence[str]]:
        """How each account's password is kept."""
        name = _comparable(domain)

        def read_txn(connection: apsw.Connection) -> list[Credential]:
            sql = "SELECT name FROM account WHERE ?1 IS NULL OR domain = ?1 ORDER BY name"
            names = [str(found) for (found,) in connection.execute(sql, (name,))]
            return [found for each in names if (found := credential_txn(connection, each)) is not None]

        return {found.account.name: schemes_of(found) for found in self._do(read_txn)}

    def add_account(self, name: str, password_hash: str, quota: int = 0, keys: Sequence[str] = ()) -> None:
        """Add an account."""
        name = checked_name(name)
        row = (name, address_of(name).domain, checked_hash(password_hash), checked_quota(quota))
        secrets = checked_keys(keys)

        def add_txn(connection: apsw.Connection) -> None:
            _add_account_txn(connection, *row)
            _set_keys_txn(connection, name, secrets)

        self._do(add_txn)

    def set_password(self, name: str, password_hash: str, keys: Sequence[str] = ()) -> None:
        """Replace a password, and the keys of the old one."""
        key, stored, secrets = comparable_name(name), checked_hash(password_hash), checked_keys(keys)

        def set_txn(connection: apsw.Connection) -> bool:
            if not _changes(connection, "UPDATE account SET password_hash = ? WHERE name = ?", stored, key):
                return False
            _set_keys_txn(connection, key, secrets)
            return True

        if not self._do(set_txn):
            raise refusals.no_such_account(name)

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Let an account in, or not."""
        self._change(name, "UPDATE account SET enabled = ? WHERE name = ?", int(enabled))

    def set_quota(self, name: str, quota: int) -> None:
        """Change how much an account may store."""
        self._change(name, "UPDATE account SET quota = ? WHERE name = ?", checked_quota(quota))

    def remove_account(self, name: str) -> None:
        """Remove an account."""
        key = comparable_name(name)
        if not self._do(lambda c: _changes(c, "DELETE FROM account WHERE name = ?", key)):
            raise refusals.no_such_account(name)

    def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        """All aliases, or those of a domain."""
        sql = "SELECT DISTINCT name FROM alias_target WHERE ?1 IS NULL OR domain = ?1 ORDER BY name"

        def read_txn(connection: apsw.Connection) -> list[Alias]:
            names = [str(name) for (name,) in connection.execute(sql, (_comparable(domain),))]
            found = [alias_txn(connection, name) for name in names]
            return [alias for alias in found if alias is not None]

        return self._do(read_txn)

    def set_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Make an address stand for others."""
        address = checked_address(address)
        if not targets:
            raise refusals.no_targets(name_of(address))
        self._do(lambda c: _set_alias_txn(c, address, targets))

    def remove_alias(self, address: Address) -> None:
        """Remove an alias."""
        name = name_of(address)
        if not self._do(lambda c: _changes(c, "DELETE FROM alias_target WHERE name = ?", name)):
            raise refusals.no_such_alias(name)

    def _change(self, name: str, sql: str, value: str | int) -> None:
        key = comparable_name(name)
        if not self._do(lambda c: _changes(c, sql, value, key)):
            raise refusals.no_such_account(name)


def account_txn(connection: apsw.Connection, name: str) -> tuple[Account, str] | None:
    """An account and its password's hash."""
    sql = "SELECT name, enabled, quota, password_hash FROM account WHERE name = ?"
    for found, enabled, quota, password_hash in connection.execute(sql, (name,)):
        return Account(found, bool(enabled), quota), password_hash
    return None


def credential_txn(connection: apsw.Connection, name: str) -> Credential | None:
    """An account with all that passwords are checked against."""
    found = account_txn(connection, name)
    if found is None:
        return None
    sql = "SELECT secret FROM account_keys WHERE account = ? ORDER BY scheme DESC"
    return Credential(*found, tuple(str(secret) for (secret,) in connection.execute(sql, (name,))))


def keep_keys_txn(connection: apsw.Connection, name: str, password_hash: str, keys: Sequence[str]) -> bool:
    """Replace the keys of an account whose password is still kept as this hash."""
    found = account_txn(connection, name)
    if found is None or found[1] != password_hash:
        return False
    _set_keys_txn(connection, name, keys)
    return True


def alias_txn(connection: apsw.Connection, name: str) -> Alias | None:
    """An alias with its targets in order."""
    sql = "SELECT target_local_part, target_domain FROM alias_target WHERE name = ? ORDER BY position"
    targets = tuple(Address(*row) for row in connection.execute(sql, (name,)))
    return Alias(address_of(name), targets) if targets else None


def is_domain_txn(connection: apsw.Connection, domain: str) -> bool:
    """Is it one of our domains?"""
    return bool(list(connection.execute("SELECT 1 FROM domain WHERE name = ?", (domain,))))


def _remove_domain_txn(connection: apsw.Connection, domain: str) -> None:
    if not is_domain_txn(connection, domain):
        raise refusals.no_such_domain(domain)
    sql = "SELECT 1 FROM account WHERE domain = ?1 UNION ALL SELECT 1 FROM alias_target WHERE domain = ?1 LIMIT 1"
    if list(connection.execute(sql, (domain,))):
        raise refusals.domain_in_use(domain)
    connection.execute("DELETE FROM domain WHERE name = ?", (domain,))


def _add_account_txn(
    connection: apsw.Connection, name: str, domain: str, password_hash: str, quota: int
) -> None:
    _require_place_txn(connection, name, domain)
    if alias_txn(connection, name) is not None:
        raise refusals.taken_by_alias(name)
    connection.execute(
        "INSERT INTO account (name, domain, password_hash, quota) VALUES (?, ?, ?, ?)",
        (name, domain, password_hash, quota),
    )


def _set_keys_txn(connection: apsw.Connection, name: str, keys: Sequence[str]) -> None:
    connection.execute("DELETE FROM account_keys WHERE account = ?", (name,))
    connection.executemany(
        "INSERT INTO account_keys VALUES (?, ?, ?)",
        [(name, stored[1:].partition("}")[0], stored) for stored in keys],
    )


def _set_alias_txn(connection: apsw.Connection, address: Address, targets: Sequence[Address]) -> None:
    name = name_of(address)
    _require_place_txn(connection, name, address.domain)
    connection.execute("DELETE FROM alias_target WHERE name = ?", (name,))
    connection.executemany(
        "INSERT INTO alias_target VALUES (?, ?, ?, ?, ?)",
        [(name, n, address.domain, t.local_part, t.domain) for n, t in enumerate(targets)],
    )


def _require_place_txn(connection: apsw.Connection, name: str, domain: str) -> None:
    """The domain is ours and no account has the name."""
    if not is_domain_txn(connection, domain):
        raise refusals.no_such_domain(domain)
    if account_txn(connection, name) is not None:
        raise refusals.taken_by_account(name)


def _changes(connection: apsw.Connection, sql: str, *values: str | int) -> int:
    connection.execute(sql, values)
    return connection.changes()


def _comparable(domain: str | None) -> str | None:
    return None if domain is None else comparable_domain(domain)
