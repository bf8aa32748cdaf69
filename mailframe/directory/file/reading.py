"""Reads the files of a directory into entries. All of this blocks."""

from __future__ import annotations

from collections.abc import Iterable

from mailframe.directory.bulk.json_lines import read_entries
from mailframe.directory.bulk.passwd_file import read_passwd_file
from mailframe.directory.bulk.postfix_maps import read_alias_map
from mailframe.directory.bulk.values import Problem
from mailframe.directory.editing import checked
from mailframe.directory.entries import Entry, Key, Kind, key_of
from mailframe.directory.names import comparable_domain
from mailframe.directory.values import Domain, Grant
from mailframe.message.status import MailframeError

from .options import FileDirectoryOptions

PROBLEMS_LIMIT = 100
"""Problems that are told at a time."""
Entries = dict[Key, Entry]


class Unreadable(Exception):
    """The files are not as they should be.

    Attributes:
        problems: each with file and line, for people; never a password.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems[:3]))
        self.problems = problems


def read_files(options: FileDirectoryOptions) -> Entries:
    """All entries.

    Raises:
        Unreadable: some lines are wrong, or do not go together.
        OSError: a file cannot be read.
    """
    found: Entries = {}
    problems: list[str] = []
    for name in map(comparable_domain, options.domains):
        found[Key(Kind.DOMAIN, name)] = Domain(name)
    for path, kind in ((options.accounts, options.format), (options.aliases, "aliases")):
        if path is None:
            continue
        with open(path, encoding="utf-8", errors="surrogateescape") as lines:
            _read(path, _reader(kind, lines, options.default_domain), found, problems)
    if not problems:
        _add_domains(found)
        problems += _misplaced(found)
    if problems:
        raise Unreadable(problems[:PROBLEMS_LIMIT])
    return found


def _reader(kind: str, lines: Iterable[str], domain: str) -> Iterable[object]:
    if kind == "json":
        return read_entries(lines)
    return read_passwd_file(lines, domain) if kind == "passwd" else read_alias_map(lines, domain)


def _read(path: str, some: Iterable[object], found: Entries, problems: list[str]) -> None:
    given: set[Key] = set()
    for one in some:
        if len(problems) >= PROBLEMS_LIMIT:
            return
        if isinstance(one, Problem):
            problems.append(f"{path}, line {one.line}: {one.text}")
            continue
        line, entry = one.line, one.entry  # type: ignore[attr-defined]
        try:
            entry = checked(entry)
        except MailframeError as error:
            problems.append(f"{path}, line {line}: {error.status.text}")
            continue
        key = key_of(entry)
        if key in given:
            problems.append(f"{path}, line {line}: {key.name} is there twice")
        given.add(key)
        found[key] = entry


def _add_domains(found: Entries) -> None:
    """Those of accounts and aliases that the files do not name by themselves."""
    for key in list(found):
        if key.kind in (Kind.ACCOUNT, Kind.ALIAS):
            domain = key.name.rpartition("@")[2]
            found.setdefault(Key(Kind.DOMAIN, domain), Domain(domain))


def _misplaced(found: Entries) -> list[str]:
    """What cannot be there together."""
    problems = []
    for key, entry in found.items():
        if key.kind is Kind.ALIAS and Key(Kind.ACCOUNT, key.name) in found:
            problems.append(f"{key.name} is an account and an alias")
        if key.kind in (Kind.ACCOUNT, Kind.ALIAS):
            domain = found[Key(Kind.DOMAIN, key.name.rpartition("@")[2])]
            if isinstance(domain, Domain) and domain.alias_of:
                problems.append(
                    f"{key.name} is in an alias domain: its addresses are those of {domain.alias_of}"
                )
        if isinstance(entry, Grant) and Key(Kind.ACCOUNT, entry.account) not in found:
            problems.append(f"{entry.account}, to whom {entry.subject} is granted, is no account")
        if isinstance(entry, Domain) and entry.alias_of:
            target = found.get(Key(Kind.DOMAIN, entry.alias_of))
            if not isinstance(target, Domain) or target.alias_of:
                problems.append(
                    f"the alias domain {entry.name} leads to {entry.alias_of}, which is no domain of its own"
                )
    return problems
