"""The rules by which a directory is changed, the same for every backend; within one transaction of it.

A backend brings a `Table`: what is kept, entry by entry. What may be put and removed, what comes of it and what
the history says is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Protocol

from mailframe.message.address import Address
from mailframe.message.status import MailframeError

from . import refusals
from .entries import Edit, Entry, Key, Kind, Outcome, Put, Remove, account_key, key_of
from .grants import checked_subject
from .names import (
    checked_address,
    checked_domain,
    checked_hash,
    checked_keys,
    checked_name,
    checked_quota,
)
from .values import Account, Alias, AppPassword, Credential, Domain, Grant

ACTOR_LIMIT = 200
"""Characters of an actor's name that are kept."""
TARGETS_LIMIT = 10_000
"""Targets an alias, a catch-all or an account's forwarding may have."""
APP_PASSWORDS_LIMIT = 100
"""App passwords an account may have: each wrong login may have to be compared with all of them."""
SCOPES = frozenset({"imap", "pop3", "smtp", "managesieve"})
LONGEST_LABEL = 200
STORE_NAME_LIMIT = 100
HOLD_LIMIT = 200


class Table(Protocol):
    """What a backend keeps, seen from within a transaction; in the form `checked` gives."""

    def get(self, key: Key) -> Entry | None:
        """One entry."""

    def put(self, entry: Entry) -> None:
        """Keep an entry, in place of the one of that key."""

    def remove(self, key: Key) -> None:
        """Forget an entry that is there."""

    def in_use(self, domain: str) -> bool:
        """Are there accounts or aliases in this domain, or alias domains of it?"""

    def grants(self, account: str) -> Sequence[Grant]:
        """What was granted to an account."""

    def note(self, actor: str, outcome: Outcome, key: Key, what: str) -> None:
        """Write a line of history, which makes a new version."""


def perform(table: Table, edits: Sequence[Edit], actor: str) -> list[Outcome]:
    """Do edits in order.

    Returns:
        What came of each.

    Raises:
        RefusedEdit: one of them cannot be done; the transaction has to be undone.
    """
    outcomes = []
    for index, edit in enumerate(edits):
        try:
            outcomes.append(_perform_one(table, edit, actor[:ACTOR_LIMIT]))
        except MailframeError as refusal:
            raise refusals.RefusedEdit(index, refusal) from None
    return outcomes


def checked(entry: Entry) -> Entry:
    """An entry in the form it is kept.

    Raises:
        MailframeError: it cannot be so in any directory.
    """
    if isinstance(entry, Domain):
        alias_of = checked_domain(entry.alias_of) if entry.alias_of else ""
        name = checked_domain(entry.name)
        if alias_of == name or (alias_of and entry.catch_all):
            raise _wrong(f"{name} cannot be an alias domain of {alias_of} and have addresses of its own")
        return Domain(name, alias_of, _targets(name, entry.catch_all))
    if isinstance(entry, Credential):
        return _checked_credential(entry)
    if isinstance(entry, Alias):
        address = checked_address(entry.address)
        if not entry.targets:
            raise refusals.no_targets(str(address))
        return Alias(address, _targets(str(address), entry.targets))
    return Grant(checked_name(entry.account), checked_subject(entry.subject))


def difference(before: Entry | None, after: Entry | None) -> str:
    """What is different between two entries of a key, for people; no secrets."""
    if before is None or after is None:
        return ""
    old, new = _facts(before), _facts(after)
    return ", ".join(
        name if name in _SECRET else f"{name} {_text(old[name])} -> {_text(new[name])}"
        for name in new
        if old.get(name) != new[name]
    )


def _perform_one(table: Table, edit: Edit, actor: str) -> Outcome:
    return _put(table, edit, actor) if isinstance(edit, Put) else _remove(table, edit, actor)


def _put(table: Table, edit: Put, actor: str) -> Outcome:
    entry = checked(edit.entry)
    key = key_of(entry)
    before = table.get(key)
    if edit.new and before is not None:
        raise refusals.taken(key)
    if edit.instead_of is not None and before != edit.instead_of:
        raise MailframeError(refusals.CONFLICT.with_text(f"{key.name} was changed meanwhile; look again"))
    if before == entry:
        return Outcome.UNCHANGED
    _require_place(table, entry)
    table.put(entry)
    outcome = Outcome.ADDED if before is None else Outcome.CHANGED
    table.note(actor, outcome, key, difference(before, entry))
    return outcome


def _remove(table: Table, edit: Remove, actor: str) -> Outcome:
    key = edit.key
    if table.get(key) is None:
        raise refusals.no_such(key)
    if key.kind is Kind.DOMAIN and table.in_use(key.name):
        raise refusals.domain_in_use(key.name)
    if key.kind is Kind.ACCOUNT:
        for grant in table.grants(key.name):
            table.remove(key_of(grant))
            table.note(actor, Outcome.REMOVED, key_of(grant), "")
    table.remove(key)
    table.note(actor, Outcome.REMOVED, key, "")
    return Outcome.REMOVED


def _require_place(table: Table, entry: Entry) -> None:
    """Can this entry be there, with the others as they are?"""
    if isinstance(entry, Domain):
        _require_no_loop(table, entry)
    elif isinstance(entry, Grant):
        if table.get(account_key(entry.account)) is None:
            raise refusals.no_such_account(entry.account)
    else:
        # Not the address's domain, which is in U-labels: entries are named in A-labels.
        name = key_of(entry).name
        _require_domain(table, name.rpartition("@")[2])
        other = Kind.ACCOUNT if isinstance(entry, Alias) else Kind.ALIAS
        taken = Key(other, name)
        if table.get(taken) is not None:
            raise refusals.taken(taken)


def _require_domain(table: Table, domain: str) -> None:
    found = table.get(Key(Kind.DOMAIN, domain))
    if found is None:
        raise refusals.no_such_domain(domain)
    if isinstance(found, Domain) and found.alias_of:
        raise _wrong(f"{domain} is an alias domain: its addresses are those of {found.alias_of}")


def _require_no_loop(table: Table, domain: Domain) -> None:
    """An alias domain leads to a domain of its own kind never, and has no addresses of its own."""
    if not domain.alias_of:
        return
    target = table.get(Key(Kind.DOMAIN, domain.alias_of))
    if target is None:
        raise refusals.no_such_domain(domain.alias_of)
    if isinstance(target, Domain) and target.alias_of:
        raise _wrong(f"{domain.alias_of} is an alias domain itself; name {target.alias_of}")
    if table.in_use(domain.name):
        raise refusals.domain_in_use(domain.name)


def _checked_credential(entry: Credential) -> Credential:
    account = entry.account
    name = checked_name(account.name)
    if not account.keeps_copy and not account.forwards:
        raise _wrong(f"mail for {name} would go nowhere: it is not kept and not forwarded")
    if len(account.store) > STORE_NAME_LIMIT or not account.store.isprintable():
        raise _wrong("this is no name of a store")
    if len(account.hold) > HOLD_LIMIT or not account.hold.isprintable():
        raise _wrong("why an account is held is said in one line of text")
    if not 0 <= account.hold_until < 2**53:
        raise _wrong("a time is in seconds since 1970")
    if len(entry.app_passwords) > APP_PASSWORDS_LIMIT:
        raise _wrong(f"an account has at most {APP_PASSWORDS_LIMIT} app passwords")
    app_passwords = sorted(map(_checked_app_password, entry.app_passwords), key=lambda one: one.identifier)
    if len({one.identifier for one in app_passwords}) < len(app_passwords):
        raise _wrong("two app passwords have one identifier")
    kept = Account(
        name,
        account.enabled,
        checked_quota(account.quota),
        account.store,
        _targets(name, account.forwards),
        account.keeps_copy,
        account.hold,
        account.hold_until if account.hold else 0,
    )
    password_hash = checked_hash(entry.password_hash) if entry.password_hash else ""
    keys = tuple(sorted(checked_keys(entry.keys), reverse=True))
    return Credential(kept, password_hash, keys, tuple(app_passwords))


def _checked_app_password(one: AppPassword) -> AppPassword:
    if not (one.identifier.isascii() and one.identifier.isalnum() and len(one.identifier) <= 40):
        raise _wrong("an app password's identifier has letters and digits only")
    if len(one.label) > LONGEST_LABEL or not one.label.isprintable():
        raise _wrong("an app password's label is one line of text")
    if not SCOPES.issuperset(one.scopes):
        raise _wrong(f"an app password is for {', '.join(sorted(SCOPES))}")
    if not (0 <= one.created < 2**53 and 0 <= one.expires < 2**53):
        raise _wrong("a time is in seconds since 1970")
    return replace(one, password_hash=checked_hash(one.password_hash), scopes=tuple(sorted(set(one.scopes))))


def _targets(name: str, targets: Sequence[Address]) -> tuple[Address, ...]:
    if len(targets) > TARGETS_LIMIT:
        raise _wrong(f"{name} has more than {TARGETS_LIMIT} targets")
    return tuple(targets)


_SECRET = ("password", "keys", "app passwords")


def _facts(entry: Entry) -> dict[str, object]:
    if not isinstance(entry, Credential):
        return {field.name: getattr(entry, field.name) for field in fields(entry)}
    account = entry.account
    facts: dict[str, object] = {field.name: getattr(account, field.name) for field in fields(account)}
    secrets = (entry.password_hash, entry.keys, entry.app_passwords)
    return facts | dict(zip(_SECRET, secrets, strict=True))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value[:5])) + (" ..." if len(value) > 5 else "") or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value) or "none"


def _wrong(text: str) -> MailframeError:
    return MailframeError(refusals.WRONG.with_text(text))
