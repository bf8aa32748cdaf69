"""``mailframe mailbox vacuum``: octets that all accounts of a store share are tidied up."""

from __future__ import annotations

import click

from mailframe.config.loading import load
from mailframe.store.vacuuming import Place, Vacuumed, Vacuums

from .errors import Refused
from .mail_store import Bar, opened
from .queue_spool import wait
from .shared import config_option, json_option, print_json

SHOWN = 20
"""Messages that people are shown; programs get up to a thousand."""


@click.command("vacuum")
@click.option("--octets", is_flag=True, help="Read all octets, too, and compare them with their hashes.")
@config_option
@json_option
def command(octets: bool, config: str, as_json: bool) -> None:
    """Remove octets that no message has any more, and see that all messages have theirs.

    For stores whose accounts share octets (postgresql), all accounts at once; the node does the first by itself,
    bit by bit. Wrong counts of mailboxes are put right. Octets that were used within the last hour stay. Safe while
    nodes run. The exit code is 1 where messages have lost their octets.
    """
    configuration = load(config)
    bar = Bar("vacuum:")
    with opened(configuration) as store:
        if not isinstance(store, Vacuums):
            raise Refused(
                f"In the {configuration.store.name} store accounts share nothing that could be left over."
            )
        done = wait(store.vacuum(octets, lambda count: bar("rows", count)))
    bar.end()
    if as_json:
        print_json(_facts(done))
    else:
        click.echo("\n".join(_sentences(done)))
    if done.missing or done.damaged:
        raise SystemExit(1)


def _facts(done: Vacuumed) -> dict[str, object]:
    return {
        "removed": done.removed,
        "orphans": done.orphans,
        "waiting": done.waiting,
        "busy": done.busy,
        "figures": done.figures,
        "missing": [_fact(place) for place in done.missing],
        "damaged": [_fact(place) for place in done.damaged],
    }


def _fact(place: Place) -> dict[str, object]:
    return dict(zip(("account", "mailbox", "uid"), place, strict=True))


def _sentences(done: Vacuumed) -> list[str]:
    said = [f"Contents removed: {done.removed} ({done.orphans} left by processes that were killed)."]
    if done.busy:
        said.append("A node is removing contents just now, so they were left to it.")
    if done.waiting:
        said.append(f"Contents that stay for now, as they were used not long ago: {done.waiting}.")
    if done.figures:
        said.append(f"Mailboxes whose counts were wrong, and are right now: {done.figures}.")
    for wrong, places in (("has no octets", done.missing), ("has other octets than came", done.damaged)):
        said.extend(f"{account} {mailbox} {uid} {wrong}." for account, mailbox, uid in places[:SHOWN])
        if len(places) > SHOWN:
            said.append(f"... and {len(places) - SHOWN} more (--json)")
    return said
