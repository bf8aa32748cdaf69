"""Entries in an SQLite file. All of this runs inside a transaction of the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from mailframe.message.address import Address

from .entries import Change, Entry, Key, Kind, Outcome
from .names import address_of, name_of
from .values import Account, Alias, AppPassword, Credential, Domain, Grant

_PRUNE_EVERY = 1024
"""Changes between two looks at how long the history has become."""
_ACCOUNT = (
    "SELECT name, enabled, quota, store, forwards, keeps_copy, hold, hold_until, password_hash FROM account"
)
_ONE_ACCOUNT = f"{_ACCOUNT} WHERE name = ?"

_DELETE = {
    Kind.DOMAIN: "DELETE FROM domain WHERE name = ?",
    Kind.ACCOUNT: "DELETE FROM account WHERE name = ?",
    Kind.ALIAS: "DELETE FROM alias_target WHERE name = ?",
}
_NAMES = {
    Kind.DOMAIN: "SELECT name FROM domain WHERE name > ?1 AND (?2 IS NULL OR name = ?2) ORDER BY name LIMIT ?3",
    Kind.ALIAS: "SELECT DISTINCT name FROM alias_target WHERE name > ?1 AND (?2 IS NULL OR domain = ?2) "
    "ORDER BY name LIMIT ?3",
}


class SQLiteTable:
    """`mailframe.directory.editing.Table` over a file.

    Args:
        connection: in a transaction.
        now: seconds since 1970.
        history: how many changes are kept.
    """

    def __init__(self, connection: apsw.Connection, now: int, history: int) -> None:
        self._connection = connection
        self._now = now
        self._history = history

    def get(self, key: Key) -> Entry | None:
        """One entry."""
        return entry_txn(self._connection, key)

    def put(self, entry: Entry) -> None:
        """Keep an entry, in place of the one of that key."""
        if isinstance(entry, Domain):
            self._do(
                "INSERT INTO domain (name, alias_of, catch_all) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "alias_of = excluded.alias_of, catch_all = excluded.catch_all",
                (entry.name, entry.alias_of, _packed(entry.catch_all)),
            )
        elif isinstance(entry, Credential):
            self._put_account(entry)
        elif isinstance(entry, Alias):
            self._put_alias(entry)
        else:
            self._do("INSERT OR IGNORE INTO sender_grant VALUES (?, ?)", (entry.account, entry.subject))

    def remove(self, key: Key) -> None:
        """Forget an entry."""
        if key.kind is Kind.GRANT:
            self._do("DELETE FROM sender_grant WHERE account = ? AND subject = ?", _grant_of(key))
            return
        self._do(_DELETE[key.kind], (key.name,))

    def in_use(self, domain: str) -> bool:
        """Are there accounts or aliases in this domain, or alias domains of it?"""
        sql = (
            "SELECT 1 FROM account WHERE domain = ?1 UNION ALL SELECT 1 FROM alias_target WHERE domain = ?1 "
            "UNION ALL SELECT 1 FROM domain WHERE alias_of = ?1 LIMIT 1"
        )
        return bool(list(self._do(sql, (domain,))))

    def grants(self, account: str) -> Sequence[Grant]:
        """What was granted to an account."""
        sql = "SELECT account, subject FROM sender_grant WHERE account = ? ORDER BY subject"
        return [Grant(*row) for row in self._do(sql, (account,))]

    def note(self, actor: str, outcome: Outcome, key: Key, what: str) -> None:
        """Write a line of history."""
        self._do(
            "INSERT INTO change (time, actor, outcome, kind, name, what) VALUES (?, ?, ?, ?, ?, ?)",
            (self._now, actor, outcome.value, key.kind.value, key.name, what),
        )
        version = self._connection.last_insert_rowid()
        if version % _PRUNE_EVERY == 0:
            self._do("DELETE FROM change WHERE version <= ?", (version - self._history,))

    def _put_account(self, entry: Credential) -> None:
        account = entry.account
        self._do(
            "INSERT INTO account (name, domain, password_hash, enabled, quota, store, forwards, keeps_copy, hold, "
            "hold_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
            "password_hash = excluded.password_hash, enabled = excluded.enabled, quota = excluded.quota, "
            "store = excluded.store, forwards = excluded.forwards, keeps_copy = excluded.keeps_copy, "
            "hold = excluded.hold, hold_until = excluded.hold_until",
            (
                account.name, account.name.rpartition("@")[2], entry.password_hash, int(account.enabled),
                account.quota, account.store, _packed(account.forwards), int(account.keeps_copy), account.hold,
                account.hold_until,
            ),
        )  # fmt: skip
        set_keys_txn(self._connection, account.name, entry.keys)
        self._do("DELETE FROM app_password WHERE account = ?", (account.name,))
        self._connection.executemany(
            "INSERT INTO app_password VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    account.name,
                    one.identifier,
                    one.label,
                    one.password_hash,
                    " ".join(one.scopes),
                    *_times(one),
                )
                for one in entry.app_passwords
            ],
        )

    def _put_alias(self, alias: Alias) -> None:
        name = name_of(alias.address)
        domain = name.rpartition("@")[2]
        self._do("DELETE FROM alias_target WHERE name = ?", (name,))
        self._connection.executemany(
            "INSERT INTO alias_target VALUES (?, ?, ?, ?, ?)",
            [(name, n, domain, t.local_part, t.domain) for n, t in enumerate(alias.targets)],
        )

    def _do(self, sql: str, values: tuple[Any, ...]) -> apsw.Cursor:
        return self._connection.execute(sql, values)


def entry_txn(connection: apsw.Connection, key: Key) -> Entry | None:
    """One entry."""
    if key.kind is Kind.DOMAIN:
        return domain_txn(connection, key.name)
    if key.kind is Kind.ACCOUNT:
        return credential_txn(connection, key.name)
    if key.kind is Kind.ALIAS:
        return alias_txn(connection, key.name)
    grant = _grant_of(key)
    sql = "SELECT 1 FROM sender_grant WHERE account = ? AND subject = ?"
    return Grant(*grant) if list(connection.execute(sql, grant)) else None


def domain_txn(connection: apsw.Connection, name: str) -> Domain | None:
    """One of our domains."""
    sql = "SELECT name, alias_of, catch_all FROM domain WHERE name = ?"
    for found, alias_of, catch_all in connection.execute(sql, (name,)):
        return Domain(found, alias_of, _unpacked(catch_all))
    return None


def account_txn(connection: apsw.Connection, name: str) -> Account | None:
    """An account without its secrets."""
    # Asked for every recipient: `get` is the fastest way to one row.
    row = connection.execute(_ONE_ACCOUNT, (name,)).get
    if row is None:
        return None
    return _account(*row[:-1])


def credential_txn(connection: apsw.Connection, name: str) -> Credential | None:
    """An account with all that passwords are checked against."""
    for row in connection.execute(f"{_ACCOUNT} WHERE name = ?", (name,)):
        return _credential(connection, row)
    return None


def alias_txn(connection: apsw.Connection, name: str) -> Alias | None:
    """An alias with its targets in order."""
    sql = "SELECT target_local_part, target_domain FROM alias_target WHERE name = ? ORDER BY position"
    targets = tuple(Address(*row) for row in connection.execute(sql, (name,)))
    return Alias(address_of(name), targets) if targets else None


def granted_txn(connection: apsw.Connection, account: str, subjects: tuple[str, str]) -> bool:
    """Has the account a grant for one of these?"""
    sql = "SELECT 1 FROM sender_grant WHERE account = ? AND subject IN (?, ?) LIMIT 1"
    return bool(list(connection.execute(sql, (account, *subjects))))


def set_keys_txn(connection: apsw.Connection, name: str, keys: Sequence[str]) -> None:
    """Replace the SCRAM keys of an account."""
    connection.execute("DELETE FROM account_keys WHERE account = ?", (name,))
    connection.executemany(
        "INSERT INTO account_keys VALUES (?, ?, ?)",
        [(name, stored[1:].partition("}")[0], stored) for stored in keys],
    )


def listing_txn(
    connection: apsw.Connection, kind: Kind, domain: str | None, after: str, limit: int
) -> list[Entry]:
    """Some entries of a kind, by name."""
    if kind is Kind.ACCOUNT:
        sql = f"{_ACCOUNT} WHERE name > ?1 AND (?2 IS NULL OR domain = ?2) ORDER BY name LIMIT ?3"
        rows = list(connection.execute(sql, (after, domain, limit)))
        return [_credential(connection, row) for row in rows]
    if kind is Kind.GRANT:
        return list(_grants_txn(connection, domain, after, limit))
    names = [str(name) for (name,) in connection.execute(_NAMES[kind], (after, domain, limit))]
    found = [entry_txn(connection, Key(kind, name)) for name in names]
    return [entry for entry in found if entry is not None]


def changes_txn(connection: apsw.Connection, since: int, limit: int, key: Key | None = None) -> list[Change]:
    """Changes behind a version."""
    sql = "SELECT version, time, actor, outcome, kind, name, what FROM change WHERE version > ?"
    values: tuple[Any, ...] = (since,)
    if key is not None:
        sql += " AND kind = ? AND name = ?"
        values += (key.kind.value, key.name)
    rows = connection.execute(f"{sql} ORDER BY version LIMIT ?", (*values, limit))
    return [
        Change(version, time, actor, Outcome(outcome), Key(Kind(kind), name), what)
        for version, time, actor, outcome, kind, name, what in rows
    ]


def versions_txn(connection: apsw.Connection) -> tuple[str, int, int]:
    """The directory's epoch, the version before the oldest change that is known, and the newest version."""
    ((epoch, oldest, newest),) = connection.execute(
        "SELECT epoch, (SELECT min(version) FROM change), (SELECT seq FROM sqlite_sequence WHERE name = 'change') "
        "FROM identity"
    )
    newest = newest or 0
    return str(epoch), newest if oldest is None else oldest - 1, newest


def _account(
    name: str,
    enabled: int,
    quota: int,
    store: str,
    forwards: str,
    keeps_copy: int,
    hold: str,
    hold_until: int,
) -> Account:
    return Account(name, bool(enabled), quota, store, _unpacked(forwards), bool(keeps_copy), hold, hold_until)


def _credential(connection: apsw.Connection, row: Sequence[Any]) -> Credential:
    name = row[0]
    keys = connection.execute(
        "SELECT secret FROM account_keys WHERE account = ? ORDER BY secret DESC", (name,)
    )
    app_passwords = connection.execute(
        "SELECT identifier, label, password_hash, scopes, created, expires FROM app_password WHERE account = ? "
        "ORDER BY identifier",
        (name,),
    )
    return Credential(
        _account(*row[:-1]),
        row[-1],
        tuple(str(secret) for (secret,) in keys),
        tuple(
            AppPassword(identifier, label, secret, tuple(scopes.split()), created, expires)
            for identifier, label, secret, scopes, created, expires in app_passwords
        ),
    )


def _grants_txn(connection: apsw.Connection, domain: str | None, after: str, limit: int) -> Iterator[Grant]:
    account, _, subject = after.partition(" ")
    sql = (
        "SELECT account, subject FROM sender_grant WHERE (account, subject) > (?1, ?2) AND (?3 IS NULL OR account IN "
        "(SELECT name FROM account WHERE domain = ?3)) ORDER BY account, subject LIMIT ?4"
    )
    for row in connection.execute(sql, (account, subject, domain, limit)):
        yield Grant(*row)


def _times(one: AppPassword) -> tuple[int, int]:
    return one.created, one.expires


def _grant_of(key: Key) -> tuple[str, str]:
    account, _, subject = key.name.partition(" ")
    return account, subject


def _packed(addresses: Sequence[Address]) -> str:
    return json.dumps([[one.local_part, one.domain] for one in addresses], ensure_ascii=False)


def _unpacked(text: str) -> tuple[Address, ...]:
    return tuple(Address(*one) for one in json.loads(text)) if text != "[]" else ()
