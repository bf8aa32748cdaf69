"""Many edits in one request, all or none of them. All of it blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mailframe.directory import refusals
from mailframe.directory.entries import Edit, Entry, Key, Kind, Put, Remove, key_of
from mailframe.directory.names import comparable_domain, comparable_name
from mailframe.message.status import MailframeError

from .bodies import Member
from .calls import Answer, Call
from .entries import (
    COLLECTIONS,
    TRIES,
    Directory,
    comparable_subject,
    covered,
    made,
    said_of,
    somebody_was_faster,
)
from .problems import Problem, not_allowed, problem_of, wrong

EDITS_LIMIT = 1000
"""Edits in one request."""
PASSWORDS_LIMIT = 100
"""Passwords in clear among them: to hash one takes long on purpose."""
BODY = (
    Member(
        "edits",
        "objects",
        f"At most {EDITS_LIMIT}, done in order, all or none. Each is an object with put, an entry as PUT takes it "
        "with its name, or with remove, an object with the name alone.",
        required=True,
    ),
    Member("dry_run", "boolean", "Only tell what would come of it.", False),
)


def bulk(directory: Directory, call: Call) -> Answer:
    """Do edits in order, all or none."""
    edits, dry_run = _edits(call)
    hashed: dict[tuple[Key, str], tuple[str, tuple[str, ...]]] = {}
    for attempt in range(TRIES):
        prepared = _Preparation(directory, call, hashed)
        wanted = [prepared.edit(index, one) for index, one in enumerate(edits)]
        try:
            outcomes = directory.entries.apply(wanted, call.actor, dry_run=dry_run)
        except MailframeError as error:
            key = _key_at(wanted, error)
            if key is None or not somebody_was_faster(error, key, directory) or attempt == TRIES - 1:
                raise _of_edit(error) from None
            continue
        return Answer(
            {"outcomes": [outcome.value for outcome in outcomes], "dry_run": dry_run}, changed=not dry_run
        )
    raise AssertionError("not reached")


def _edits(call: Call) -> tuple[list[Any], bool]:
    said = call.json()
    if not isinstance(said, dict) or not set(said) <= {member.name for member in BODY}:
        raise wrong("expected an object with edits, and perhaps dry_run")
    edits, dry_run = said.get("edits"), said.get("dry_run", False)
    if not isinstance(edits, list) or not isinstance(dry_run, bool):
        raise wrong("edits is a list, dry_run is true or false")
    if len(edits) > EDITS_LIMIT:
        raise wrong(f"there are at most {EDITS_LIMIT} edits in a request")
    if sum(map(_has_password, edits)) > PASSWORDS_LIMIT:
        text = f"there are at most {PASSWORDS_LIMIT} passwords in clear in a request; give password_hash for more"
        raise wrong(text)
    return edits, dry_run


def _has_password(edit: Any) -> bool:
    body = edit.get("put") if isinstance(edit, dict) else None
    return isinstance(body, dict) and body.get("password") is not None


def _key_at(edits: Sequence[Edit], error: MailframeError) -> Key | None:
    """What could not be put; None where that is not known, or was to be removed."""
    edit = edits[error.index] if isinstance(error, refusals.RefusedEdit) else None
    return key_of(edit.entry) if isinstance(edit, Put) else None


def _of_edit(error: MailframeError) -> Problem:
    problem = problem_of(error)
    if isinstance(error, refusals.RefusedEdit):
        problem.more["edit"] = error.index
    return problem


class _Preparation:
    """Makes edits of what a body says; an edit sees what those before it do."""

    def __init__(
        self, directory: Directory, call: Call, hashed: dict[tuple[Key, str], tuple[str, tuple[str, ...]]]
    ) -> None:
        self._directory = directory
        self._call = call
        self._hashed = hashed
        self._seen: dict[Key, Entry | None] = {}

    def edit(self, index: int, said: Any) -> Edit:
        """One edit.

        Raises:
            Problem: it is none, or the token is not for it; tells its number.
        """
        try:
            return self._edit(said)
        except Problem as problem:
            problem.more["edit"] = index
            raise

    def _edit(self, said: Any) -> Edit:
        if not isinstance(said, dict) or len(said) != 1 or not set(said) <= {"put", "remove"}:
            raise wrong("an edit is an object with put or with remove")
        ((what, body),) = said.items()
        key = _key(body)
        if not self._call.token.allows(COLLECTIONS[key.kind], write=True):
            raise not_allowed(COLLECTIONS[key.kind], write=True)
        covered(self._call, key)
        if what == "remove":
            if set(body) - {key.kind.value, "subject"}:
                raise wrong("to remove an entry, its name is all that is said")
            self._seen[key] = None
            return Remove(key)
        found = self._now(key)
        members = {name: value for name, value in said_of(key.kind, body).items() if value is not None}
        directory = replace(self._directory, passwords=partial(self._secrets, key))
        entry = made(directory, self._call, key, members, found)
        self._seen[key_of(entry)] = entry
        return Put(entry, instead_of=found, new=found is None)

    def _secrets(self, key: Key, password: str) -> tuple[str, tuple[str, ...]]:
        """Hashed once, however often the edits are begun anew."""
        if (key, password) not in self._hashed:
            self._hashed[key, password] = self._directory.passwords(password)
        return self._hashed[key, password]

    def _now(self, key: Key) -> Entry | None:
        if key not in self._seen:
            self._seen[key] = self._directory.entries.entry(key)
        return self._seen[key]


def _key(body: Any) -> Key:
    kinds = [kind for kind in Kind if isinstance(body, Mapping) and isinstance(body.get(kind.value), str)]
    if len(kinds) != 1:
        raise wrong("an entry says its name as domain, account, alias or grant")
    (kind,) = kinds
    name: str = body[kind.value]
    if kind is Kind.DOMAIN:
        return Key(kind, comparable_domain(name))
    if kind is Kind.GRANT:
        subject = body.get("subject")
        if not isinstance(subject, str):
            raise wrong("a grant says its subject")
        return Key(kind, f"{comparable_name(name)} {comparable_subject(subject)}")
    return Key(kind, comparable_name(name))
