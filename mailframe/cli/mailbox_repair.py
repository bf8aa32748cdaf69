"""``mailframe mailbox repair``: what is known of accounts' messages is made true again."""

from __future__ import annotations

import click

from mailframe.config.loading import load
from mailframe.store.checking import Salvaged
from mailframe.store.maildrop.checking import Checking
from mailframe.store.maildrop.store import MaildropStore

from .mailbox_check import Looked, look, run
from .mailbox_store import note_shares
from .shared import config_option, json_option


@click.command("repair")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All accounts of the directory.")
@click.option(
    "--octets", is_flag=True, help="Read all messages, too: sizes, and what is kept about contents."
)
@click.option("--rebuild", is_flag=True, help="Make the file anew, even where it seems to be whole.")
@click.option(
    "--expunge-missing",
    is_flag=True,
    help="Expunge messages whose octets are gone; else they stay, for a backup.",
)
@config_option
@json_option
def command(
    addresses: tuple[str, ...],
    everything: bool,
    octets: bool,
    rebuild: bool,
    expunge_missing: bool,
    config: str,
    as_json: bool,
) -> None:
    """Put right what ``check`` finds, and make damaged files anew of what can be read.

    Messages keep their UIDs as far as these are known; others come back under new ones. The damaged file stays beside
    the new one. Who has rights on the mailboxes finds them again where the index of [sharing] was lost. Safe while
    the node runs. The exit code is 1 where something is wrong afterwards.
    """

    configuration = load(config)

    def one(store: MaildropStore, name: str) -> Looked:
        file = store.file(name)
        salvaged: Salvaged | None = None
        if file is not None and (rebuild or file.is_damaged()):
            salvaged = file.rebuild()
        checking = Checking(mend=True, octets=octets, expunge_missing=expunge_missing)
        looked = Looked(name, look(store, name, checking), salvaged=salvaged)
        note_shares(configuration, store, name)
        return looked

    run(one, addresses, everything, config, as_json)
