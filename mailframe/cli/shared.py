"""Options and output that several commands have in common."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
from rich import box
from rich.console import Console
from rich.table import Table

from .errors import Refused

VARIABLE = "MAILFRAME_CONFIG"
USUAL_PLACES = ("mailframe.toml", "/etc/mailframe/mailframe.toml")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""For generated passwords: no letter that looks like another."""

Command = TypeVar("Command", bound=Callable[..., Any])


def _find_config(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value:
        return value
    for place in USUAL_PLACES:
        if os.path.exists(place):
            return place
    raise click.UsageError(
        f"There is no {' and no '.join(USUAL_PLACES)}. Name the configuration by --config or {VARIABLE}, "
        "or make one with: mailframe init"
    )


def config_option(command: Command) -> Command:
    """``--config``: gives the path of the configuration as ``config``."""
    return click.option(
        "-c",
        "--config",
        envvar=VARIABLE,
        type=click.Path(dir_okay=False),
        callback=_find_config,
        help="The configuration file.",
    )(command)


def json_option(command: Command) -> Command:
    """``--json``: gives ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def password_options(command: Command) -> Command:
    """``--password-file``: gives ``password_file``."""
    return click.option(
        "--password-file",
        type=click.Path(dir_okay=False, allow_dash=True),
        help="Take the password from the first line of this file; - for standard input.",
    )(command)


def ask_password(password_file: str | None, *, confirm: bool) -> str:
    """A password from a file, from a terminal (asked twice where ``confirm``), or from standard input.

    Raises:
        Refused: it is empty or cannot be a password.
    """
    if password_file not in (None, "-"):
        assert password_file is not None
        with open(password_file, encoding="utf-8", errors="surrogateescape") as file:
            return _checked_password(file.readline(4096))
    if password_file is None and sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True)
        return _checked_password(str(text))
    return _checked_password(sys.stdin.readline(4096))


def _checked_password(line: str) -> str:
    password = line.rstrip("\r\n")
    if not password:
        raise Refused("The password is empty. Give one on standard input or by --password-file.")
    if not password.isprintable():
        raise Refused("The password has a character that cannot be typed; take another one.")
    return password


def make_password() -> str:
    """A password of 15 letters and digits, 74 bits, in groups that can be read out."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(15))
    return "-".join(letters[start : start + 5] for start in range(0, 15, 5))


def actor() -> str:
    """Who changes a directory by a command, for its history."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def console() -> Console:
    """Standard output as it is now; lines are not cut where no terminal says how wide they may be."""
    width = None if sys.stdout.isatty() else 240
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under titles, for people."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Names come from files and from peers; nothing in them is markup.
        table.add_row(*(str(cell).replace("[", "\\[") for cell in row))
    console().print(table)


def print_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], as_json: bool, none: str
) -> None:
    """A list, for people or for programs.

    Args:
        rows: one mapping an entry; all of it goes into JSON.
        columns: the keys that people see, in order.
        as_json: for programs.
        none: what to say to people when there are no entries.
    """
    if as_json:
        print_json(list(rows))
    elif rows:
        print_table(columns, [[_cell(row[column]) for column in columns] for row in rows])
    else:
        click.echo(none)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
