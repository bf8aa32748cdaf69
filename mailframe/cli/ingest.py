"""``mailframe ingest``: copies of accepted mail, and how mailboxes get them back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import click

from mailframe.config.loading import load
from mailframe.message.status import MailframeError
from mailframe.store.ingest.reading import Copy, Wanted, copies
from mailframe.store.names import canonical
from mailframe.store.values import NewMessage

from .errors import Refused
from .mail_store import account_of, opened
from .mailbox_store import Moment
from .queue_spool import wait
from .shared import config_option, json_option, print_json, print_rows

LIMIT = 500
"""Copies that people see at once."""
_T = TypeVar("_T", bound=Callable[..., Any])


def _selection(command: _T) -> _T:
    """Options that say which copies; the function gets ``wanted``."""
    for add in (
        click.option("--id", "queue_id", default="", help="Only the message of this id in the log."),
        click.option("--until", type=Moment(), default=0, help="Only what was accepted before."),
        click.option(
            "--since", type=Moment(), default=0, help='Only what was accepted since: "2d", "2026-11-22".'
        ),
    ):
        command = add(command)
    return command


@click.group("ingest")
def command() -> None:
    """Look at copies of accepted mail, which [ingest] keeps; put them into mailboxes again."""


@command.command("list")
@click.argument("address", default="")
@_selection
@config_option
@json_option
def list_copies(address: str, since: int, until: int, queue_id: str, config: str, as_json: bool) -> None:
    """Copies, those of one account or all, the oldest file first."""
    rows = []
    for copy in _copies(config, Wanted(address.lower(), since, until, queue_id)):
        rows.append(_row(copy))
        if not as_json and len(rows) == LIMIT:
            click.echo(f"Only the first {LIMIT} are shown; --json has all.", err=True)
            break
    print_rows(rows, ("date", "id", "mailboxes", "octets", "how"), as_json, "There are no copies.")


@command.command("show")
@click.argument("queue_id", metavar="ID")
@config_option
def show(queue_id: str, config: str) -> None:
    """Print the octets of one message."""
    for copy in _copies(config, Wanted(queue_id=queue_id)):
        try:
            with copy.content() as content:
                for piece in content.chunks():
                    sys.stdout.buffer.write(piece)
        except ValueError as error:
            raise Refused(f"{copy.path}: {error}") from error
        sys.stdout.buffer.flush()
        return
    raise Refused(f"There is no copy of {queue_id}.")


@command.command("restore")
@click.argument("address")
@click.option("--into", default="Restored", show_default=True, help="Into this mailbox.")
@_selection
@config_option
@json_option
def restore(
    address: str, into: str, since: int, until: int, queue_id: str, config: str, as_json: bool
) -> None:
    """Put copies of an account's mail into a mailbox, made where it is missing."""
    address, into = address.lower(), canonical(into)
    found = _copies(config, Wanted(address, since, until, queue_id))
    restored = damaged = 0
    with opened(load(config)) as store, account_of(store, address) as account:
        if all(entry.name != into for entry in wait(account.mailboxes())):
            wait(account.create(into))
        for copy in found:
            try:
                with copy.content() as content:
                    message = NewMessage(content, frozenset(), copy.record.date, copy.record.queue_id)
                    wait(account.append(into, [message]))
            except ValueError as error:
                damaged += 1
                click.echo(f"{copy.path}: {error}", err=True)
            except MailframeError as error:
                raise Refused(f"After {restored} messages: {error.reason}") from error
            else:
                restored += 1
    if as_json:
        print_json({"restored": restored, "damaged": damaged})
    else:
        click.echo(f"{restored} messages are in {into} of {address}.")
    if damaged:
        raise Refused(f"{damaged} copies are damaged, and were left out.")


def _copies(config: str, wanted: Wanted) -> Iterator[Copy]:
    options = load(config).ingest
    if options is None:
        raise Refused("No copies are kept: [ingest] is not in the configuration.")
    return copies(str(options.directory), wanted)


def _row(copy: Copy) -> dict[str, object]:
    record = copy.record
    return {
        "date": datetime.fromtimestamp(record.date).astimezone().isoformat(timespec="seconds"),
        "id": record.queue_id,
        "mailboxes": [f"{account} {mailbox}" for account, mailbox in record.mailboxes],
        "octets": record.size,
        "how": record.how,
        "sha256": record.sha256,
    }
