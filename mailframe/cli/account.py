"""``mailframe account``: who has a mailbox here."""

from __future__ import annotations

import click

from mailframe.config.describe import size_text
from mailframe.config.loading import load
from mailframe.config.scalars import to_size

from .account_changes import COMMANDS
from .directory import admin_of, hash_of, keys_for, open_admin, open_grants, to_domain, to_mailbox
from .shared import (
    ask_password,
    config_option,
    json_option,
    make_password,
    password_options,
    print_json,
    print_rows,
)


@click.group("account")
def command() -> None:
    """Add, list, change and remove accounts; passwords, forwards, who may send as whom.

    A running node sees changes at once.
    """


@command.command("add")
@click.argument("address")
@password_options
@click.option("--generate", is_flag=True, help="Make a password up and print it.")
@click.option("--quota", default="0", show_default=True, help='Storage, such as "2 GB"; 0 for no limit.')
@config_option
@json_option
def add(
    address: str, password_file: str | None, generate: bool, quota: str, config: str, as_json: bool
) -> None:
    """Add an account. Its password is asked for, or comes from standard input."""
    configuration = load(config)
    admin = admin_of(configuration)
    name = str(to_mailbox(address))
    octets = _quota(quota)
    password = make_password() if generate else ask_password(password_file, confirm=True)
    admin.add_account(name, hash_of(password), octets, keys_for(configuration, password))
    _tell("added", name, password if generate else None, as_json)


@command.command("list")
@click.argument("domain", required=False)
@config_option
@json_option
def list_accounts(domain: str | None, config: str, as_json: bool) -> None:
    """List accounts, all or of one domain, and in which schemes their passwords are kept."""
    admin = open_admin(config)
    wanted = to_domain(domain) if domain else None
    accounts, schemes = admin.accounts(wanted), admin.schemes(wanted)
    rows = [
        {
            "account": account.name,
            "enabled": account.enabled,
            "quota": account.quota
            if as_json
            else size_text(account.quota).strip('"')
            if account.quota
            else "-",
            "schemes": list(schemes.get(account.name, ())),
        }
        for account in accounts
    ]
    print_rows(
        rows,
        ("account", "enabled", "quota", "schemes"),
        as_json,
        "No accounts. Add one: mailframe account add",
    )


@command.command("passwd")
@click.argument("address")
@password_options
@click.option("--generate", is_flag=True, help="Make a password up and print it.")
@config_option
@json_option
def passwd(address: str, password_file: str | None, generate: bool, config: str, as_json: bool) -> None:
    """Change the password of an account."""
    configuration = load(config)
    admin = admin_of(configuration)
    name = str(to_mailbox(address))
    password = make_password() if generate else ask_password(password_file, confirm=True)
    admin.set_password(name, hash_of(password), keys_for(configuration, password))
    _tell("changed", name, password if generate else None, as_json)


@command.command("remove")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def remove(address: str, yes: bool, config: str) -> None:
    """Remove an account. Its mail stays in the store."""
    admin = open_admin(config)
    name = str(to_mailbox(address))
    if not yes:
        click.confirm(f"Remove the account {name}?", abort=True, err=True)
    admin.remove_account(name)
    click.echo(f"removed {name}; its mail is still in the store")


@command.command("grant")
@click.argument("address")
@click.argument("subjects", nargs=-1, required=True)
@config_option
def grant(address: str, subjects: tuple[str, ...], config: str) -> None:
    """Let an account send as SUBJECTS: addresses, or @example.test for all of a domain."""
    grants, name = open_grants(config), str(to_mailbox(address))
    for subject in subjects:
        grants.grant(name, subject)
        click.echo(f"{name} may send as {subject}")


@command.command("revoke")
@click.argument("address")
@click.argument("subjects", nargs=-1, required=True)
@config_option
def revoke(address: str, subjects: tuple[str, ...], config: str) -> None:
    """Take back what was granted to an account."""
    grants, name = open_grants(config), str(to_mailbox(address))
    for subject in subjects:
        grants.revoke(name, subject)
        click.echo(f"{name} may no longer send as {subject}")


@command.command("grants")
@click.argument("address", required=False)
@config_option
@json_option
def list_grants(address: str | None, config: str, as_json: bool) -> None:
    """List who may send as whom, besides their own addresses; of one account where given."""
    found = open_grants(config).grants(str(to_mailbox(address)) if address else None)
    rows = [{"account": one.account, "sends as": one.subject} for one in found]
    if as_json:
        rows = [{"account": one.account, "subject": one.subject} for one in found]
    print_rows(rows, ("account", "sends as"), as_json, "No grants. Add one: mailframe account grant")


for one in COMMANDS:
    command.add_command(one)


def _quota(text: str) -> int:
    try:
        return to_size(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--quota") from None


def _tell(what: str, name: str, password: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"account": name, **({"password": password} if password else {})})
    else:
        click.echo(f"{what} {name}" + (f" with the password {password}" if password else ""))
