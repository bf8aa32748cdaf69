"""``mailframe export``: an account's mail goes into files."""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import click

from mailframe.config.loading import load
from mailframe.transfer.comparing import compare_source
from mailframe.transfer.exporting import Export
from mailframe.transfer.importing import Import
from mailframe.transfer.values import Target, TransferError

from .errors import Refused
from .mail_store import Bar, account_of, exists, facts_of, opened, sentence
from .queue_spool import wait
from .shared import config_option, json_option, print_json
from .sources import FORMATS, Opener, Where


@click.command("export")
@click.argument("address")
@click.argument("path", type=click.Path(allow_dash=True))
@click.option("--format", "kind", type=click.Choice(FORMATS), default="archive", show_default=True)
@click.option("--mailbox", "mailboxes", multiple=True, help="Only this mailbox; any number of times.")
@click.option("--verify", is_flag=True, help="Read the files again afterwards, and compare octet by octet.")
@config_option
@json_option
def command(
    address: str, path: str, kind: str, mailboxes: tuple[str, ...], verify: bool, config: str, as_json: bool
) -> None:
    """Export an account: into one archive that has everything, a Maildir tree, or mbox files.

    An archive goes to a file, or to standard output for -; the others into a new directory. The account is left as
    it is, and the node may run.
    """
    if path == "-" and (kind != "archive" or verify or as_json):
        raise Refused("Only an archive can go to standard output, without --verify and --json.")
    configuration = load(config)
    bar = Bar("exported")
    try:
        with opened(configuration) as store:
            if not exists(store, address):
                raise Refused(f"{address} has no mail here.")
            with account_of(store, address) as account:
                outcome = wait(
                    Export(account, _target(kind, path, address), mailboxes=mailboxes, progress=bar).run()
                )
                if verify:
                    source = Opener(Where(path, kind), configuration).open()
                    work = Import(source, account, dry_run=True)
                    outcome.differences += wait(compare_source(source, account, work, Bar("compared")))
                    source.close()
    except TransferError as error:
        raise Refused(str(error)) from error
    finally:
        bar.end()
    if as_json:
        print_json(facts_of(outcome, account=address))
    else:
        click.echo(sentence(outcome, "exported"), err=path == "-")
    if outcome.differences:
        raise Refused("\n".join(outcome.differences))


def _target(kind: str, path: str, address: str) -> Target:
    if kind == "archive":
        archive = importlib.import_module("mailframe.transfer.archive.writing")
        target: Target = archive.ArchiveTarget(None if path == "-" else Path(path), address, int(time.time()))
    elif kind == "maildir":
        target = importlib.import_module("mailframe.transfer.local.maildir").MaildirTarget(Path(path))
    else:
        target = importlib.import_module("mailframe.transfer.local.mbox").MboxTarget(Path(path))
    return target
