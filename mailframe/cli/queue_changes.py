"""Commands that change mail in the queue: ``hold``, ``release``, ``retry``, ``bounce``, ``delete``, ``flush``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from mailframe.message.dsn import one_line
from mailframe.message.status import MailframeError, Status
from mailframe.queue.values import Change, Selection, State

from .errors import Refused
from .queue_selection import EVERYTHING, selection_options
from .queue_spool import OpenSpool, of_ids, opened, unknown, wait
from .shared import config_option, json_option, print_json

HELD = Status((4, 7, 0), "Held by the administrator")
BOUNCED = Status((5, 0, 0), "Given up by the administrator")
_STATES = {
    Change.HOLD: (State.DUE,),
    Change.RELEASE: (State.HELD,),
    Change.RETRY: (State.DUE,),
    Change.BOUNCE: (State.DUE, State.HELD),
    Change.DELETE: (State.DUE, State.HELD),
}
"""What each change is for."""
AT_ONCE = 200
"""Messages of one transaction: one commit serves them all, and runners do not wait long for it."""


@dataclass(frozen=True, slots=True)
class _Wish:
    change: Change
    done: str
    status: Status | None = None
    question: str = ""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a change is for, and what it cannot be for now."""

    messages: Sequence[tuple[str, Sequence[int]]]
    left: int
    missing: Sequence[str]

    @property
    def recipients(self) -> int:
        return sum(len(numbers) for _, numbers in self.messages)


def _change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for add in (
        json_option,
        config_option,
        click.option("--all", "everything", is_flag=True, help="All there is."),
        selection_options,
        click.argument("queue_ids", metavar="[ID]...", nargs=-1),
    ):
        command = add(command)
    return command


@click.command("hold")
@click.option("--why", default=HELD.text, show_default=True, help="A sentence for whoever looks at it.")
@_change_options
def hold(why: str, **options: Any) -> None:
    """Keep mail until somebody releases it; it is neither tried nor given up meanwhile."""
    _change(_Wish(Change.HOLD, "held", HELD.with_text(_words(why))), **options)


@click.command("release")
@_change_options
def release(**options: Any) -> None:
    """Let held mail go, at once."""
    _change(_Wish(Change.RELEASE, "released"), **options)


@click.command("retry")
@_change_options
def retry(**options: Any) -> None:
    """Try mail again now, even where its destination did not answer; held mail stays."""
    _change(_Wish(Change.RETRY, "due now"), **options)


@click.command("bounce")
@click.option("--why", default=BOUNCED.text, show_default=True, help="What the sender is told.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_change_options
def bounce(why: str, yes: bool, **options: Any) -> None:
    """Give mail up: senders are told, as far as they want to be."""
    question = "" if yes else "Give up"
    _change(_Wish(Change.BOUNCE, "given up", BOUNCED.with_text(_words(why)), question), **options)


@click.command("delete")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_change_options
def delete(yes: bool, **options: Any) -> None:
    """Throw mail away, for good. Neither senders nor recipients are told."""
    _change(_Wish(Change.DELETE, "deleted", question="" if yes else "Delete"), **options)


@click.command("flush")
@click.option("--destination", help="Only what waits for this destination, as list and stat name it.")
@click.option("--queue", help="Only what is in this queue.")
@config_option
@json_option
def flush(destination: str | None, queue: str | None, config: str, as_json: bool) -> None:
    """Try all that waits now, and take no destination for closed; held mail stays."""
    with opened(config) as spool:
        count = wait(spool.records.flush(destination, queue))
    if as_json:
        print_json({"recipients": count})
    else:
        click.echo(f"due now: {_count(count, 'recipient')}")


COMMANDS: Sequence[click.Command] = (hold, release, retry, bounce, delete, flush)
"""All of them."""


def check_meant(selection: Selection, queue_ids: tuple[str, ...], everything: bool) -> None:
    """Nothing is meant by leaving everything out.

    Raises:
        click.UsageError: nothing was meant, or everything and something at once.
    """
    if (selection != EVERYTHING or bool(queue_ids)) == everything:
        raise click.UsageError("Give ids or filters, or --all.")


def _change(
    wish: _Wish,
    queue_ids: tuple[str, ...],
    selection: Selection,
    everything: bool,
    config: str,
    as_json: bool,
) -> None:
    check_meant(selection, queue_ids, everything)
    with opened(config) as queue:
        found = _choose(queue, wish.change, selection, queue_ids)
        if found.messages and wish.question:
            what = f"{_count(found.recipients, 'recipient')} of {_count(len(found.messages), 'message')}"
            click.confirm(f"{wish.question} {what}?", abort=True, err=True)
        changed, messages, fault = _each(queue, wish, found)
    left = found.left + found.recipients - changed
    if as_json:
        facts = {"messages": messages, "recipients": changed, "left_alone": left}
        print_json({**facts, "unknown": list(found.missing)})
    else:
        click.echo(f"{wish.done}: {_count(changed, 'recipient')} of {_count(messages, 'message')}")
    complaints = [unknown(queue_id) for queue_id in found.missing]
    if fault:
        complaints.insert(0, f"It ended early: {fault}")
    elif left and not as_json:
        click.echo(
            f"left alone: {_count(left, 'recipient')}, not in a state for this or being delivered", err=True
        )
    if complaints:
        raise Refused("\n".join(complaints))


def _choose(queue: OpenSpool, change: Change, selection: Selection, queue_ids: tuple[str, ...]) -> _Chosen:
    states = _STATES[change]
    if not queue_ids and not selection.states:
        # Ids are looked up however they stand, to say what is wrong with them; of a million others only these.
        selection = replace(selection, states=states)
    messages: list[tuple[str, Sequence[int]]] = []
    left, seen = 0, set()
    for listed in queue.messages(of_ids(selection, queue_ids)):
        queue_id = listed.message.queue_id
        seen.add(queue_id)
        numbers = [one.number for one in listed.recipients if one.state in states]
        left += len(listed.recipients) - len(numbers)
        if numbers:
            messages.append((queue_id, numbers))
    return _Chosen(
        messages, left, [queue_id for queue_id in dict.fromkeys(queue_ids) if queue_id not in seen]
    )


def _each(queue: OpenSpool, wish: _Wish, found: _Chosen) -> tuple[int, int, str]:
    """How many recipients and messages were changed, and what ended it early."""
    changed = messages = 0
    hidden = len(found.messages) < 2 or not sys.stderr.isatty()
    length = len(found.messages)
    with click.progressbar(length=length, label=wish.done, hidden=hidden, file=sys.stderr) as bar:
        for start in range(0, length, AT_ONCE):
            some = found.messages[start : start + AT_ONCE]
            try:
                counts = wait(queue.records.change_all(wish.change, some, wish.status))
            except MailframeError as error:
                return changed, messages, error.reason
            changed += sum(counts)
            messages += sum(count > 0 for count in counts)
            bar.update(len(some))
    return changed, messages, ""


def _words(why: str) -> str:
    text = one_line(why, limit=200)
    if not text or text != why:
        raise click.UsageError("--why is one line of ASCII: it goes into replies and notices.")
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
