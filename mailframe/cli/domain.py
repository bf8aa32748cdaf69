"""``mailframe domain``: whose mail is ours."""

from __future__ import annotations

from dataclasses import replace

import click

from mailframe.directory.entries import Key, Kind, Put
from mailframe.directory.names import comparable_domain
from mailframe.directory.values import Domain

from .directory import entry_of, open_admin, open_entries, to_domain, to_mailbox
from .shared import actor, config_option, json_option, print_json, print_rows


@click.group("domain")
def command() -> None:
    """Add, list, change and remove domains whose mail is taken here."""


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


@command.command("set")
@click.argument("domain")
@click.option(
    "--alias-of", help='Each address means the same one of this domain; "" for a domain of its own.'
)
@click.option(
    "--catch-all", "targets", multiple=True, help="Who gets mail for addresses nobody has; more than once."
)
@click.option("--no-catch-all", is_flag=True, help="Nobody gets it.")
@config_option
def set_(
    domain: str, alias_of: str | None, targets: tuple[str, ...], no_catch_all: bool, config: str
) -> None:
    """Change what is said of a domain."""
    name = to_domain(domain)
    if alias_of is None and not targets and not no_catch_all:
        raise click.UsageError("Say what to change.")
    entries = open_entries(config)
    before = entry_of(entries, Key(Kind.DOMAIN, comparable_domain(name)), Domain)
    after = before
    if alias_of is not None:
        after = replace(after, alias_of=to_domain(alias_of) if alias_of else "")
    if targets or no_catch_all:
        after = replace(after, catch_all=tuple(to_mailbox(target) for target in targets))
    entries.apply([Put(after, instead_of=before)], actor())
    click.echo(f"changed {name}")


@command.command("show")
@click.argument("domain")
@config_option
@json_option
def show(domain: str, config: str, as_json: bool) -> None:
    """Show what is known of a domain."""
    found = entry_of(open_entries(config), Key(Kind.DOMAIN, comparable_domain(to_domain(domain))), Domain)
    facts = {
        "domain": found.name,
        "alias_of": found.alias_of,
        "catch_all": [str(target) for target in found.catch_all],
    }
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        text = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key.replace('_', ' '):10} {text or '-'}")


@command.command("remove")
@click.argument("domain")
@config_option
def remove(domain: str, config: str) -> None:
    """Remove a domain that has no accounts and aliases any more."""
    name = to_domain(domain)
    open_admin(config).remove_domain(name)
    click.echo(f"removed {name}")
