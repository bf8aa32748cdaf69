"""Accounts as a table, CSV with a line of names: ``account,password_hash,quota,store,enabled,forwards``."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping

from mailframe.directory.values import Account, Credential
from mailframe.message.address import parse_mailbox

from .values import Found, Problem, Read

COLUMNS = ("account", "password", "password_hash", "quota", "store", "enabled", "forwards", "keeps_copy")
"""Those there may be; ``account`` must be. ``forwards`` has addresses with spaces between."""
_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_table(lines: Iterable[str], hashed: Callable[[str], str], sized: Callable[[str], int]) -> Found:
    """The accounts of a table.

    Args:
        hashed: hashes a password in clear.
        sized: reads a quota, such as ``2 GB``.
    """
    reader = csv.DictReader(lines)
    names = reader.fieldnames or []
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "account" not in names:
        text = f"the column {unknown[0]!r} is not known" if unknown else "there is no column account"
        yield Problem(1, f"{text}; known are {', '.join(COLUMNS)}")
        return
    for row in reader:
        try:
            yield Read(reader.line_num, _credential(row, hashed, sized))
        except (ValueError, TypeError) as error:
            yield Problem(reader.line_num, str(error))


def _credential(
    row: Mapping[str, str | None], hashed: Callable[[str], str], sized: Callable[[str], int]
) -> Credential:
    if None in row or None in row.values():
        raise ValueError("the line has more or fewer fields than the first one has names")
    said = {name: value.strip() for name, value in row.items() if value is not None}
    account = Account(
        str(parse_mailbox(said["account"])),
        _truth(said, "enabled"),
        sized(said["quota"]) if said.get("quota") else 0,
        said.get("store", ""),
        tuple(parse_mailbox(one) for one in said.get("forwards", "").split()),
        _truth(said, "keeps_copy"),
    )
    password_hash = said.get("password_hash", "")
    if not password_hash and said.get("password"):
        password_hash = hashed(said["password"])
    return Credential(account, password_hash)


def _truth(said: Mapping[str, str], name: str) -> bool:
    text = said.get(name, "").lower() or "yes"
    if text not in _TRUTH:
        raise ValueError(f"{name} is yes or no")
    return _TRUTH[text]
