"""``mailframe domain``: whose mail is ours."""

from __future__ import annotations

import click

from .directory import open_admin, to_domain
from .shared import config_option, json_option, print_rows


@click.group("domain")
def command() -> None:
    """Add, list and remove domains whose mail is taken here."""


@command.command("add")
@click.argument("domain")
@config_option
def add(domain: str, config: str) -> None:
    """Add a domain."""
    name = to_domain(domain)
    open_admin(config).add_domain(name)
    click.echo(f"added {name}")


@command.command("list")
@config_option
@json_option
def list_domains(config: str, as_json: bool) -> None:
    """List domains."""
    rows = [{"domain": domain} for domain in open_admin(config).domains()]
    print_rows(rows, ("domain",), as_json, "No domains. Add one: mailframe domain add")


@command.command("remove")
@click.argument("domain")
@config_option
def remove(domain: str, config: str) -> None:
    """Remove a domain that has no accounts and aliases any more."""
    name = to_domain(domain)
    open_admin(config).remove_domain(name)
    click.echo(f"removed {name}")
