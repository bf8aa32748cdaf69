"""``mailframe queue``: mail on its way out, and what can be done about it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import click

from mailframe.message.content import Content
from mailframe.message.dsn import one_line
from mailframe.message.header import first
from mailframe.message.status import MailframeError
from mailframe.message.words import decode_words
from mailframe.queue.values import Listed, QueuedRecipient, Selection

from . import queue_changes, queue_export
from .queue_rows import (
    COLUMNS,
    closed_facts,
    message_facts,
    page,
    path,
    row,
    usage_facts,
)
from .queue_selection import WAITING, selection_options
from .queue_spool import OpenSpool, of_ids, opened, wait
from .shared import config_option, json_option, print_json, print_rows, print_table

LIMIT = 500
"""Messages that people see at once."""
GROUPS = ("domain", "destination", "sender", "account", "reason", "queue")
"""By what recipients can be counted."""
_TOP = 20


@click.group("queue")
def command() -> None:
    """Look at mail on its way out; hold it, let it go, try it again, give it up.

    Safe while the node runs: what is being delivered at the moment is left alone. Where the node does not run,
    changes count once it does.
    """


@command.command("list")
@click.argument("queue_ids", metavar="[ID]...", nargs=-1)
@selection_options
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"Messages at most; 0 for all. [default: {LIMIT}, JSON: all]"
)
@config_option
@json_option
def list_queue(
    queue_ids: tuple[str, ...], selection: Selection, limit: int | None, config: str, as_json: bool
) -> None:
    """List messages, oldest first, with those of their recipients that are meant."""
    if limit is None:
        limit = 0 if as_json else LIMIT
    with opened(config) as queue:
        found = queue.messages(of_ids(selection, queue_ids))
        if as_json:
            _print_json_list(map(message_facts, islice(found, limit or None)))
            return
        rows = [row(listed) for listed in islice(found, limit or None)]
        more = bool(limit) and next(found, None) is not None
    print_rows(rows, COLUMNS, False, "No such mail is in the queue.")
    if more:
        click.echo(f"These are the oldest {limit}; --limit 0 lists all.", err=True)


@command.command("show")
@click.argument("queue_id", metavar="ID")
@click.option("--content", is_flag=True, help="Print the whole message instead, as it is.")
@config_option
@json_option
def show(queue_id: str, content: bool, config: str, as_json: bool) -> None:
    """Show one message: from where, to whom, and how it went with each recipient."""
    with opened(config) as queue:
        listed = queue.find(queue_id)
        if content:
            _print_content(wait(queue.spool.content(queue_id)))
        elif as_json:
            print_json(message_facts(listed))
        else:
            for line in page(listed, _subject(queue, queue_id)):
                click.echo(line)


@command.command("stat")
@click.option(
    "--by", type=click.Choice(GROUPS), help="Count recipients by this, the most first. Looks at all mail."
)
@selection_options
@config_option
@json_option
def stat(by: str | None, selection: Selection, config: str, as_json: bool) -> None:
    """Say how full the queue is and which destinations are closed; or count what is meant, by a group."""
    if by is None and selection != Selection():
        raise click.UsageError("Filters go with --by.")
    with opened(config) as queue:
        if by is not None:
            _print_counts(queue.messages(selection), by, as_json)
            return
        usage, closed = usage_facts(wait(queue.spool.usage())), wait(queue.spool.closed())
    facts = [closed_facts(one) for one in closed]
    if as_json:
        print_json({**usage, "closed": facts})
        return
    click.echo(f"messages {usage['messages']}, octets {usage['octets']}, oldest {usage['oldest'] or '-'}")
    names = [state.value for state in WAITING]
    if usage["recipients"]:
        rows = [
            [queue, *(counts.get(name, 0) for name in names)] for queue, counts in usage["recipients"].items()
        ]
        print_table(["queue", *names], rows)
    if facts:
        click.echo("\nClosed, because no host of theirs answers:")
        print_rows(facts, ("destination", "queue", "until", "failures", "status"), False, "")


for _command in (*queue_changes.COMMANDS, queue_export.command):
    command.add_command(_command)


def _print_json_list(values: Iterator[object]) -> None:
    """A list as JSON, one message after the other: there may be a million."""
    click.echo("[", nl=False)
    for number, value in enumerate(values):
        click.echo(",\n" if number else "\n", nl=False)
        click.echo(json.dumps(value, ensure_ascii=False), nl=False)
    click.echo("\n]")


def _print_counts(found: Iterator[Listed], by: str, as_json: bool) -> None:
    key = _KEYS[by]
    counts: Counter[str] = Counter()
    with click.progressbar(
        found, label="messages", hidden=not sys.stderr.isatty(), file=sys.stderr, show_pos=True
    ) as bar:
        for listed in bar:
            counts.update(key(listed, one) for one in listed.recipients)
    rows = [{by: name, "recipients": count} for name, count in counts.most_common(None if as_json else _TOP)]
    print_rows(rows, (by, "recipients"), as_json, "No such mail is in the queue.")


_KEYS: dict[str, Callable[[Listed, QueuedRecipient], str]] = {
    "domain": lambda listed, one: one.recipient.forward_path.domain,
    "destination": lambda listed, one: one.place.destination,
    "sender": lambda listed, one: path(listed.message.envelope.reverse_path) or "<>",
    "account": lambda listed, one: listed.message.account or "-",
    "reason": lambda listed, one: str(one.status) if one.status is not None else listed.message.reason or "-",
    "queue": lambda listed, one: one.place.queue,
}


def _print_content(content: Content) -> None:
    try:
        for piece in content.chunks():
            click.echo(piece, nl=False)
    finally:
        content.body.discard()


def _subject(queue: OpenSpool, queue_id: str) -> str:
    try:
        content = wait(queue.spool.content(queue_id))
    except MailframeError as error:
        return f"cannot be read: {error.reason}"
    try:
        return one_line(decode_words(first(content.head, b"Subject") or b""), international=True, limit=200)
    finally:
        content.body.discard()
