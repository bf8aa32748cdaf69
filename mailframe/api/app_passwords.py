"""App passwords of an account: listed, made, taken back. All of it blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from mailframe.directory import refusals
from mailframe.directory.app_passwords import new_app_password
from mailframe.directory.editing import SCOPES
from mailframe.directory.entries import Key, Kind, Put
from mailframe.directory.values import Credential
from mailframe.message.status import MailframeError

from .bodies import Member, checked, shown_app_password
from .calls import Answer, Call
from .entries import TRIES, Directory, key_for
from .problems import no_such, problem_of, wrong

NEW = (
    Member("label", "text", "What its owner calls it.", required=True),
    Member(
        "scopes",
        "texts",
        f"The protocols it is good for: {', '.join(sorted(SCOPES))}; all, where none is said.",
    ),
    Member("expires", "integer", "Seconds since 1970 from which on it lets nobody in; 0 for never.", 0),
)
"""What is said of a new one."""
KEPT = (
    Member("identifier", "text", "Names it within the account."),
    *NEW,
    Member("created", "integer", "Seconds since 1970."),
)
"""What is known of one."""


def listing(directory: Directory, call: Call) -> Answer:
    """All of an account."""
    found = _account(directory, key_for(Kind.ACCOUNT, call))
    return Answer({"app_passwords": [shown_app_password(one) for one in found.app_passwords]})


def add(directory: Directory, call: Call) -> Answer:
    """Make one; the answer alone has the password."""
    try:
        said = checked(call.json(), NEW)
    except ValueError as error:
        raise wrong(str(error)) from None
    if not said.get("label"):
        raise wrong("label is missing")
    made, password = new_app_password(
        said["label"], said.get("scopes") or (), int(time.time()), said.get("expires") or 0
    )
    _change(directory, call, lambda found: replace(found, app_passwords=(*found.app_passwords, made)))
    body: dict[str, Any] = shown_app_password(made) | {"password": password}
    return Answer(body, HTTPStatus.CREATED, changed=True)


def remove(directory: Directory, call: Call) -> Answer:
    """Take one back."""
    identifier = call.names["identifier"]

    def change(found: Credential) -> Credential:
        left = tuple(one for one in found.app_passwords if one.identifier != identifier)
        if len(left) == len(found.app_passwords):
            raise no_such(f"{found.account.name} has no app password {identifier}")
        return replace(found, app_passwords=left)

    _change(directory, call, change)
    return Answer(None, HTTPStatus.NO_CONTENT, changed=True)


def _change(directory: Directory, call: Call, change: Callable[[Credential], Credential]) -> None:
    for attempt in range(TRIES):
        found = _account(directory, key_for(Kind.ACCOUNT, call))
        try:
            directory.entries.apply([Put(change(found), instead_of=found)], call.actor)
            return
        except MailframeError as error:
            if error.status.word != refusals.CONFLICT.word or attempt == TRIES - 1:
                raise problem_of(error) from None


def _account(directory: Directory, key: Key) -> Credential:
    found = directory.entries.entry(key)
    if not isinstance(found, Credential):
        raise no_such(refusals.no_such(key).status.text)
    return found
