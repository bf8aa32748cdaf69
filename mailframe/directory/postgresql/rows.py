"""Entries in a PostgreSQL database. All of this runs inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, LiteralString

from mailframe.database.postgres import Connection
from mailframe.directory.entries import Batch, Change, Entry, Key, Kind, Outcome
from mailframe.directory.names import address_of, name_of
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.message.address import Address

CHANNEL: Final = "mailframe_directory"
"""Those who remember answers listen here."""
_PRUNE_EVERY: Final = 1024
"""Changes between two looks at how long the history has become."""
_ACCOUNT: Final[LiteralString] = (
    "SELECT name, enabled, quota, store, forwards, keeps_copy, hold, hold_until FROM directory_account"
)
_CREDENTIAL: Final[LiteralString] = (
    "SELECT a.name, a.enabled, a.quota, a.store, a.forwards, a.keeps_copy, a.hold, a.hold_until, a.password_hash, "
    "a.keys, ARRAY(SELECT json_build_array(p.identifier, p.label, p.password_hash, p.scopes, p.created, p.expires) "
    "FROM directory_app_password p WHERE p.account = a.name ORDER BY p.identifier) FROM directory_account a"
)
_DELETE: Final[dict[Kind, LiteralString]] = {
    Kind.DOMAIN: "DELETE FROM directory_domain WHERE name = %s",
    Kind.ACCOUNT: "DELETE FROM directory_account WHERE name = %s",
    Kind.ALIAS: "DELETE FROM directory_alias WHERE name = %s",
}
_LISTING: Final[dict[Kind, LiteralString]] = {
    Kind.DOMAIN: "SELECT name, alias_of, catch_all FROM directory_domain WHERE name > %(after)s "
    "AND (%(domain)s::text IS NULL OR name = %(domain)s) ORDER BY name LIMIT %(limit)s",
    Kind.ACCOUNT: _CREDENTIAL
    + " WHERE a.name > %(after)s AND (%(domain)s::text IS NULL OR a.domain = %(domain)s) "
    "ORDER BY a.name LIMIT %(limit)s",
    Kind.ALIAS: "SELECT name, targets FROM directory_alias WHERE name > %(after)s "
    "AND (%(domain)s::text IS NULL OR domain = %(domain)s) ORDER BY name LIMIT %(limit)s",
    Kind.GRANT: "SELECT account, subject FROM directory_grant WHERE (account, subject) > (%(after)s, %(subject)s) "
    "AND (%(domain)s::text IS NULL OR account IN (SELECT name FROM directory_account WHERE domain = %(domain)s)) "
    "ORDER BY account, subject LIMIT %(limit)s",
}


class PostgresTable:
    """`mailframe.directory.editing.Table` over a database. Whoever makes one waits for others that change something.

    Args:
        connection: in a transaction.
        now: seconds since 1970.
        history: how many changes are kept.
    """

    def __init__(self, connection: Connection, now: int, history: int) -> None:
        self._connection = connection
        self._now = now
        self._history = history
        row = connection.execute("SELECT version FROM directory_state FOR UPDATE").fetchone()
        assert row is not None
        self._version = int(row[0])

    def get(self, key: Key) -> Entry | None:
        """One entry."""
        return entry_txn(self._connection, key)

    def put(self, entry: Entry) -> None:
        """Keep an entry, in place of the one of that key."""
        if isinstance(entry, Domain):
            self._do(
                "INSERT INTO directory_domain (name, alias_of, catch_all) VALUES (%s, %s, %s) ON CONFLICT (name) DO "
                "UPDATE SET alias_of = excluded.alias_of, catch_all = excluded.catch_all",
                (entry.name, entry.alias_of, _packed(entry.catch_all)),
            )
        elif isinstance(entry, Credential):
            self._put_account(entry)
        elif isinstance(entry, Alias):
            name = name_of(entry.address)
            self._do(
                "INSERT INTO directory_alias (name, domain, targets) VALUES (%s, %s, %s) ON CONFLICT (name) DO "
                "UPDATE SET targets = excluded.targets",
                (name, name.rpartition("@")[2], _packed(entry.targets)),
            )
        else:
            self._do(
                "INSERT INTO directory_grant VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (entry.account, entry.subject),
            )

    def remove(self, key: Key) -> None:
        """Forget an entry."""
        if key.kind is Kind.GRANT:
            self._do("DELETE FROM directory_grant WHERE account = %s AND subject = %s", _grant_of(key))
            return
        self._do(_DELETE[key.kind], (key.name,))

    def in_use(self, domain: str) -> bool:
        """Are there accounts or aliases in this domain, or alias domains of it?"""
        row = self._connection.execute(
            "SELECT EXISTS (SELECT FROM directory_account WHERE domain = %(name)s) OR "
            "EXISTS (SELECT FROM directory_alias WHERE domain = %(name)s) OR "
            "EXISTS (SELECT FROM directory_domain WHERE alias_of = %(name)s AND alias_of <> '')",
            {"name": domain},
        ).fetchone()
        return row is not None and bool(row[0])

    def grants(self, account: str) -> Sequence[Grant]:
        """What was granted to an account."""
        sql: LiteralString = (
            "SELECT account, subject FROM directory_grant WHERE account = %s ORDER BY subject"
        )
        return [Grant(*row) for row in self._connection.execute(sql, (account,))]

    def note(self, actor: str, outcome: Outcome, key: Key, what: str) -> None:
        """Write a line of history."""
        self._version += 1
        self._do("UPDATE directory_state SET version = %s", (self._version,))
        self._do(
            "INSERT INTO directory_change (version, time, actor, outcome, kind, name, what) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (self._version, self._now, _sane(actor), outcome.value, key.kind.value, key.name, _sane(what)),
        )
        # Told once at the commit, however many there are.
        self._connection.execute(f"NOTIFY {CHANNEL}")
        if self._version % _PRUNE_EVERY == 0:
            self._do("DELETE FROM directory_change WHERE version <= %s", (self._version - self._history,))

    def _put_account(self, entry: Credential) -> None:
        account = entry.account
        self._do(
            "INSERT INTO directory_account (name, domain, password_hash, keys, enabled, quota, store, forwards, "
            "keeps_copy, hold, hold_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO "
            "UPDATE SET password_hash = excluded.password_hash, keys = excluded.keys, enabled = excluded.enabled, "
            "quota = excluded.quota, store = excluded.store, forwards = excluded.forwards, "
            "keeps_copy = excluded.keeps_copy, hold = excluded.hold, hold_until = excluded.hold_until",
            (
                account.name, account.name.rpartition("@")[2], entry.password_hash, list(entry.keys),
                account.enabled, account.quota, account.store, _packed(account.forwards), account.keeps_copy,
                account.hold, account.hold_until,
            ),
        )  # fmt: skip
        self._do("DELETE FROM directory_app_password WHERE account = %s", (account.name,))
        for one in entry.app_passwords:
            self._do(
                "INSERT INTO directory_app_password VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    account.name, one.identifier, one.label, one.password_hash, list(one.scopes), one.created,
                    one.expires,
                ),
            )  # fmt: skip

    def _do(self, query: LiteralString, values: tuple[Any, ...]) -> None:
        self._connection.execute(query, values)


def entry_txn(connection: Connection, key: Key) -> Entry | None:
    """One entry."""
    if key.kind is Kind.DOMAIN:
        return domain_txn(connection, key.name)
    if key.kind is Kind.ACCOUNT:
        return credential_txn(connection, key.name)
    if key.kind is Kind.ALIAS:
        return alias_txn(connection, key.name)
    grant = _grant_of(key)
    sql: LiteralString = "SELECT account, subject FROM directory_grant WHERE account = %s AND subject = %s"
    return None if connection.execute(sql, grant).fetchone() is None else Grant(*grant)


def domain_txn(connection: Connection, name: str) -> Domain | None:
    """One of our domains."""
    row = connection.execute(
        "SELECT name, alias_of, catch_all FROM directory_domain WHERE name = %s", (name,)
    ).fetchone()
    return None if row is None else _domain(*row)


def account_txn(connection: Connection, name: str) -> Account | None:
    """An account without its secrets."""
    row = connection.execute(_ACCOUNT + " WHERE name = %s", (name,)).fetchone()
    return None if row is None else _account(*row)


def credential_txn(connection: Connection, name: str) -> Credential | None:
    """An account with all that passwords are checked against."""
    row = connection.execute(_CREDENTIAL + " WHERE a.name = %s", (name,)).fetchone()
    return None if row is None else _credential(*row)


def alias_txn(connection: Connection, name: str) -> Alias | None:
    """An alias with its targets in order."""
    row = connection.execute("SELECT name, targets FROM directory_alias WHERE name = %s", (name,)).fetchone()
    return None if row is None else _alias(*row)


def granted_txn(connection: Connection, account: str, subjects: tuple[str, str]) -> bool:
    """Has the account a grant for one of these?"""
    sql: LiteralString = "SELECT 1 FROM directory_grant WHERE account = %s AND subject = ANY(%s) LIMIT 1"
    return connection.execute(sql, (account, list(subjects))).fetchone() is not None


def listing_txn(
    connection: Connection, kind: Kind, domain: str | None, after: str, limit: int
) -> list[Entry]:
    """Some entries of a kind, by name."""
    values: dict[str, Any] = {"after": after, "domain": domain, "limit": limit}
    if kind is Kind.GRANT:
        values["after"], _, values["subject"] = after.partition(" ")
    make: Any = {Kind.DOMAIN: _domain, Kind.ACCOUNT: _credential, Kind.ALIAS: _alias, Kind.GRANT: Grant}[kind]
    return [make(*row) for row in connection.execute(_LISTING[kind], values)]


def entries_txn(connection: Connection, after: Key | None, limit: int) -> list[Entry]:
    """The next entries of all kinds (see `mailframe.directory.entry_interfaces.IDirectoryFeed.entries`)."""
    found: list[Entry] = []
    for kind in list(Kind)[0 if after is None else list(Kind).index(after.kind) :]:
        behind = after.name if after is not None and kind is after.kind else ""
        found += listing_txn(connection, kind, None, behind, limit - len(found))
        if len(found) >= limit:
            break
    return found


def changes_txn(connection: Connection, since: int, limit: int, key: Key | None = None) -> list[Change]:
    """Changes behind a version."""
    kind, name = (None, None) if key is None else (key.kind.value, key.name)
    rows = connection.execute(
        "SELECT version, time, actor, outcome, kind, name, what FROM directory_change WHERE version > %(since)s "
        "AND (%(kind)s::text IS NULL OR (kind = %(kind)s AND name = %(name)s)) ORDER BY version LIMIT %(limit)s",
        {"since": since, "kind": kind, "name": name, "limit": limit},
    )
    return [
        Change(version, time, actor, Outcome(outcome), Key(Kind(of), named), what)
        for version, time, actor, outcome, of, named, what in rows
    ]


def versions_txn(connection: Connection) -> tuple[str, int, int]:
    """The directory's epoch, the version before the oldest change that is known, and the newest version."""
    row = connection.execute(
        "SELECT epoch, version, (SELECT min(version) FROM directory_change) FROM directory_state"
    ).fetchone()
    assert row is not None
    epoch, newest, oldest = row
    return str(epoch), int(newest) if oldest is None else int(oldest) - 1, int(newest)


def batch_txn(connection: Connection, since: str, limit: int) -> Batch | None:
    """What is new since a version (see `mailframe.directory.entry_interfaces.IDirectoryFeed.changes`)."""
    epoch, before_oldest, newest = versions_txn(connection)
    known, _, number = since.partition(":")
    if known != epoch or not number.isdecimal() or not before_oldest <= int(number) <= newest:
        return None
    changes = changes_txn(connection, int(number), limit)
    if not changes:
        return Batch(since)
    found = {change.key: entry_txn(connection, change.key) for change in changes}
    return Batch(
        f"{epoch}:{changes[-1].version}",
        [entry for entry in found.values() if entry is not None],
        [key for key, entry in found.items() if entry is None],
        len(changes) == limit,
    )


def _domain(name: str, alias_of: str, catch_all: str) -> Domain:
    return Domain(name, alias_of, _unpacked(catch_all))


def _alias(name: str, targets: str) -> Alias:
    return Alias(address_of(name), _unpacked(targets))


def _account(
    name: str,
    enabled: bool,
    quota: int,
    store: str,
    forwards: str,
    keeps_copy: bool,
    hold: str,
    hold_until: int,
) -> Account:
    return Account(name, enabled, quota, store, _unpacked(forwards), keeps_copy, hold, hold_until)


def _credential(*row: Any) -> Credential:
    *account, password_hash, keys, app_passwords = row
    return Credential(
        _account(*account),
        password_hash,
        tuple(keys),
        tuple(
            AppPassword(identifier, label, secret, tuple(scopes), created, expires)
            for identifier, label, secret, scopes, created, expires in app_passwords
        ),
    )


def _grant_of(key: Key) -> tuple[str, str]:
    account, _, subject = key.name.partition(" ")
    return account, subject


def _sane(text: str) -> str:
    """What PostgreSQL can keep as text."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


def _packed(addresses: Sequence[Address]) -> str:
    return json.dumps([[one.local_part, one.domain] for one in addresses])


def _unpacked(text: str) -> tuple[Address, ...]:
    return tuple(Address(*one) for one in json.loads(text)) if text != "[]" else ()
