"""``mailframe mailbox texts``: how large accounts' indexes for SEARCH are, and filling them now."""

from __future__ import annotations

import click

from mailframe.config.loading import load
from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailStore
from mailframe.store.maildrop import texts
from mailframe.store.maildrop.maildrop import Maildrop
from mailframe.store.maildrop.store import MaildropStore

from .errors import Refused
from .mail_store import Bar, accounts, exists, opened
from .queue_spool import wait
from .shared import config_option, json_option, print_rows


@click.command("texts")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All accounts of the directory.")
@click.option("--fill", is_flag=True, help="Put all messages that are missing into the indexes, now.")
@config_option
@json_option
def command(addresses: tuple[str, ...], everything: bool, fill: bool, config: str, as_json: bool) -> None:
    """The indexes of text that SEARCH goes through: messages, those that are missing, octets on the disk.

    A few messages of each mailbox are always missing: SEARCH reads them. With --fill, which is good after an import
    or after an index was lost, nobody has to wait when searching for the first time.
    """
    configuration = load(config)
    failed: list[str] = []
    rows: list[dict[str, object]] = []
    with opened(configuration) as store:
        if not isinstance(store, MaildropStore):
            raise Refused(f"The {configuration.store.name} store keeps no texts.")
        for name in accounts(configuration, addresses, everything):
            if not exists(store, name):
                if not everything:
                    failed.append(f"{name} has no mail.")
                continue
            try:
                if fill:
                    _fill(store, name)
                found = figures(store, name)
                if found is None:
                    raise Refused("No texts are kept: full_text is false.")
                rows.append({"account": name, **found})
            except MailframeError as error:
                failed.append(f"{name}: {error.reason}")
    print_rows(
        rows, ("account", "messages", "missing", "octets"), as_json, "There are no accounts with mail."
    )
    if failed:
        raise Refused("\n".join(failed))


def figures(store: IMailStore, name: str) -> dict[str, int] | None:
    """What is in an account's index, what is missing, and its octets; None where no texts are kept."""

    def look(drop: Maildrop) -> dict[str, int] | None:
        if not drop.surroundings.full_text:
            return None
        size = texts.size(drop)
        return {"messages": size.messages, "missing": texts.missing(drop), "octets": size.octets}

    return wait(store.work(name, look)) if isinstance(store, MaildropStore) else None


def _fill(store: MaildropStore, name: str) -> None:
    bar = Bar(f"{name}: texts")
    known = wait(store.work(name, texts.size)).messages
    while wait(store.work(name, texts.fill)):
        now = wait(store.work(name, texts.size)).messages
        bar("in the index", now - known)
        known = now
    bar.end()
