"""Entries of a directory as JSON has them, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailframe.directory.entries import Batch, Entry, Key, Kind
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.message.address import Address

Said = Mapping[str, Any]


def from_value(value: Entry | Account | bool | None) -> Any:
    """A value as it is said."""
    if isinstance(value, Domain):
        return {
            "kind": "domain",
            "name": value.name,
            "alias_of": value.alias_of,
            "to": _said(value.catch_all),
        }
    if isinstance(value, Alias):
        return {"kind": "alias", "name": _said([value.address])[0], "to": _said(value.targets)}
    if isinstance(value, Grant):
        return {"kind": "grant", "account": value.account, "subject": value.subject}
    if isinstance(value, Credential):
        return {**_from_account(value.account), "kind": "credential", **_from_secrets(value)}
    return _from_account(value) if isinstance(value, Account) else value


def to_value(said: Any) -> Any:
    """What was said.

    Raises:
        KeyError, TypeError, ValueError: it is nothing of a directory.
    """
    if said is None or isinstance(said, bool):
        return said
    kind = said["kind"]
    if kind == "domain":
        return Domain(_text(said["name"]), _text(said["alias_of"]), _addresses(said["to"]))
    if kind == "alias":
        return Alias(_addresses([said["name"]])[0], _addresses(said["to"]))
    if kind == "grant":
        return Grant(_text(said["account"]), _text(said["subject"]))
    if kind == "credential":
        return Credential(
            _to_account(said),
            _text(said["hash"]),
            tuple(map(_text, said["keys"])),
            tuple(_to_app_password(one) for one in said["app_passwords"]),
        )
    if kind == "account":
        return _to_account(said)
    raise ValueError(f"there is no kind {kind!r}")


def from_batch(batch: Batch | None) -> dict[str, Any]:
    """A batch as it is said."""
    if batch is None:
        return {"version": None}
    return {
        "version": batch.version,
        "entries": [from_value(entry) for entry in batch.entries],
        "removed": [from_key(key) for key in batch.removed],
        "more": batch.more,
    }


def to_batch(said: Said) -> Batch | None:
    """The batch that was said.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    if said["version"] is None:
        return None
    removed = [key for key in map(to_key, said["removed"]) if key is not None]
    return Batch(
        _text(said["version"]), [to_value(one) for one in said["entries"]], removed, bool(said["more"])
    )


def from_key(key: Key | None) -> Sequence[str] | None:
    """A key as it is said."""
    return None if key is None else [key.kind.value, key.name]


def to_key(said: Any) -> Key | None:
    """The key that was said.

    Raises:
        TypeError, ValueError: it is none.
    """
    if said is None:
        return None
    kind, name = said
    return Key(Kind(kind), _text(name))


def _from_account(account: Account) -> dict[str, Any]:
    return {
        "kind": "account",
        "name": account.name,
        "enabled": account.enabled,
        "quota": account.quota,
        "store": account.store,
        "forwards": _said(account.forwards),
        "keeps_copy": account.keeps_copy,
        "hold": account.hold,
        "hold_until": account.hold_until,
    }


def _to_account(said: Said) -> Account:
    return Account(
        _text(said["name"]),
        bool(said["enabled"]),
        int(said["quota"]),
        _text(said["store"]),
        _addresses(said["forwards"]),
        bool(said["keeps_copy"]),
        _text(said["hold"]),
        int(said["hold_until"]),
    )


def _from_secrets(credential: Credential) -> dict[str, Any]:
    return {
        "hash": credential.password_hash,
        "keys": list(credential.keys),
        "app_passwords": [
            [one.identifier, one.label, one.password_hash, list(one.scopes), one.created, one.expires]
            for one in credential.app_passwords
        ],
    }


def _to_app_password(said: Any) -> AppPassword:
    identifier, label, password_hash, scopes, created, expires = said
    return AppPassword(
        _text(identifier),
        _text(label),
        _text(password_hash),
        tuple(map(_text, scopes)),
        int(created),
        int(expires),
    )


def _said(addresses: Sequence[Address]) -> list[list[str]]:
    return [[one.local_part, one.domain] for one in addresses]


def _addresses(said: Any) -> tuple[Address, ...]:
    return tuple(Address(_text(local_part), _text(domain)) for local_part, domain in said)


def _text(said: object) -> str:
    if not isinstance(said, str):
        raise ValueError("expected a text")
    return said
