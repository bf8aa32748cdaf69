"""``mailframe app-password``: passwords for one program or device each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from mailframe.directory.app_passwords import new_app_password
from mailframe.directory.editing import SCOPES
from mailframe.directory.entries import account_key
from mailframe.directory.values import Credential

from .directory import entry_of, open_entries, to_mailbox
from .errors import Refused
from .shared import config_option, json_option, print_json, print_rows

DAY = 86400


@click.group("app-password")
def command() -> None:
    """Make passwords for one program or device each, and take them back.

    Each is shown once. It lets in by PLAIN and LOGIN.
    """


@command.command("add")
@click.argument("address")
@click.argument("label")
@click.option(
    "--for",
    "scopes",
    multiple=True,
    type=click.Choice(sorted(SCOPES)),
    help="Only this protocol; more than once.",
)
@click.option("--days", default=0, show_default=True, help="How long it is good; 0 for ever.")
@config_option
@json_option
def add(address: str, label: str, scopes: tuple[str, ...], days: int, config: str, as_json: bool) -> None:
    """Make one for LABEL, such as "telephone", and show it."""
    name = str(to_mailbox(address))
    now = int(time.time())
    made, password = new_app_password(label, scopes, now, now + days * DAY if days > 0 else 0)
    _change(config, name, lambda found: replace(found, app_passwords=(*found.app_passwords, made)))
    if as_json:
        print_json({"account": name, "identifier": made.identifier, "password": password})
    else:
        click.echo(f"{name} can log in with {password}; it is called {made.identifier}, and not shown again")


@command.command("list")
@click.argument("address")
@config_option
@json_option
def list_(address: str, config: str, as_json: bool) -> None:
    """List those of an account."""
    found = entry_of(open_entries(config), account_key(str(to_mailbox(address))), Credential)
    rows = [
        {
            "identifier": one.identifier,
            "label": one.label,
            "for": list(one.scopes) if as_json else ", ".join(one.scopes) or "all",
            "created": one.created if as_json else _day(one.created),
            "expires": one.expires if as_json else _day(one.expires),
        }
        for one in found.app_passwords
    ]
    print_rows(rows, ("identifier", "label", "for", "created", "expires"), as_json, "No app passwords.")


@command.command("remove")
@click.argument("address")
@click.argument("identifier")
@config_option
def remove(address: str, identifier: str, config: str) -> None:
    """Take one back: it lets nobody in from now on."""
    name = str(to_mailbox(address))

    def change(found: Credential) -> Credential:
        left = tuple(one for one in found.app_passwords if one.identifier != identifier)
        if len(left) == len(found.app_passwords):
            raise Refused(f"{name} has no app password {identifier}.")
        return replace(found, app_passwords=left)

    _change(config, name, change)
    click.echo(f"removed {identifier}")


def _change(config: str, name: str, change: Callable[[Credential], Credential]) -> None:
    entries: Any = open_entries(config)
    entries.change_account(name, change)


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds else "-"
