"""``mailframe mailbox adopt``: accounts whose mail Dovecot or Courier has kept so far."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from typing import Any

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.message.status import MailframeError

from .errors import Refused
from .mail_store import account_of, accounts, opened
from .queue_spool import wait
from .shared import config_option, json_option, print_json, print_rows

_COLUMNS = ("mailbox", "from", "messages", "UIDs kept", "UIDVALIDITY", "keywords", "UIDLs kept")


@click.command("adopt")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All accounts of the directory.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be taken over.")
@config_option
@json_option
def command(addresses: tuple[str, ...], everything: bool, dry_run: bool, config: str, as_json: bool) -> None:
    """Take accounts of Dovecot or Courier over, where their Maildirs lie.

    Each account's Maildir lies where this store has it. UIDs, keywords, subscriptions and what POP3 calls messages
    stay. Without this command the same is done for each account when it first gets mail or somebody logs in.
    """
    configuration = load(config)
    options = _maildir_options(configuration)
    names = accounts(configuration, [address.lower() for address in addresses], everything)
    planning: Any = importlib.import_module("mailframe.store.maildir.planning")
    plans = {name: planning.plan(options, name) for name in names}
    absent = [name for name in names if plans[name] is None]
    if addresses and absent:
        raise Refused(f"There is no Maildir of {absent[0]} in {options.directory}.")
    found = [plan for plan in plans.values() if plan is not None]
    if not dry_run:
        _take_over(configuration, [plan.account for plan in found])
    if as_json:
        print_json([asdict(plan) for plan in found])
        return
    for plan in found:
        _print(plan, dry_run)
    if not found:
        click.echo("There are no Maildirs of these accounts.")


def _maildir_options(configuration: Configuration) -> Any:
    options: Any = configuration.store.options
    if not hasattr(options, "adopted_uidl_format"):
        raise Refused(f"Only Maildirs are taken over in place; the store is {configuration.store.name}.")
    if not options.adopt:
        raise Refused(f"store.{configuration.store.name}.adopt is false.")
    return options


def _take_over(configuration: Configuration, names: list[str]) -> None:
    """Open each account and look at each mailbox, which takes over what has not been."""
    with opened(configuration, unlimited=True) as store:
        for name in names:
            try:
                with account_of(store, name) as account:
                    for entry in wait(account.mailboxes()):
                        if entry.selectable:
                            wait(account.status(entry.name))
            except MailframeError as error:
                raise Refused(f"{name} cannot be taken over now: {error}") from error


def _print(plan: Any, dry_run: bool) -> None:
    fresh = [folder for folder in plan.folders if not folder.known]
    click.echo(f"{plan.account} in {plan.directory}")
    rows = [
        {
            "mailbox": folder.mailbox,
            "from": folder.program or "-",
            "messages": folder.messages,
            "UIDs kept": folder.uids_kept,
            "UIDVALIDITY": folder.uidvalidity or "new",
            "keywords": folder.keywords,
            "UIDLs kept": folder.uidls_kept,
        }
        for folder in fresh
    ]
    print_rows(rows, _COLUMNS, False, "  All of its folders are known already.")
    if plan.subscriptions is not None:
        click.echo(f"  subscribed: {', '.join(plan.subscriptions) or 'nothing'}")
    if fresh:
        click.echo("  would be taken over" if dry_run else "  taken over")
