"""A directory as lines of JSON: one object an entry, with all there is to it. Ours, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mailframe.directory.entries import Entry
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.status import MailframeError

from .values import Found, Problem, Read

_SECRET = ("password_hash", "keys", "app_passwords")


def write_entry(entry: Entry, secrets: bool = True) -> str:
    """An entry as a line, without its end.

    Args:
        secrets: with what accounts log in by.
    """
    said = _said(entry)
    if not secrets:
        said = {key: value for key, value in said.items() if key not in _SECRET}
    return json.dumps(said, ensure_ascii=False)


def read_entries(lines: Iterable[str]) -> Found:
    """The entries of a file; what a line does not say is as it is for a new entry."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            # An account that was exported without its secrets keeps those that it has.
            yield Read(number, _entry(said), complete="account" not in said or "password_hash" in said)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MailframeError) as error:
            yield Problem(number, _reason(error))


def _said(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Domain):
        return {"domain": entry.name, "alias_of": entry.alias_of, "catch_all": _texts(entry.catch_all)}
    if isinstance(entry, Alias):
        return {"alias": str(entry.address), "targets": _texts(entry.targets)}
    if isinstance(entry, Grant):
        return {"grant": entry.account, "subject": entry.subject}
    account = entry.account
    return {
        "account": account.name,
        "enabled": account.enabled,
        "quota": account.quota,
        "store": account.store,
        "forwards": _texts(account.forwards),
        "keeps_copy": account.keeps_copy,
        "password_hash": entry.password_hash,
        "keys": list(entry.keys),
        "app_passwords": [_said_app_password(one) for one in entry.app_passwords],
    }


def _said_app_password(one: AppPassword) -> dict[str, Any]:
    return {
        "identifier": one.identifier, "label": one.label, "password_hash": one.password_hash,
        "scopes": list(one.scopes), "created": one.created, "expires": one.expires,
    }  # fmt: skip


def _entry(said: Mapping[str, Any]) -> Entry:
    if "domain" in said:
        _only(said, "domain", "alias_of", "catch_all")
        return Domain(_text(said, "domain"), _text(said, "alias_of", ""), _addresses(said, "catch_all"))
    if "alias" in said:
        _only(said, "alias", "targets")
        return Alias(parse_mailbox(_text(said, "alias")), _addresses(said, "targets"))
    if "grant" in said:
        _only(said, "grant", "subject")
        return Grant(_text(said, "grant"), _text(said, "subject"))
    _only(said, "account", "enabled", "quota", "store", "forwards", "keeps_copy", *_SECRET)
    account = Account(
        _text(said, "account"),
        _typed(said, "enabled", bool, True),
        _typed(said, "quota", int, 0),
        _text(said, "store", ""),
        _addresses(said, "forwards"),
        _typed(said, "keeps_copy", bool, True),
    )
    keys = tuple(str(one) for one in _typed(said, "keys", list, []))
    apps = tuple(_app_password(one) for one in _typed(said, "app_passwords", list, []))
    return Credential(account, _text(said, "password_hash", ""), keys, apps)


def _app_password(said: Mapping[str, Any]) -> AppPassword:
    _only(said, "identifier", "label", "password_hash", "scopes", "created", "expires")
    return AppPassword(
        _text(said, "identifier"),
        _text(said, "label", ""),
        _text(said, "password_hash"),
        tuple(str(one) for one in _typed(said, "scopes", list, [])),
        _typed(said, "created", int, 0),
        _typed(said, "expires", int, 0),
    )


def _only(said: Mapping[str, Any], *known: str) -> None:
    others = sorted(set(said) - set(known))
    if others:
        raise ValueError(f"{others[0]!r} is not known here; known are {', '.join(known)}")


def _text(said: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = _typed(said, key, str, default)
    return str(value)


def _typed(said: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = said.get(key, default)
    if value is None:
        raise ValueError(f"{key} is missing")
    if type(value) is not kind:
        raise ValueError(f"{key} is a {kind.__name__}")
    return value


def _addresses(said: Mapping[str, Any], key: str) -> tuple[Address, ...]:
    return tuple(parse_mailbox(str(one)) for one in _typed(said, key, list, []))


def _texts(addresses: Iterable[Address]) -> list[str]:
    return [str(one) for one in addresses]


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        # Its text would show what stands there.
        return f"this is no JSON: {error.msg}"
    if isinstance(error, ValueError | MailframeError):
        return str(error)
    return "expected an object with domain, account, alias or grant"
