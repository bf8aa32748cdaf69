"""``mailframe directory flush`` and ``status``: what this node remembers of its directories."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import apsw
import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.database.sqlite import open_connection
from mailframe.directory.composed_options import ReplicaOptions
from mailframe.directory.replica.rows import state_txn

from .control import ask
from .shared import config_option, json_option, print_json, print_rows

COLUMNS = ("directory", "state", "age", "version", "domains", "accounts", "aliases")


@click.command("flush")
@click.argument("name", default="")
@config_option
@json_option
def flush(name: str, config: str, as_json: bool) -> None:
    """Forget what caches of the running node remember: all, or of an address, or of a domain."""
    answer = ask(config, "ask", 30.0, {"question": "directory-flush", "details": {"name": name}})
    forgotten = sum(one["forgotten"] for one in answer["answers"] if one)
    if as_json:
        print_json({"forgotten": forgotten})
    else:
        click.echo(f"forgotten: {forgotten} answers")


@click.command("status")
@config_option
@json_option
def status(config: str, as_json: bool) -> None:
    """Show how old the copies of directories on this node are, and how large."""
    rows = list(_rows(load(config)))
    print_rows(rows, COLUMNS, as_json, "No directory of this node is a copy.")


def _rows(configuration: Configuration) -> Iterator[dict[str, Any]]:
    for name, choice in configuration.directories.items():
        if isinstance(choice.options, ReplicaOptions):
            yield {"directory": name, **_facts(choice.options)}


def _facts(options: ReplicaOptions) -> dict[str, Any]:
    nothing = {"state": "not there", "age": None, "version": "", "domains": 0, "accounts": 0, "aliases": 0}
    if not os.path.exists(options.path):
        return nothing
    try:
        connection = open_connection(options.path, read_only=True)
        try:
            return _counted(connection, options)
        finally:
            connection.close()
    except apsw.Error as error:
        return {**nothing, "state": f"cannot be read: {error}"}


def _counted(connection: apsw.Connection, options: ReplicaOptions) -> dict[str, Any]:
    found = state_txn(connection)
    age = max(0, int(time.time()) - found.confirmed) if found.confirmed else None
    level = "level" if age is not None and age <= options.old_after else "old"
    counts = {
        "domains": "SELECT count(*) FROM domain",
        "accounts": "SELECT count(*) FROM account",
        "aliases": "SELECT count(DISTINCT name) FROM alias_target",
    }
    return {
        "state": level if found.complete else "not complete",
        "age": age,
        "version": found.version,
        **{what: connection.execute(sql).get for what, sql in counts.items()},
    }
