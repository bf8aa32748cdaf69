"""What is new in the directory, for programs that follow it. It blocks; see `mailframe.api.watching` for the wait."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from mailframe.directory.entries import Change, Key
from mailframe.directory.entry_interfaces import IDirectoryEntries

from .bodies import Member
from .calls import Answer, Call
from .entries import Directory
from .problems import Problem

PAGE = 1000
"""Changes in an answer, at most and where nothing is said."""
CHANGE = (
    Member("version", "integer", "Of the directory with this change; ascending, perhaps with gaps."),
    Member("time", "integer", "Seconds since 1970."),
    Member("actor", "text", "Who did it: cli:USER, api:TOKEN or login:ACCOUNT."),
    Member("outcome", "text", "added, changed or removed."),
    Member("kind", "text", "Of the entry: domain, account, alias or grant."),
    Member("name", "text", "Of the entry; of a grant the account, a space and the subject."),
    Member("what", "text", "What is different, for people; no secrets."),
)


def changes(directory: Directory, call: Call) -> Answer:
    """What was changed behind a version; without one, only where the directory is now."""
    entries = directory.entries
    newest = entries.last_version()
    if "since" not in call.query:
        return Answer({"changes": [], "version": newest, "more": False})
    since = call.number("since", 0, 2**63 - 1)
    limit = max(1, call.number("limit", PAGE, PAGE))
    _require_known(entries, since, newest)
    found = entries.history(since, limit)
    version = found[-1].version if found else since
    told = [_shown(one) for one in found if call.token.covers(_domain_of(one.key))]
    return Answer({"changes": told, "version": version, "more": len(found) == limit})


def _require_known(entries: IDirectoryEntries, since: int, newest: int) -> None:
    """What was forgotten cannot be told, and a version that is still to come was another directory's."""
    oldest = entries.history(0, 1)
    known_from = oldest[0].version - 1 if oldest else newest
    if not known_from <= since <= newest:
        raise Problem(
            HTTPStatus.GONE,
            f"changes since {since} are not known any more; read all entries, and follow from the present version",
            "GONE",
            more={"version": newest},
        )


def _domain_of(key: Key) -> str:
    return key.name.partition(" ")[0].rpartition("@")[2]


def _shown(one: Change) -> dict[str, Any]:
    return {
        "version": one.version,
        "time": one.time,
        "actor": one.actor,
        "outcome": one.outcome.value,
        "kind": one.key.kind.value,
        "name": one.key.name,
        "what": one.what,
    }
