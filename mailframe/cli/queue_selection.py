"""Options by which the `queue` commands are told which mail is meant."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from mailframe.queue.values import Selection, State

from .directory import to_domain
from .spans import Span

Command = TypeVar("Command", bound=Callable[..., Any])
WAITING = (State.DUE, State.LEASED, State.HELD)
"""What mail in a queue may be; what is delivered or failed is only there beside others."""


_OPTIONS = (
    click.option(
        "--sender", metavar="PATTERN", help="Only from this reverse-path; * for any text, <> for none."
    ),
    click.option("--account", help="Only of this account, or client without login."),
    click.option("--recipient", metavar="PATTERN", help="Only recipients like this; * stands for any text."),
    click.option("--domain", help="Only recipients of this domain."),
    click.option("--destination", help="Only what waits for this destination, as list and stat name it."),
    click.option("--queue", help="Only what is in this queue, such as slow."),
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice([state.value for state in WAITING]),
        help="Only recipients that stand so; may be given again.",
    ),
    click.option("--older", type=Span(), help='Only what came longer ago than "2h", "3d".'),
    click.option("--newer", type=Span(), help="Only what came since then."),
    click.option("--reason", help="Only where these words are in the last failure, or in why it is held."),
)


def selection_options(command: Command) -> Command:
    """Filters: gives ``selection``, a `Selection` without ids."""

    @wraps(command)
    def with_selection(*arguments: Any, **options: Any) -> Any:
        domain, older, newer = options.pop("domain"), options.pop("older"), options.pop("newer")
        now = time.time()
        selection = Selection(
            domain=to_domain(domain) if domain else None,
            states=tuple(State(state) for state in options.pop("states")),
            arrived_before=None if older is None else now - older,
            arrived_after=None if newer is None else now - newer,
            **{name: options.pop(name) for name in _PLAIN},
        )
        return command(*arguments, selection=selection, **options)

    for add in reversed(_OPTIONS):
        with_selection = add(with_selection)
    return with_selection  # type: ignore[return-value]


_PLAIN = ("sender", "account", "recipient", "destination", "queue", "reason")
EVERYTHING = Selection()
"""What no filter gives."""
