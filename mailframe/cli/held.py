"""``mailframe held``: mail that was accepted and held, because its sender was over a limit."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import click

from mailframe.config.describe import size_text
from mailframe.config.loading import load
from mailframe.directory.names import comparable_name
from mailframe.message.header import first
from mailframe.queue.claim import State
from mailframe.queue.held import Held, HeldMail
from mailframe.queue.record import BadRecord

from .errors import Refused
from .shared import config_option, json_option, print_json, print_rows

_SHOWN = 3
_COLUMNS = ("id", "state", "since", "account", "from", "recipients", "size", "reason")


@click.group("held")
def command() -> None:
    """Look at mail that is held, and release or delete it.

    Works on the files themselves: the node may run or not. What is released goes on its way once it runs.
    """


@command.command("list")
@click.option("--account", help="Only what this account, or client without login, sent.")
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help="Only what is in this state."
)
@config_option
@json_option
def list_held(account: str | None, state: str | None, config: str, as_json: bool) -> None:
    """List messages, oldest first: held ones, those on their way since they were released, and failed ones."""
    mail = _open(config)
    found = _selected(mail, account, [State(state)] if state else list(State))
    rows: Sequence[dict[str, object]] = [_facts(held) if as_json else _row(held) for held in found]
    print_rows(rows, _COLUMNS, as_json, "No mail is held.")
    for path, why in sorted(mail.damaged.items()):
        click.echo(f"left out: {_damage(path, why)}", err=True)


@command.command("show")
@click.argument("queue_id", metavar="ID")
@click.option("--content", is_flag=True, help="Print the whole message instead, as it is.")
@config_option
@json_option
def show(queue_id: str, content: bool, config: str, as_json: bool) -> None:
    """Show one message: where it came from, to whom, why it is held, what became of it since."""
    mail = _open(config)
    held = mail.find(queue_id)
    if held is None:
        reasons = [_damage(path, why) for path, why in mail.damaged.items()]
        raise Refused("\n".join(reasons) or _unknown(queue_id))
    if content:
        _print_content(mail, held)
    elif as_json:
        print_json(_facts(held))
    else:
        for name, value in _facts(held).items():
            click.echo(f"{name.replace('_', ' ') + ':':<14}{_text(value)}")
        click.echo(f"{'subject:':<14}{_subject(mail, held)}")


@command.command("release")
@click.argument("queue_ids", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that is held; what has failed only by its id.")
@click.option("--account", help="With --all: only what this account, or client without login, sent.")
@config_option
@json_option
def release(
    queue_ids: tuple[str, ...], everything: bool, account: str | None, config: str, as_json: bool
) -> None:
    """Send messages on their way, as if they had just been accepted; failed ones to those who have not got them."""
    mail = _open(config)
    chosen = _chosen(mail, queue_ids, everything, account)
    _each(chosen, mail.release, "released", "is not held", as_json)


@command.command("delete")
@click.argument("queue_ids", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that is held; what has failed only by its id.")
@click.option("--account", help="With --all: only what this account, or client without login, sent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def delete(
    queue_ids: tuple[str, ...], everything: bool, account: str | None, yes: bool, config: str, as_json: bool
) -> None:
    """Throw messages away, for good. Neither senders nor recipients are told."""
    mail = _open(config)
    chosen = _chosen(mail, queue_ids, everything, account)
    if chosen and not yes:
        click.confirm(
            f"Delete {len(chosen)} message{'s' * (len(chosen) > 1)} for good?", abort=True, err=True
        )
    _each(chosen, mail.delete, "deleted", "is not held, or is being delivered", as_json)


def _open(config: str) -> HeldMail:
    configuration = load(config)
    choice = configuration.roles.get("relay")
    if choice is None:
        raise Refused("This node has no relay, and only a relay holds mail.")
    router = choice.options.router
    if router is not None and configuration.deliveries[router].plugin == "queue":
        raise Refused("This relay holds mail in its queue. See: mailframe queue list --state held")
    return HeldMail(choice.options.held.directory)


def _selected(mail: HeldMail, account: str | None, states: Sequence[State]) -> Sequence[Held]:
    wanted = comparable_name(account) if account else None
    return [held for held in mail.listing(states) if wanted in (None, comparable_name(_sender(held)))]


def _chosen(mail: HeldMail, queue_ids: Sequence[str], everything: bool, account: str | None) -> Sequence[str]:
    if everything == bool(queue_ids):
        raise click.UsageError("Give either ids or --all.")
    if account and not everything:
        raise click.UsageError("--account goes with --all.")
    if queue_ids:
        return list(dict.fromkeys(queue_ids))
    return [held.record.queue_id for held in _selected(mail, account, [State.HELD])]


def _each(
    chosen: Sequence[str], change: Callable[[str], bool], done: str, otherwise: str, as_json: bool
) -> None:
    """Change each message; those that could not be are told at the end, with exit code 1."""
    changed: list[str] = []
    failed: dict[str, str] = {}
    hidden = len(chosen) < 2 or not sys.stderr.isatty()
    with click.progressbar(chosen, label=done, hidden=hidden, file=sys.stderr) as bar:
        for queue_id in bar:
            try:
                if change(queue_id):
                    changed.append(queue_id)
                else:
                    failed[queue_id] = otherwise
            except BadRecord as error:
                failed[queue_id] = f"cannot be {done}, its file is damaged: {error}"
            except OSError as error:
                failed[queue_id] = f"cannot be {done}: {error.strerror}"
    if as_json:
        print_json({done: changed, "failed": list(failed)})
    else:
        click.echo(f"{done} {len(changed)} message{'s' * (len(changed) != 1)}")
    if failed:
        raise Refused("\n".join(f"{queue_id} {why}" for queue_id, why in failed.items()))


def _facts(held: Held) -> dict[str, Any]:
    record, progress = held.record, held.progress
    recipients = record.envelope.recipients
    sender = record.envelope.reverse_path
    return {
        "id": record.queue_id,
        "state": held.state.value,
        "held_since": _time(record.held_at),
        "reason": record.reason,
        "account": record.origin.login,
        "peer": record.origin.peer,
        "reverse_path": str(sender) if sender is not None else "",
        "recipients": [str(one.forward_path) for one in recipients],
        "size": record.size,
        "released": _time(progress.released),
        "attempts": progress.attempts,
        "next_attempt": _time(progress.due) if held.state is State.RELEASED else None,
        "waiting_for": [str(recipients[number].forward_path) for number in progress.pending],
        "last_failure": progress.last or None,
        "failed": {str(recipients[number].forward_path): why for number, why in progress.failed.items()},
    }


def _row(held: Held) -> dict[str, object]:
    facts = _facts(held)
    recipients = facts["recipients"]
    more = f" and {len(recipients) - _SHOWN} more" if len(recipients) > _SHOWN else ""
    return {
        "id": facts["id"],
        "state": facts["state"],
        "since": facts["held_since"],
        "account": _sender(held),
        "from": f"<{facts['reverse_path']}>",
        "recipients": ", ".join(recipients[:_SHOWN]) + more,
        "size": size_text(facts["size"]).strip('"'),
        "reason": next(iter(facts["failed"].values()), facts["last_failure"] or facts["reason"]),
    }


def _sender(held: Held) -> str:
    """Who sent it: an account, or a client without login."""
    return held.record.origin.login or held.record.origin.peer


def _damage(path: str, why: str) -> str:
    return f"{path} cannot be read: {why}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {why}" for name, why in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value) if value not in (None, "") else "-"


def _time(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _unknown(queue_id: str) -> str:
    return f"There is no message {queue_id!r}. See: mailframe held list"


def _file(mail: HeldMail, held: Held) -> BinaryIO:
    try:
        return cast(BinaryIO, open(mail.path_of(held.state, held.record.queue_id), "rb"))
    except FileNotFoundError:
        raise Refused(f"{held.record.queue_id} has gone on just now.") from None


def _print_content(mail: HeldMail, held: Held) -> None:
    content = held.record.mail(_file(mail, held)).content
    try:
        for piece in content.chunks():
            click.echo(piece, nl=False)
    finally:
        content.body.discard()


def _subject(mail: HeldMail, held: Held) -> str:
    with _file(mail, held) as file:
        head = os.pread(file.fileno(), min(held.record.size, 64 * 1024), held.record.start)
    subject = (first(head, b"Subject") or b"").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in subject) or "-"
