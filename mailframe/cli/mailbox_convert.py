"""``mailframe mailbox convert``: accounts go from one backend of the store to another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.imap.wire.description import describe
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount, IMailStore
from mailframe.transfer.comparing import compare_accounts
from mailframe.transfer.converting import Conversion
from mailframe.transfer.values import Outcome, TransferError

from .errors import Refused
from .mail_store import Bar, account_of, accounts, exists, facts_of, opened, sentence
from .mailbox_store import note_shares
from .queue_spool import wait
from .shared import config_option, json_option, print_json


@click.command("convert")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All accounts of the directory.")
@click.option(
    "--to", "backend", required=True, help="The backend to convert to; its options are in [store.BACKEND]."
)
@click.option("--from", "source", default="", help="The backend to convert from. [default: that of [store]]")
@click.option(
    "--delete", is_flag=True, help="Delete what the new store has and the old one does not (any more)."
)
@click.option("--restart", is_flag=True, help="Begin anew: delete the accounts in the new store first.")
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would come over.")
@click.option("--verify", is_flag=True, help="Compare both accounts afterwards, octet by octet.")
@config_option
@json_option
def command(
    addresses: tuple[str, ...],
    everything: bool,
    backend: str,
    source: str,
    delete: bool,
    restart: bool,
    dry_run: bool,
    verify: bool,
    config: str,
    as_json: bool,
) -> None:
    """Copy accounts into another backend: UIDs, MODSEQs, flags, object ids, dates and subscriptions stay.

    The old store is only read, and the node may run. Run it again as often as you like: it goes on where it was, and
    takes what happened meanwhile. Then stop the node, run it once more, change backend in [store], start the node.
    """
    before, after = load(config, store=source), load(config, store=backend)
    if before.store == after.store:
        raise Refused(f"The store is {backend} already.")
    _check_apart(before, after)
    names = accounts(before, addresses, everything)
    outcomes: dict[str, Outcome] = {}
    failed: dict[str, str] = {}
    with opened(before) as old, opened(after, unlimited=True) as new:
        for name in names:
            if not exists(old, name):
                failed[name] = f"{name} has no mail in the {before.store.name} store"
                continue
            if restart and not dry_run:
                wait(new.remove_account(name))
            try:
                outcomes[name] = _convert(old, new, name, delete, dry_run, verify)
                if not dry_run:
                    note_shares(after, new, name)
            except TransferError as error:
                failed[name] = f"{name}: {error}"
            except MailframeError as error:
                failed[name] = f"{name}: {error.reason}"
            if name in outcomes and not as_json:
                click.echo(f"{name}: {sentence(outcomes[name], 'converted', dry_run)}")
    if as_json:
        print_json([facts_of(outcome, account=name) for name, outcome in outcomes.items()])
    for name, outcome in outcomes.items():
        if outcome.differences:
            failed[name] = "\n".join(f"{name}: {text}" for text in outcome.differences)
    if failed:
        raise Refused("\n".join(failed.values()))


def _check_apart(before: Configuration, after: Configuration) -> None:
    """Both stores must not lie in one place: what one has, the other would take for its own, or remove.

    Raises:
        Refused: they do.
    """
    places = [getattr(one.store.options, "directory", "") for one in (before, after)]
    if not all(places):
        return
    old, new = (os.path.join(os.path.realpath(place), "") for place in places)
    if old.startswith(new) or new.startswith(old):
        raise Refused(
            f"Both stores would lie in {places[0]}. Give the new one a directory of its own, in "
            f"[store.{after.store.name}]."
        )


def _convert(
    old: IMailStore, new: IMailStore, name: str, delete: bool, dry_run: bool, verify: bool
) -> Outcome:
    bar = Bar(f"{name}:")
    try:
        with account_of(old, name) as source, _image(new, name, dry_run) as image:
            work = Conversion(source, image, delete=delete, dry_run=dry_run, progress=bar)
            outcome = wait(work.run())
            if verify and not dry_run:
                outcome.differences += wait(compare_accounts(source, image, Bar(f"{name}: compared")))
    finally:
        bar.end()
    return outcome


@contextmanager
def _image(new: IMailStore, name: str, dry_run: bool) -> Iterator[IMailAccount]:
    """The account in the new store; where nothing may be made, one that is forgotten afterwards."""
    if dry_run and not exists(new, name):
        from mailframe.roles.stores import forgetful_store

        new = forgetful_store(describe)
    with account_of(new, name) as account:
        yield account
