"""Commands that say what an account is: ``show``, ``set``, ``forward``, ``hold``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from mailframe.config.scalars import to_size
from mailframe.directory.entries import Kind, account_key
from mailframe.directory.values import Account, Credential, Grant

from .directory import entry_of, open_entries, to_mailbox
from .shared import config_option, json_option, print_json


@click.command("show")
@click.argument("address")
@config_option
@json_option
def show(address: str, config: str, as_json: bool) -> None:
    """Show what is known of an account; no secrets."""
    entries = open_entries(config)
    name = str(to_mailbox(address))
    found = entry_of(entries, account_key(name), Credential)
    grants = [
        str(grant.subject)
        for grant in entries.listing(Kind.GRANT, name.rpartition("@")[2])
        if isinstance(grant, Grant) and grant.account == found.account.name
    ]
    facts = _facts(found, grants)
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(
            f"{key.replace('_', ' '):16} {'yes' if text is True else 'no' if text is False else text or '-'}"
        )


@click.command("set")
@click.argument("address")
@click.option("--quota", help='Storage, such as "2 GB"; 0 for no limit.')
@click.option("--store", help='The store that has the mail, "" for what follows from the name.')
@click.option("--enable/--disable", "enabled", default=None, help="Let it log in and get mail, or not.")
@config_option
def set_(address: str, quota: str | None, store: str | None, enabled: bool | None, config: str) -> None:
    """Change what is said of an account. Nothing is moved: for that there is mailframe mailbox move."""
    values: dict[str, Any] = {}
    if quota is not None:
        values["quota"] = _size(quota)
    if store is not None:
        values["store"] = store
    if enabled is not None:
        values["enabled"] = enabled
    if not values:
        raise click.UsageError("Say what to change.")
    _change(config, address, lambda account: replace(account, **values))


@click.command("forward")
@click.argument("address")
@click.argument("targets", nargs=-1)
@click.option("--no-copy", is_flag=True, help="Keep none of the mail in the own mailbox.")
@config_option
def forward(address: str, targets: tuple[str, ...], no_copy: bool, config: str) -> None:
    """Send copies of an account's mail on to TARGETS, in place of where they went before; to nobody without any."""
    meant = tuple(to_mailbox(target) for target in targets)
    if no_copy and not meant:
        raise click.UsageError("Without a target, mail has to stay in the mailbox.")
    _change(config, address, lambda account: replace(account, forwards=meant, keeps_copy=not no_copy))


@click.command("hold")
@click.argument("address")
@click.argument("reason")
@config_option
def hold(address: str, reason: str, config: str) -> None:
    """Let nobody use a mailbox for now: logins and mail are told to come again, sessions end. REASON is logged."""
    _change(config, address, lambda account: replace(account, hold=reason, hold_until=0))


@click.command("release")
@click.argument("address")
@config_option
def release(address: str, config: str) -> None:
    """Let a mailbox that was held be used again."""
    _change(config, address, lambda account: replace(account, hold="", hold_until=0))


COMMANDS: Sequence[click.Command] = (show, set_, forward, hold, release)


def _change(config: str, address: str, change: Callable[[Account], Account]) -> None:
    entries: Any = open_entries(config)
    name = str(to_mailbox(address))
    entries.change_account(name, lambda found: replace(found, account=change(found.account)))
    click.echo(f"changed {name}")


def _size(text: str) -> int:
    try:
        return to_size(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--quota") from None


def _facts(found: Credential, grants: list[str]) -> dict[str, Any]:
    account = found.account
    return {
        "account": account.name,
        "enabled": account.enabled,
        "quota": account.quota,
        "store": account.store,
        "forwards": [str(target) for target in account.forwards],
        "keeps_copy": account.keeps_copy,
        "hold": account.hold,
        "sends_as": grants,
        "app_passwords": [one.identifier for one in found.app_passwords],
    }
