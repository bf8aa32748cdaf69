"""``mailframe api-token``: who may administer the directory by HTTP."""

from __future__ import annotations

import time

import click

from mailframe.api.tokens import SCOPES, TokenFile
from mailframe.config.loading import load

from .errors import Refused
from .shared import config_option, json_option, print_json, print_rows

DAY = 86400


@click.group("api-token")
def command() -> None:
    """Make tokens for the HTTP API, and take them back.

    Each is shown once; a running node knows of changes at once.
    """


@command.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    metavar="SCOPE",
    help=f"What it is good for, more than once: {', '.join(SCOPES)}.",
)
@click.option("--domain", "domains", multiple=True, help="Only for what is in this domain; more than once.")
@click.option("--days", default=0, show_default=True, help="How long it is good; 0 for ever.")
@config_option
@json_option
def add(
    name: str, scopes: tuple[str, ...], domains: tuple[str, ...], days: int, config: str, as_json: bool
) -> None:
    """Make one called NAME, and show it; the directory's history names it."""
    expires = int(time.time()) + days * DAY if days > 0 else 0
    token = _file(config).add(name, scopes, expires, domains)
    if as_json:
        print_json({"name": name, "token": token})
    else:
        click.echo(f"{token} is the token {name}; it is not shown again")


@command.command("list")
@config_option
@json_option
def list_(config: str, as_json: bool) -> None:
    """List them, without what lets in."""
    rows = [
        {
            "name": one.name,
            "scopes": list(one.scopes),
            "domains": list(one.domains) if as_json else ", ".join(one.domains) or "all",
            "created": one.created if as_json else _day(one.created),
            "expires": one.expires if as_json else _day(one.expires),
        }
        for one in _file(config).tokens()
    ]
    print_rows(rows, ("name", "scopes", "domains", "created", "expires"), as_json, "No tokens.")


@command.command("remove")
@click.argument("name")
@config_option
def remove(name: str, config: str) -> None:
    """Take one back: it is good for nothing from now on."""
    _file(config).remove(name)
    click.echo(f"removed {name}")


def _file(config: str) -> TokenFile:
    options = load(config).api
    if options is None:
        raise Refused("The configuration has no [api]: no program administers this directory by HTTP.")
    return TokenFile(options.tokens)


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds else "-"
