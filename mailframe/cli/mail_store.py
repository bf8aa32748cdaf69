"""Mailboxes that commands work on: a store opened beside the node that uses it, and progress for people."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from mailframe.config.schema import Configuration
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount, IMailStore
from mailframe.transfer.values import Outcome

from .errors import Refused
from .queue_spool import wait


@contextmanager
def opened(configuration: Configuration, unlimited: bool = False) -> Iterator[IMailStore]:
    """The store of a configuration, for as long as the block lasts; all its work is done at once.

    Args:
        unlimited: without a quota.

    Raises:
        PluginUnavailable: it is seen by the node's own process only.
    """
    build = importlib.import_module("mailframe.roles.stores").store_for_commands
    store: Any = build(configuration, unlimited)
    wait(store.start())
    try:
        yield store
    finally:
        wait(store.stop())


def exists(store: IMailStore, name: str) -> bool:
    """Has this account any mailbox? Asking makes none."""
    work: Any = getattr(store, "work", None)
    if work is None:
        return True
    try:
        wait(work(name, lambda drop: None))
    except MailframeError as error:
        if error.status.word != "NONEXISTENT":
            raise
        return False
    return True


@contextmanager
def account_of(store: IMailStore, name: str) -> Iterator[IMailAccount]:
    """A session with an account."""
    account = wait(store.account(name))
    try:
        yield account
    finally:
        account.close()


def accounts(configuration: Configuration, named: Sequence[str], everything: bool) -> list[str]:
    """The accounts a command is meant for: those named, or all of the directory.

    Raises:
        Refused: both or neither, or a directory that cannot list its accounts.
    """
    if bool(named) == everything:
        raise Refused("Name accounts, or say --all.")
    if named:
        return list(dict.fromkeys(named))
    directory = importlib.import_module("mailframe.roles.backends").directory_admin(configuration)
    if directory is None:
        raise Refused(f"The directory {configuration.directory.name} cannot list its accounts; name them.")
    return [account.name for account in directory.accounts()]


class Bar:
    """What is going on, on a terminal; nothing where standard error is none.

    Args:
        label: in front.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._shown = sys.stderr.isatty()
        self._counts: dict[str, int] = {}

    def __call__(self, name: str, count: int) -> None:
        """So many more messages of a mailbox were done."""
        self._counts[name] = self._counts.get(name, 0) + count
        if self._shown:
            total = sum(self._counts.values())
            click.echo(
                f"\r\033[K{self._label} {total} messages, {name}: {self._counts[name]}", nl=False, err=True
            )

    def end(self) -> None:
        """Leave the line."""
        if self._shown and self._counts:
            click.echo("\r\033[K", nl=False, err=True)


def facts_of(outcome: Outcome, **more: object) -> dict[str, object]:
    """An outcome for programs."""
    return {
        **more,
        "messages": outcome.messages,
        "octets": outcome.octets,
        "mailboxes": [
            {
                "name": folder.name,
                "messages": folder.messages,
                "updated": folder.updated,
                "kept": folder.kept,
                "absent": folder.absent,
                "removed": folder.removed,
                "uids_kept": folder.identity,
            }
            for folder in outcome.folders
        ],
        "differences": outcome.differences,
    }


def sentence(outcome: Outcome, done: str, dry_run: bool = False) -> str:
    """An outcome for people.

    Args:
        done: the verb: ``imported``.
    """
    mailboxes, messages = len(outcome.folders), outcome.messages
    text = f"{'would have ' if dry_run else ''}{done} {messages} message{'s' * (messages != 1)}"
    text += f" ({outcome.octets} octets) of {mailboxes} mailbox{'es' * (mailboxes != 1)}"
    for word in ("updated", "kept", "removed"):
        count = sum(getattr(folder, word) for folder in outcome.folders)
        text += f", {count} {word}" if count else ""
    absent = sum(folder.absent for folder in outcome.folders)
    if absent:
        text += f"; {absent} are not here any more and do not come back (--new-uids takes them nevertheless)"
    return text
