"""``mailframe directory history``: who changed what."""

from __future__ import annotations

import time

import click

from mailframe.directory.entries import Key, Kind
from mailframe.directory.names import comparable_domain, comparable_name

from .directory_entries import open_entries
from .shared import config_option, json_option, print_rows


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
    if not since and not name:
        since = max(0, entries.last_version() - limit)
    keys = [None] if not name else _keys(name)
    found = sorted(
        (change for key in keys for change in entries.history(since, limit, key)), key=lambda one: one.version
    )
    rows = [
        {
            "version": one.version,
            "time": one.time if as_json else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.time)),
            "by": one.actor,
            "what": f"{one.outcome} {one.key.kind}",
            "name": one.key.name,
            "how": one.what,
        }
        for one in found[-limit:]
    ]
    print_rows(rows, ("version", "time", "by", "what", "name", "how"), as_json, "No changes.")


def _keys(name: str) -> list[Key | None]:
    if "@" not in name:
        return [Key(Kind.DOMAIN, comparable_domain(name))]
    return [Key(kind, comparable_name(name)) for kind in (Kind.ACCOUNT, Kind.ALIAS)]
