"""One account that commands work on, and points in time."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.store.interfaces import IMailAccount, IMailStore
from mailframe.store.sharing.shares import note_account

from .errors import Refused
from .mail_store import account_of, accounts, exists, opened
from .queue_spool import wait

_AGO = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@contextmanager
def opened_account(config: str, address: str) -> Iterator[IMailAccount]:
    """One account's mailboxes, which must exist: a command makes none.

    Raises:
        Refused: there is no mail of such an account.
    """
    with opened_with_store(config, address) as (_, account):
        yield account


@contextmanager
def opened_with_store(config: str, address: str) -> Iterator[tuple[IMailStore, IMailAccount]]:
    """The same, and the store that it is in.

    Raises:
        Refused: there is no mail of such an account.
    """
    with opened(load(config)) as store, account_of(store, _existing(store, address)) as account:
        yield store, account


def opened_accounts(config: str, addresses: Sequence[str], everything: bool) -> Iterator[IMailAccount]:
    """One account after the other.

    Args:
        addresses: those that are named, which must exist.
        everything: instead, all of the directory that have mail.

    Raises:
        Refused: there is no mail of one; both or neither was said.
    """
    configuration = load(config)
    with opened(configuration) as store:
        for address in accounts(configuration, addresses, everything):
            if not everything or exists(store, address):
                with account_of(store, _existing(store, address)) as account:
                    yield account


def _existing(store: IMailStore, address: str) -> str:
    address = address.lower()
    if not exists(store, address):
        raise Refused(f"There are no mailboxes of {address}: they are made when it gets mail or logs in.")
    return address


@contextmanager
def opened_sharing(config: str, address: str) -> Iterator[IMailAccount]:
    """The same; where mailboxes are shared, those who get rights find the mailbox.

    Raises:
        Refused: there is no mail of such an account.
    """
    configuration = load(config)
    if configuration.sharing is None:
        raise Refused("No mailboxes are shared: [sharing] is not in the configuration.")
    with opened(configuration) as store:
        address = _existing(store, address)
        build = importlib.import_module("mailframe.roles.sharing").sharing_for_commands
        shared, shares = build(store, configuration.sharing)
        wait(shares.start())
        try:
            with account_of(shared, address) as account:
                yield account
        finally:
            wait(shares.stop())


def note_shares(configuration: Configuration, store: IMailStore, name: str) -> None:
    """Where mailboxes are shared: have noted who has rights in an account, which may not have come by a session."""
    if configuration.sharing is None:
        return
    build = importlib.import_module("mailframe.roles.sharing").sharing_for_commands
    _, shares = build(store, configuration.sharing)
    wait(shares.start())
    try:
        with account_of(store, name) as account:
            wait(note_account(shares, account))
    finally:
        wait(shares.stop())


class Moment(click.ParamType[int]):
    """A point in time: ``2d`` ago, or a date with or without a time; gives seconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See `click.ParamType.convert`."""
        if isinstance(value, int):
            return value
        ago = _AGO.fullmatch(value)
        if ago is not None:
            return int(time.time()) - int(ago[1]) * _SECONDS[ago[2]]
        try:
            return int(datetime.fromisoformat(value).timestamp())
        except ValueError:
            self.fail(f'{value!r} is neither like "2d" nor like "2026-11-22T13:00"', param, ctx)
