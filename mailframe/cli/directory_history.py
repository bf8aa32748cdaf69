"""``mailframe directory history``: who changed what."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from heapq import merge
from itertools import islice

import click

from mailframe.directory.entries import Change, Key, Kind
from mailframe.directory.entry_interfaces import IDirectoryEntries
from mailframe.directory.names import comparable_domain, comparable_name

from .directory_entries import open_entries
from .shared import config_option, json_option, print_rows

PAGE = 1000
"""Changes asked for at a time."""


@click.command("history")
@click.argument("name", default="")
@click.option("--since", default=0, show_default=True, help="Changes behind this version.")
@click.option(
    "--limit", default=100, show_default=True, help="How many at most: the newest, unless --since is said."
)
@config_option
@json_option
def history(name: str, since: int, limit: int, config: str, as_json: bool) -> None:
    """Show who changed what in the directory: all, or an account, alias or domain."""
    entries = open_entries(config)
    changes = _of_name(entries, name, since) if name else _changes(entries, since or _recent(entries, limit))
    # Behind a version the first, so that the last of them is where to go on; otherwise the newest.
    found = list(islice(changes, limit)) if since else list(deque(changes, limit))
    rows = [
        {
            "version": one.version,
            "time": one.time if as_json else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.time)),
            "by": one.actor,
            "what": f"{one.outcome} {one.key.kind}",
            "name": one.key.name,
            "how": one.what,
        }
        for one in found
    ]
    print_rows(rows, ("version", "time", "by", "what", "name", "how"), as_json, "No changes.")


def _recent(entries: IDirectoryEntries, limit: int) -> int:
    """A version behind which there are at least so many changes, where there are so many at all."""
    # Versions may have gaps, but few: pages behind it are read to their end anyway.
    return max(0, entries.last_version() - 2 * limit)


def _of_name(entries: IDirectoryEntries, name: str, since: int) -> Iterator[Change]:
    if "@" not in name:
        return _changes(entries, since, Key(Kind.DOMAIN, comparable_domain(name)))
    both = (_changes(entries, since, Key(kind, comparable_name(name))) for kind in (Kind.ACCOUNT, Kind.ALIAS))
    return merge(*both, key=lambda change: change.version)


def _changes(entries: IDirectoryEntries, since: int, key: Key | None = None) -> Iterator[Change]:
    """All changes behind a version, page by page."""
    while page := entries.history(since, PAGE, key):
        yield from page
        since = page[-1].version
