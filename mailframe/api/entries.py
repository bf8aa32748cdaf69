"""What is done to one entry, or listed: read, put, changed, removed. All of it blocks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from mailframe.directory import refusals
from mailframe.directory.editing import checked
from mailframe.directory.entries import Edit, Entry, Key, Kind, Outcome, Put, Remove, key_of
from mailframe.directory.entry_interfaces import IDirectoryEntries
from mailframe.directory.names import comparable_domain, comparable_name
from mailframe.directory.values import Domain, Grant
from mailframe.message.status import MailframeError

from .bodies import MEMBERS, IPasswords, entry_of, merged, shown
from .bodies import checked as checked_members
from .calls import Answer, Call
from .problems import Problem, no_such, not_covered, problem_of, wrong

TRIES = 5
"""How often a change is begun anew because somebody else was faster, where nobody said ``If-Match``."""
COLLECTIONS: Mapping[Kind, str] = {
    Kind.DOMAIN: "domains",
    Kind.ACCOUNT: "accounts",
    Kind.ALIAS: "aliases",
    Kind.GRANT: "grants",
}
"""What a kind is called in paths."""


@dataclass(frozen=True)
class Directory:
    """The directory, as the API sees it.

    Attributes:
        entries: what is administered.
        passwords: makes hashes of new passwords.
        secret: keys the tags of entries, which would otherwise help to guess unsalted passwords.
    """

    entries: IDirectoryEntries
    passwords: IPasswords
    secret: bytes

    def tag(self, entry: Entry) -> str:
        """The ETag of an entry: another one whenever anything of it is other, its secrets too."""
        text = repr((key_of(entry), astuple(entry))).encode("utf-8", "backslashreplace")
        return f'"{hmac.new(self.secret, text, hashlib.sha256).hexdigest()[:32]}"'


def get(directory: Directory, call: Call, kind: Kind) -> Answer:
    """One entry."""
    found = _found(directory, key_for(kind, call))
    tag = directory.tag(found)
    if _names(call.if_none_match, tag):
        return Answer(None, HTTPStatus.NOT_MODIFIED, {"ETag": tag})
    return Answer(shown(found), headers={"ETag": tag})


def put(directory: Directory, call: Call, kind: Kind) -> Answer:
    """Make an entry be as the body says, whether it is there or not."""
    said = {name: value for name, value in _said(kind, call).items() if value is not None}
    return _changed(directory, kind, call, lambda found: said)


def patch(directory: Directory, call: Call, kind: Kind) -> Answer:
    """Change members of an entry that is there (RFC 7396)."""
    said = _said(kind, call)

    def change(found: Entry | None) -> Mapping[str, Any]:
        if found is None:
            raise no_such(refusals.no_such(key_for(kind, call)).status.text)
        return merged(kind, found, said)

    return _changed(directory, kind, call, change)


def remove(directory: Directory, call: Call, kind: Kind) -> Answer:
    """Take an entry away."""
    key = key_for(kind, call)
    edits: list[Edit] = [Remove(key)]
    found = _found(directory, key)
    if call.if_match:
        _check_match(directory, found, call)
        # What was looked at is what is removed.
        edits.insert(0, Put(found, instead_of=found))
    try:
        directory.entries.apply(edits, call.actor)
    except MailframeError as error:
        raise _refused(error, call) from None
    return Answer(None, HTTPStatus.NO_CONTENT, changed=True)


def listing(directory: Directory, call: Call, kind: Kind) -> Answer:
    """Entries of a kind by name, page by page."""
    after, limit = call.page()
    if kind is Kind.GRANT and "account" in call.query:
        account = comparable_name(call.query["account"])
        _require_covered(call, account.rpartition("@")[2])
        return _grants_of(directory, account, after, limit)
    domain = comparable_domain(call.query["domain"]) if "domain" in call.query else None
    # A token for some domains has to say which: none is called "".
    _require_covered(call, domain or "")
    found = directory.entries.listing(kind, domain, after, limit + 1)
    return _page(kind, [*found], limit)


def key_for(kind: Kind, call: Call) -> Key:
    """The key of the entry that a path names.

    Raises:
        Problem: the token is not for its domain.
    """
    if kind is Kind.DOMAIN:
        name = comparable_domain(call.names["domain"])
    elif kind is Kind.GRANT:
        name = f"{comparable_name(call.names['account'])} {comparable_subject(call.names['subject'])}"
    else:
        name = comparable_name(call.names["address"])
    return covered(call, Key(kind, name))


def covered(call: Call, key: Key) -> Key:
    """A key of an entry that the token is for.

    Raises:
        Problem: it is for other domains. A grant belongs to the subject's domain, too.
    """
    names = [key.name] if key.kind is not Kind.GRANT else key.name.split(" ", 1)
    _require_covered(call, *(name.rpartition("@")[2] for name in names))
    return key


def comparable_subject(text: str) -> str:
    """The form in which subjects of grants are compared."""
    local_part, at, domain = text.rpartition("@")
    return comparable_name(text) if local_part else f"{at}{comparable_domain(domain)}"


def path_of(entry: Entry) -> str:
    """Where an entry is found."""
    key = key_of(entry)
    names = key.name.split(" ", 1) if key.kind is Kind.GRANT else [key.name]
    return "/".join(["/v1", COLLECTIONS[key.kind], *(quote(name, safe="@") for name in names)])


def said_of(kind: Kind, body: Any) -> dict[str, Any]:
    """The members of a body.

    Raises:
        Problem: there are others, or they are not of their types.
    """
    try:
        return checked_members(body, MEMBERS[kind])
    except ValueError as error:
        raise wrong(str(error)) from None


def made(directory: Directory, call: Call, key: Key, said: Mapping[str, Any], found: Entry | None) -> Entry:
    """The entry that a body describes, in the form it is kept.

    Raises:
        Problem: it cannot be so, or the token is not for that.
    """
    try:
        entry = checked(entry_of(key.kind, key.name, said, found, directory.passwords))
        if isinstance(entry, Domain) and entry.alias_of:
            _require_covered(call, entry.alias_of)
    except MailframeError as error:
        raise problem_of(error) from None
    except ValueError as error:
        raise wrong(str(error)) from None
    if key_of(entry) != key:
        # There are spellings, such as with quotes, that mean something else than they are called.
        raise wrong(f"{key.name} is called {key_of(entry).name}")
    return entry


def _changed(
    directory: Directory, kind: Kind, call: Call, change: Callable[[Entry | None], Mapping[str, Any]]
) -> Answer:
    key = key_for(kind, call)
    directory = replace(directory, passwords=lru_cache(1)(directory.passwords))
    for attempt in range(TRIES):
        found = directory.entries.entry(key)
        _check_match(directory, found, call)
        entry = made(directory, call, key, change(found), found)
        try:
            edit = Put(entry, instead_of=found, new=found is None)
            (outcome,) = directory.entries.apply([edit], call.actor)
        except MailframeError as error:
            if not somebody_was_faster(error, key, directory) or attempt == TRIES - 1:
                raise _refused(error, call) from None
            continue
        return _told(directory, entry, outcome)
    raise AssertionError("not reached")


def somebody_was_faster(error: MailframeError, key: Key, directory: Directory) -> bool:
    """Did somebody else change this entry in between?"""
    if error.status.word == refusals.TAKEN.word:
        return directory.entries.entry(key) is not None
    return error.status.word == refusals.CONFLICT.word


def _told(directory: Directory, entry: Entry, outcome: Outcome) -> Answer:
    headers = {"ETag": directory.tag(entry)}
    if outcome is Outcome.ADDED:
        return Answer(shown(entry), HTTPStatus.CREATED, headers | {"Location": path_of(entry)}, changed=True)
    return Answer(shown(entry), headers=headers, changed=outcome is Outcome.CHANGED)


def _found(directory: Directory, key: Key) -> Entry:
    found = directory.entries.entry(key)
    if found is None:
        raise no_such(refusals.no_such(key).status.text)
    return found


def _check_match(directory: Directory, found: Entry | None, call: Call) -> None:
    """RFC 9110 section 13.2.2."""
    tag = None if found is None else directory.tag(found)
    if call.if_match and not _names(call.if_match, tag):
        raise _not_as_expected()
    if call.if_none_match and _names(call.if_none_match, tag):
        raise _not_as_expected()


def _names(field: str, tag: str | None) -> bool:
    """Does a field name this tag, or any?"""
    if not field or tag is None:
        return False
    names = [one.strip() for one in field.split(",")]
    return "*" in names or tag in names


def _refused(error: MailframeError, call: Call) -> Problem:
    if error.status.word == refusals.CONFLICT.word and (call.if_match or call.if_none_match):
        return _not_as_expected()
    return problem_of(error)


def _not_as_expected() -> Problem:
    return Problem(
        HTTPStatus.PRECONDITION_FAILED,
        "it is not as If-Match or If-None-Match say; look again",
        refusals.CONFLICT.word or "",
    )


def _require_covered(call: Call, *domains: str) -> None:
    if not all(map(call.token.covers, domains)):
        raise not_covered()


def _said(kind: Kind, call: Call) -> dict[str, Any]:
    if kind is Kind.GRANT and not call.content:
        # The path says it all.
        return {}
    return said_of(kind, call.json())


def _grants_of(directory: Directory, account: str, after: str, limit: int) -> Answer:
    """Those of one account: they lie together, because the account's name comes first."""
    begin = max(after, f"{account} ")
    found = directory.entries.listing(Kind.GRANT, None, begin, limit + 1)
    own = [one for one in found if isinstance(one, Grant) and one.account == account]
    return _page(Kind.GRANT, own, limit)


def _page(kind: Kind, found: Sequence[Entry], limit: int) -> Answer:
    page = found[:limit]
    following = key_of(page[-1]).name if len(found) > limit else None
    return Answer({COLLECTIONS[kind]: [shown(one) for one in page], "next": following})
