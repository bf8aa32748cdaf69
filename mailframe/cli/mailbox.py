"""``mailframe mailbox``: the mailboxes of accounts, and what can be done with them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from mailframe.store.quota import ACCOUNT, Limit
from mailframe.store.quota_warning import octets_text
from mailframe.store.sharing.rights import parse, written
from mailframe.store.values import MailboxEntry, MailboxStatus

from .mailbox_store import Moment, opened_account, opened_accounts, opened_sharing, opened_with_store
from .queue_spool import wait
from .shared import config_option, json_option, print_json, print_rows

MORE = ("adopt", "check", "convert", "move", "repair", "texts", "vacuum")
"""Commands in modules of their own: ``mailbox_NAME``, with a ``click.Command`` called ``command``."""


class MailboxGroup(click.Group):
    """Commands of this module, and those of `MORE`, which are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted({*super().list_commands(ctx), *MORE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in MORE:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"mailframe.cli.mailbox_{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.command(cls=MailboxGroup, name="mailbox")
def command() -> None:
    """Look at mailboxes, and put things right.

    Safe while the node runs. Run it as the user that the node runs as: files that it makes are that user's.
    """


@command.command("list")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Of all accounts of the directory.")
@config_option
@json_option
def list_mailboxes(addresses: Sequence[str], everything: bool, config: str, as_json: bool) -> None:
    """The mailboxes of accounts, with their figures."""
    rows = []
    for account in opened_accounts(config, addresses, everything):
        for entry in wait(account.mailboxes()):
            figures = wait(account.status(entry.name)) if entry.selectable else None
            rows.append({"account": account.name} | _row(entry, figures))
    several = () if len(addresses) == 1 else ("account",)
    columns = (*several, "name", "messages", "unseen", "size", "special_use", "subscribed")
    print_rows(rows, columns, as_json, "There are no mailboxes.")


@command.command("status")
@click.argument("address")
@click.argument("mailbox", default="INBOX")
@config_option
def status(address: str, mailbox: str, config: str) -> None:
    """All figures of one mailbox, as JSON; "texts" is the index of its whole account that SEARCH goes through."""
    with opened_with_store(config, address) as (store, account):
        found = wait(account.status(mailbox))
        rights = [
            {"identifier": one.identifier, "rights": "".join(sorted(one.rights))}
            for one in wait(account.access(mailbox))
        ]
        texts = importlib.import_module("mailframe.cli.mailbox_texts").figures(store, account.name)
    print_json(
        {
            "messages": found.messages,
            "unseen": found.unseen,
            "deleted": found.deleted,
            "octets": found.size,
            "uidvalidity": found.uidvalidity,
            "uidnext": found.uidnext,
            "highestmodseq": found.highestmodseq,
            "mailbox_id": found.mailbox_id,
            "access": rights,
            "texts": texts,
        }
    )


@command.command("quota")
@click.argument("address")
@config_option
@json_option
def quota(address: str, config: str, as_json: bool) -> None:
    """What an account may hold, what it holds, and which limits its owner has set himself."""
    with opened_account(config, address) as account:
        roots = wait(account.quotas())
    rows = [
        {
            "root": root.name or "(account)",
            "mailbox": None if root.name == ACCOUNT else root.name,
            "used": octets_text(root.usage.octets),
            "limit": octets_text(root.limit.octets) if root.limit.octets else "none",
            "messages": root.usage.messages,
            "messages_limit": root.limit.messages or "none",
            "percent": root.limit.percent(root.usage),
            "own": _own(root.own),
            "own_octets": root.own.octets,
            "own_messages": root.own.messages,
            "octets": root.usage.octets,
            "octets_limit": root.limit.octets,
        }
        for root in roots
    ]
    columns = ("root", "used", "limit", "messages", "messages_limit", "percent", "own")
    print_rows(rows, columns, as_json, "Nothing is limited.")


def _own(limit: Limit) -> str:
    """What the owner has set."""
    octets = [octets_text(limit.octets)] if limit.octets else []
    return ", ".join([*octets, *([f"{limit.messages} messages"] if limit.messages else [])]) or "none"


@command.command("expunged")
@click.argument("address")
@config_option
@json_option
def expunged(address: str, config: str, as_json: bool) -> None:
    """Expunged mail that is kept and can be restored, by the mailbox that it was expunged from."""
    with opened_account(config, address) as account:
        found = wait(account.kept())
    rows = [
        {
            "mailbox": one.name,
            "messages": one.messages,
            "size": octets_text(one.octets),
            "octets": one.octets,
            "since": datetime.fromtimestamp(one.since).astimezone().isoformat(timespec="seconds"),
        }
        for one in found
    ]
    print_rows(rows, ("mailbox", "messages", "size", "since"), as_json, "Nothing is kept.")


@command.command("restore")
@click.argument("address")
@click.argument("mailboxes", metavar="[MAILBOX]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Of all mailboxes.")
@click.option("--into", default="", help="Into this mailbox, and not where it came from.")
@click.option(
    "--since", type=Moment(), default=0, help='Only what was expunged since then: "2d", "2026-11-22".'
)
@click.option("--until", type=Moment(), default=0, help="Only what was expunged before.")
@config_option
@json_option
def restore(
    address: str,
    mailboxes: Sequence[str],
    everything: bool,
    into: str,
    since: int,
    until: int,
    config: str,
    as_json: bool,
) -> None:
    """Put expunged mail back, into the mailboxes that it was expunged from; deleted ones are made again."""
    if bool(mailboxes) == everything:
        raise click.UsageError("Name mailboxes, or say --all.")
    with opened_account(config, address) as account:
        names = [one.name for one in wait(account.kept())] if everything else mailboxes
        counts = {name: wait(account.restore(name, into, since, until)) for name in names}
    if as_json:
        print_json(counts)
        return
    for name, count in counts.items():
        click.echo(f"{name}: {count} messages restored{f' into {into}' if into else ''}")
    if not counts:
        click.echo("Nothing is kept.")


@command.command("access")
@click.argument("address")
@click.argument("mailbox", default="INBOX")
@click.argument("identifier", default="")
@click.argument("rights", default="")
@config_option
@json_option
def access(address: str, mailbox: str, identifier: str, rights: str, config: str, as_json: bool) -> None:
    """Who has rights on a mailbox (RFC 4314); with IDENTIFIER and RIGHTS, give them.

    RIGHTS are letters: l look up, r read, s seen, w other flags, i insert, p post, k make mailboxes below, x delete
    the mailbox, t mark messages deleted, e expunge, a administer; "none" takes the entry off the list.
    """
    if bool(identifier) != bool(rights):
        raise click.UsageError("Give both, who and which rights.")
    with opened_sharing(config, address) as account:
        if identifier:
            wait(account.set_access(mailbox, identifier, None if rights == "none" else parse(rights)))
        entries = wait(account.access(mailbox))
    rows = [{"identifier": one.identifier, "rights": written(one.rights)} for one in entries]
    print_rows(rows, ("identifier", "rights"), as_json, "Only its owner has rights on it.")


def _row(entry: MailboxEntry, figures: MailboxStatus | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": entry.name,
        "special_use": entry.special_use or "",
        "subscribed": entry.subscribed,
        "messages": "",
        "unseen": "",
        "size": "",
    }
    if figures is not None:
        row |= {
            "messages": figures.messages,
            "unseen": figures.unseen,
            "size": octets_text(figures.size),
            "octets": figures.size,
            "mailbox_id": figures.mailbox_id,
        }
    return row
