"""``mailframe import``: mail from files and other servers comes into an account."""

from __future__ import annotations

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.transfer.comparing import compare_source
from mailframe.transfer.importing import Import
from mailframe.transfer.values import Outcome, TransferError

from .errors import Refused
from .mail_store import Bar, account_of, facts_of, opened, sentence
from .queue_spool import wait
from .shared import config_option, json_option, password_options, print_json
from .sources import FORMATS, Opener, Where


@click.command("import")
@click.argument("address")
@click.argument("source")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="What a file is. [default: found out]")
@click.option(
    "--mailbox", "mailboxes", multiple=True, help="Of a server, only this mailbox; any number of times."
)
@click.option(
    "--into", default="", help="Put everything below this mailbox. A single mbox file goes into it."
)
@click.option(
    "--new-uids", is_flag=True, help="Give new UIDs in any case, and pass over what is here by its octets."
)
@click.option("--for", "authzid", default="", help="Log in for this user, where the server lets USER do so.")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option("--clear", is_flag=True, help="Without TLS, password included; for imap:// and pop3://.")
@click.option("--dry-run", is_flag=True, help="Read everything and change nothing.")
@click.option("--verify", is_flag=True, help="Read the source again afterwards, and compare octet by octet.")
@password_options
@config_option
@json_option
def command(
    address: str,
    source: str,
    kind: str | None,
    mailboxes: tuple[str, ...],
    into: str,
    new_uids: bool,
    authzid: str,
    insecure: bool,
    clear: bool,
    dry_run: bool,
    verify: bool,
    password_file: str | None,
    config: str,
    as_json: bool,
) -> None:
    """Import mail into an account: from an archive, a Maildir, mbox files, or a server.

    SOURCE is a path, - for an archive on standard input, or imaps://USER@HOST, imap:// (with STARTTLS), pop3s:// or
    pop3://. Nothing is changed there. UIDs are kept where a mailbox is new, empty, or the same. Run again, it takes
    what is missing and nothing twice.
    """
    configuration = load(config)
    where = Where(source, kind or "", mailboxes, into or "INBOX", password_file, authzid, insecure, clear)
    opener = Opener(where, configuration)
    if verify and not opener.again:
        raise Refused("Standard input cannot be read twice; an archive proves itself while it is read.")
    try:
        outcome = _import(opener, configuration, address, into, new_uids, dry_run, verify)
    except TransferError as error:
        raise Refused(str(error)) from error
    if as_json:
        print_json(facts_of(outcome, account=address))
    else:
        click.echo(sentence(outcome, "imported", dry_run))
    if outcome.differences:
        raise Refused("\n".join(outcome.differences))


def _import(
    opener: Opener,
    configuration: Configuration,
    address: str,
    into: str,
    new_uids: bool,
    dry_run: bool,
    verify: bool,
) -> Outcome:
    bar, source = Bar("imported"), opener.open()
    try:
        with opened(configuration) as store, account_of(store, address) as account:
            below = "" if opener.single else into
            work = Import(source, account, into=below, new_uids=new_uids, dry_run=dry_run, progress=bar)
            outcome = wait(work.run())
            if verify and not dry_run:
                source.close()
                source = opener.open()
                outcome.differences += wait(compare_source(source, account, work, Bar("compared")))
    finally:
        source.close()
        bar.end()
    return outcome
