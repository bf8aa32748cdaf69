"""``mailframe catch-all``: what came for addresses that nobody has, and which of them are refused."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from mailframe.config.loading import load
from mailframe.message.address import Address, parse_mailbox
from mailframe.routing.catch_all.kept import FILE, Caught, CaughtAddresses

from .errors import Refused
from .shared import config_option, json_option, print_rows

LIMIT = 100
"""Addresses that people see at once."""
_COLUMNS = ("address", "taken", "notices", "refused", "first", "last", "dead")


class _Mailbox(click.ParamType[Address]):
    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """An address with a domain."""
        try:
            return parse_mailbox(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group("catch-all")
def command() -> None:
    """See what catch-alls took; refuse addresses that are nobody's.

    A domain's catch-all gets mail for addresses that nobody has. How much it takes is said in [catch_all].
    """


@command.command("report")
@click.argument("domain", default="")
@click.option("--dead", is_flag=True, help="Only addresses that are refused.")
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"Addresses at most; 0 for all. [default: {LIMIT}, JSON: all]"
)
@config_option
@json_option
def report(domain: str, dead: bool, limit: int | None, config: str, as_json: bool) -> None:
    """Addresses that only a catch-all took, in one domain or all, those with most mail first."""
    if limit is None:
        limit = 0 if as_json else LIMIT
    path = _path(config)
    # A look at what is not there does not make it.
    found: Sequence[Caught] = _opened(path).report(domain, dead, limit) if os.path.exists(path) else ()
    print_rows([_row(one) for one in found], _COLUMNS, as_json, "Nothing was caught.")


@command.command("refuse")
@click.argument("addresses", type=_Mailbox(), nargs=-1, required=True, metavar="ADDRESS...")
@config_option
def refuse(addresses: tuple[Address, ...], config: str) -> None:
    """Refuse addresses from now on, as if the domain had no catch-all.

    An address of an alias domain is named as it is in the domain that has the catch-all.
    """
    path = _path(config)
    _opened(path).refuse(addresses, int(time.time()))
    _give_to_node(path)
    click.echo(f"Refused from now on: {', '.join(map(str, addresses))}.")


@command.command("forget")
@click.argument("address", type=_Mailbox())
@config_option
def forget(address: Address, config: str) -> None:
    """Take an address again, and begin to count anew."""
    path = _path(config)
    if not os.path.exists(path) or not _opened(path).forget(address):
        raise Refused(f"Nothing is known of {address}.")
    click.echo(f"{address} is taken again.")


def _path(config: str) -> str:
    return os.path.join(load(config).node.data, FILE)


def _opened(path: str) -> CaughtAddresses:
    return CaughtAddresses(path, None)


def _give_to_node(path: str) -> None:
    """What root made the node has to write, too, whoever it runs as."""
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path))
        for name in glob.glob(glob.escape(path) + "*"):
            os.chown(name, owner.st_uid, owner.st_gid)


def _row(one: Caught) -> dict[str, object]:
    return {
        "address": str(one.address),
        "taken": one.taken,
        "notices": one.notices,
        "refused": one.refused,
        "first": _date(one.first),
        "last": _date(one.last),
        "dead": one.dead,
    }


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
