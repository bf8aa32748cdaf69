"""``mailframe alias``: addresses that stand for others."""

from __future__ import annotations

import click

from .directory import open_admin, to_domain, to_mailbox
from .shared import config_option, json_option, print_rows


@click.group("alias")
def command() -> None:
    """Add, list and remove aliases: addresses that stand for others."""


@command.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True)
@config_option
def add(address: str, targets: tuple[str, ...], config: str) -> None:
    """Make ADDRESS stand for TARGETS, replacing what it stood for."""
    admin = open_admin(config)
    alias = to_mailbox(address)
    meant = [to_mailbox(target) for target in targets]
    admin.set_alias(alias, meant)
    click.echo(f"{alias} stands for {', '.join(map(str, meant))}")


@command.command("list")
@click.argument("domain", required=False)
@config_option
@json_option
def list_aliases(domain: str | None, config: str, as_json: bool) -> None:
    """List aliases, all or of one domain."""
    aliases = open_admin(config).aliases(to_domain(domain) if domain else None)
    rows = [
        {"alias": str(alias.address), "targets": [str(one) for one in alias.targets]} for alias in aliases
    ]
    print_rows(rows, ("alias", "targets"), as_json, "No aliases. Add one: mailframe alias add")


@command.command("remove")
@click.argument("address")
@config_option
def remove(address: str, config: str) -> None:
    """Remove an alias."""
    alias = to_mailbox(address)
    open_admin(config).remove_alias(alias)
    click.echo(f"removed {alias}")
