"""Entries of the directory as JSON objects: one table of members, by which they are read, written and documented.

Nothing that somebody could log in by ever comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mailframe.directory.entries import Entry, Kind
from mailframe.directory.names import comparable_domain, comparable_name, schemes_of
from mailframe.directory.passwords import verify
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.message.address import Address, parse_mailbox

PASSWORD_LIMIT = 1000
"""Characters of a password."""


class IPasswords(Protocol):
    """Makes what is kept of a password."""

    def __call__(self, password: str, /) -> tuple[str, tuple[str, ...]]:
        """Its hash, and keys for SCRAM."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object.

    Attributes:
        name: of the member.
        kind: ``text``, ``boolean``, ``integer``, ``addresses``, ``texts`` or ``objects``.
        doc: what it is.
        default: what it is where nothing is said; None where that stays as it is, or has to be said.
        shown: does it come out?
        taken: may it be said?
        required: must it be said?
    """

    name: str
    kind: str
    doc: str
    default: Any = None
    shown: bool = True
    taken: bool = True
    required: bool = False


DOMAIN = (
    Member("domain", "text", "The name, A-labels in lower case."),
    Member("alias_of", "text", "Another of our domains: every address here means the same there.", ""),
    Member("catch_all", "addresses", "Who gets mail for local parts that nobody has.", []),
)
ACCOUNT = (
    Member("account", "text", "The address that names it."),
    Member("enabled", "boolean", "May it log in and receive mail?", True),
    Member("quota", "integer", "Octets of storage, 0 for no limit.", 0),
    Member("forwards", "addresses", "Where copies of its mail go.", []),
    Member("keeps_copy", "boolean", "Is forwarded mail kept here as well?", True),
    Member("store", "text", "The store that has the mail; stays as it is where nothing is said."),
    Member("hold", "text", "Why nobody may use the mailbox for now; stays as it is where nothing is said."),
    Member(
        "password", "text", "A new password in clear; the old one stays where nothing is said.", shown=False
    ),
    Member("password_hash", "text", "The same as {SCHEME}...; empty for none that lets in.", shown=False),
    Member("schemes", "texts", "How the password is kept; empty where there is none.", taken=False),
    Member("app_passwords", "objects", "Its app passwords, without what lets in.", taken=False),
)
ALIAS = (
    Member("alias", "text", "The address."),
    Member("targets", "addresses", "Whom it stands for, in order.", required=True),
)
GRANT = (
    Member("grant", "text", "The account."),
    Member("subject", "text", "An address it may send as, or @ and a domain for every address of that."),
)
MEMBERS: Mapping[Kind, tuple[Member, ...]] = {
    Kind.DOMAIN: DOMAIN,
    Kind.ACCOUNT: ACCOUNT,
    Kind.ALIAS: ALIAS,
    Kind.GRANT: GRANT,
}
_KEPT = ("store", "hold")
"""Texts of an account that stay where nothing is said: whoever makes accounts need not know of them."""
_TYPES: Mapping[str, tuple[type, str]] = {
    "text": (str, "text"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "addresses": (list, "a list of addresses"),
    "texts": (list, "a list of texts"),
}


def shown(entry: Entry) -> dict[str, Any]:
    """An entry as it comes out."""
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
        "forwards": _texts(account.forwards),
        "keeps_copy": account.keeps_copy,
        "store": account.store,
        "hold": account.hold,
        "schemes": list(schemes_of(entry)),
        "app_passwords": [shown_app_password(one) for one in entry.app_passwords],
    }


def shown_app_password(one: AppPassword) -> dict[str, Any]:
    """An app password without what lets in."""
    return {
        "identifier": one.identifier,
        "label": one.label,
        "scopes": list(one.scopes),
        "created": one.created,
        "expires": one.expires,
    }


def checked(said: Any, members: tuple[Member, ...]) -> dict[str, Any]:
    """What an object says, without members that only come out.

    Raises:
        ValueError: a member is unknown, or not of its type.
    """
    if not isinstance(said, dict):
        raise ValueError("expected an object")
    known = {member.name: member for member in members}
    for name, value in said.items():
        if name not in known:
            raise ValueError(f"{name!r} is not known here; known are {', '.join(known)}")
        member = known[name]
        if member.taken:
            _check(member, value)
    return {name: value for name, value in said.items() if known[name].taken}


def merged(kind: Kind, found: Entry | None, said: Mapping[str, Any]) -> dict[str, Any]:
    """All that an object says after a change of some members, as RFC 7396 merges: null makes it as if unsaid."""
    known = {} if found is None else shown(found)
    names = {member.name for member in MEMBERS[kind] if member.taken}
    both = {name: value for name, value in known.items() if name in names} | {
        # What else would stay as it is.
        name: "" if value is None and name in _KEPT else value
        for name, value in said.items()
    }
    return {name: value for name, value in both.items() if value is not None}


def entry_of(
    kind: Kind, name: str, said: Mapping[str, Any], found: Entry | None, passwords: IPasswords
) -> Entry:
    """The entry that an object describes.

    Args:
        kind: of the entry.
        name: as the path has it; the object may say it as well.
        said: as `checked` gives it.
        found: what is there already.
        passwords: makes hashes.

    Raises:
        ValueError: it cannot be so.
    """
    if kind is Kind.GRANT:
        account, _, subject = name.partition(" ")
        _same(said, "grant", comparable_name(account), comparable_name)
        _same(said, "subject", subject, lambda text: text)
        return Grant(str(parse_mailbox(account)), subject)
    values = {member.name: said.get(member.name, member.default) for member in MEMBERS[kind]}
    if kind is Kind.DOMAIN:
        _same(said, "domain", comparable_domain(name), comparable_domain)
        return Domain(name, values["alias_of"], _addresses(values["catch_all"]))
    _same(said, kind.value, comparable_name(name), comparable_name)
    if kind is Kind.ALIAS:
        if values["targets"] is None:
            raise ValueError("targets is missing")
        return Alias(parse_mailbox(name), _addresses(values["targets"]))
    return _credential(name, values, found if isinstance(found, Credential) else None, passwords)


def _credential(
    name: str, values: Mapping[str, Any], found: Credential | None, passwords: IPasswords
) -> Credential:
    parse_mailbox(name)
    base = found or Credential(Account(name), "")
    hold = base.account.hold if values["hold"] is None else values["hold"]
    account = replace(
        base.account,
        enabled=values["enabled"],
        quota=values["quota"],
        forwards=_addresses(values["forwards"]),
        keeps_copy=values["keeps_copy"],
        store=base.account.store if values["store"] is None else values["store"],
        hold=hold,
        hold_until=base.account.hold_until if hold == base.account.hold else 0,
    )
    return _with_password(replace(base, account=account), values, passwords)


def _with_password(entry: Credential, values: Mapping[str, Any], passwords: IPasswords) -> Credential:
    clear, stored = values["password"], values["password_hash"]
    if clear is not None and stored is not None:
        raise ValueError("say password or password_hash, not both")
    if stored is not None:
        return entry if stored == entry.password_hash else replace(entry, password_hash=stored, keys=())
    if clear is None:
        return entry
    if not clear or len(clear) > PASSWORD_LIMIT or not clear.isprintable():
        raise ValueError(f"a password has 1 to {PASSWORD_LIMIT} characters that can be typed")
    if entry.password_hash and _is_password(clear, entry.password_hash):
        # To say the same again changes nothing.
        return entry
    made, keys = passwords(clear)
    return replace(entry, password_hash=made, keys=keys)


def _is_password(clear: str, stored: str) -> bool:
    try:
        return verify(clear.encode(), stored)
    except ValueError:
        # A hash that cannot be checked is replaced.
        return False


def _check(member: Member, value: Any) -> None:
    kind, words = _TYPES[member.kind]
    if value is None:
        return
    if type(value) is not kind:
        raise ValueError(f"{member.name} is {words}")
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        raise ValueError(f"{member.name} is {words}")


def _same(said: Mapping[str, Any], member: str, name: str, comparable: Any) -> None:
    value = said.get(member)
    if value is not None and comparable(value) != name:
        raise ValueError(f"{member} is not the one of the address of this request")


def _addresses(texts: list[str]) -> tuple[Address, ...]:
    return tuple(parse_mailbox(text) for text in texts)


def _texts(addresses: tuple[Address, ...]) -> list[str]:
    return [str(one) for one in addresses]
