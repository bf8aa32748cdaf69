"""``mailframe mailbox check``: is the mail of accounts as their catalogues have it? Shared by `mailbox_repair`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import apsw
import click

from mailframe.config.loading import load
from mailframe.message.status import MailframeError
from mailframe.store.checking import Difference, Findings, Kind, Salvaged
from mailframe.store.maildrop.checking import Checking
from mailframe.store.maildrop.store import MaildropStore

from .errors import Refused
from .mail_store import Bar, accounts, exists, opened
from .queue_spool import wait
from .shared import config_option, json_option, print_json, print_rows

SHOWN = 20
"""Differences of an account that people are shown; programs get up to a thousand."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one account.

    Attributes:
        damaged: its file cannot be read as it should be; nothing else was looked at.
        salvaged: what was read of it into a new one.
    """

    account: str
    found: Findings
    damaged: bool = False
    salvaged: Salvaged | None = None

    @property
    def left(self) -> int:
        """How many things are wrong now."""
        return self.found.left + self.damaged

    def row(self) -> dict[str, object]:
        """For people and programs."""
        facts: dict[str, object] = {
            "account": self.account,
            "mailboxes": self.found.mailboxes,
            "messages": self.found.messages,
            "octets": self.found.octets,
            "wrong": self.found.wrong.total() + self.damaged,
            "left": self.left,
            "differences": [_facts(one) for one in self.found.listed],
        }
        if self.damaged:
            facts["differences"] = [_facts(Difference(Kind.FILE))]
        if self.salvaged is not None:
            facts["damaged_file"] = self.salvaged.aside
            facts["rows_kept"] = self.salvaged.rows
            facts["tables_with_losses"] = self.salvaged.lost
        return facts


@click.command("check")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All accounts of the directory.")
@click.option(
    "--octets", is_flag=True, help="Read all messages, too: sizes, and what is kept about contents."
)
@config_option
@json_option
def command(addresses: tuple[str, ...], everything: bool, octets: bool, config: str, as_json: bool) -> None:
    """Compare what is known of accounts' messages with what lies there.

    Nothing is changed, but for taking in what other programs did, as every session does. Safe while the node runs.
    The exit code is 1 where something is wrong.
    """

    def one(store: MaildropStore, name: str) -> Looked:
        file = store.file(name)
        if file is not None and file.is_damaged():
            return Looked(name, Findings(), damaged=True)
        return Looked(name, look(store, name, Checking(octets=octets)))

    run(one, addresses, everything, config, as_json)


def run(
    one: Callable[[MaildropStore, str], Looked],
    addresses: tuple[str, ...],
    everything: bool,
    config: str,
    as_json: bool,
) -> None:
    """Do it for each account, and tell what was found.

    Raises:
        Refused: something is wrong, or could not be looked at.
    """
    configuration = load(config)
    looked, failed = list[Looked](), list[str]()
    with opened(configuration) as store:
        if not isinstance(store, MaildropStore):
            raise Refused(f"The {configuration.store.name} store cannot be checked.")
        for name in accounts(configuration, tuple(map(str.lower, addresses)), everything):
            try:
                file = store.file(name)
                if exists(store, name) if file is None else file.exists():
                    looked.append(one(store, name))
                elif not everything:
                    failed.append(f"{name} has no mail.")
            except MailframeError as error:
                failed.append(f"{name}: {error.reason}")
            except (OSError, apsw.Error) as fault:
                failed.append(f"{name}: {fault}")
    _tell(looked, as_json)
    wrong = [f"{each.account}: {each.left} things are wrong." for each in looked if each.left]
    if failed or wrong:
        raise Refused("\n".join(failed + wrong))


def look(store: MaildropStore, name: str, checking: Checking) -> Findings:
    """Step by step, with progress."""
    bar, told = Bar(f"{name}:"), 0
    while not wait(store.work(name, checking.step)):
        bar("looked at", checking.found.messages - told)
        told = checking.found.messages
    bar.end()
    return checking.found


def _tell(looked: list[Looked], as_json: bool) -> None:
    rows = [each.row() for each in looked]
    if as_json:
        print_json(rows)
        return
    columns = ("account", "mailboxes", "messages", "wrong", "left")
    print_rows(rows, columns, False, "There are no accounts with mail.")
    for each in looked:
        if each.damaged:
            click.echo(f"{each.account}: the file is damaged; mailframe mailbox repair makes it anew.")
        if each.salvaged is not None:
            lost = ", ".join(each.salvaged.lost) or "none"
            click.echo(f"{each.account}: the file was made anew; tables with losses: {lost}.")
            click.echo(f"{each.account}: the damaged one is {each.salvaged.aside}")
        for one in each.found.listed[:SHOWN]:
            click.echo(f"{each.account}: {_sentence(one)}")
        if len(each.found.listed) > SHOWN:
            click.echo(f"{each.account}: and more; --json lists them.")


def _sentence(one: Difference) -> str:
    place = f"{one.mailbox}, UID {one.uid}" if one.uid else one.mailbox or "account"
    count = f" ({one.count})" if one.count > 1 else ""
    return f"{place}: {one.kind.value}{count}{', put right' if one.mended else ''}"


def _facts(one: Difference) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "mailbox": one.mailbox,
        "uid": one.uid,
        "count": one.count,
        "mended": one.mended,
    }
