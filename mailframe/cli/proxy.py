"""``mailframe proxy``: the sessions of the running front door."""

from __future__ import annotations

import time
from typing import Any

import click

from .control import ask
from .errors import Refused
from .shared import config_option, json_option, print_json, print_rows
from .spans import Span
from .status import age

TIMEOUT = 15.0
_COLUMNS = ("account", "protocol", "peer", "store", "host", "for", "session")


@click.group("proxy")
def command() -> None:
    """Look at the sessions of the running proxy, end some, and keep people from a store.

    Run it on each machine that has the role.
    """


@command.command("sessions")
@click.argument("address", default="")
@click.option("--store", default="", help="Only those at this store.")
@config_option
@json_option
def sessions(address: str, store: str, config: str, as_json: bool) -> None:
    """List who is inside: all, or one account."""
    found = [
        one for some in _ask(config, "proxy.sessions", account=address.lower(), store=store) for one in some
    ]
    found.sort(key=lambda one: (one["account"], one["began"]))
    if as_json:
        print_json(found)
        return
    now = time.time()
    rows = [{**one, "for": age(now - one["began"]), "session": one["session_id"]} for one in found]
    print_rows(rows, _COLUMNS, False, "Nobody is inside.")


@command.command("kick")
@click.argument("address", default="")
@click.option("--store", default="", help="All at this store.")
@click.option("--session", "session_id", default="", help="This session, as `sessions` calls it.")
@config_option
@json_option
def kick(address: str, store: str, session_id: str, config: str, as_json: bool) -> None:
    """End sessions: of an account, at a store, or one. Clients connect again by themselves."""
    if not (address or store or session_id):
        raise Refused("Name an account, a store or a session.")
    wanted = {"account": address.lower(), "store": store, "session_id": session_id}
    count = sum(_ask(config, "proxy.kick", **wanted))
    if as_json:
        print_json({"ended": count})
    else:
        click.echo(f"ended {count} session{'s' * (count != 1)}")


@command.command("drain")
@click.argument("store", default="")
@click.option("--end", "end", is_flag=True, help="Send people there again.")
@click.option("--kick", "now", is_flag=True, help="End the sessions that are there, too.")
@config_option
@json_option
def drain(store: str, end: bool, now: bool, config: str, as_json: bool) -> None:
    """Send nobody to STORE any more: logins are told to come again. Without a name, say which are drained.

    It stays so when the node is restarted, until --end.
    """
    wanted: dict[str, Any] = {"store": store, "drained": not end} if store else {}
    answers = _ask(config, "proxy.drain", **wanted)
    names = sorted({name for some in answers for name in some})
    ended = sum(_ask(config, "proxy.kick", store=store)) if store and now and not end else 0
    if as_json:
        print_json({"drained": names, "ended": ended})
        return
    click.echo(f"drained: {', '.join(names) or 'none'}")
    if ended:
        click.echo(f"ended {ended} sessions")


@command.command("trace")
@click.argument("address", default="")
@click.option("--for", "how_long", type=Span(), default="15m", help="For how long; a day at most.")
@click.option("--end", "end", is_flag=True, help="Write no more sessions down.")
@config_option
@json_option
def trace(address: str, how_long: float, end: bool, config: str, as_json: bool) -> None:
    """Write down what passes in the sessions of ADDRESS that begin from now on. Without one, say whose are.

    There is mail in it, so only the server's user can read it. Logins are not in it.
    """
    wanted = {"account": address.lower(), "seconds": 0.0 if end else how_long} if address else {}
    answers = _ask(config, "proxy.trace", **wanted)
    accounts: dict[str, float] = {}
    for one in answers:
        accounts.update(one["accounts"])
    if as_json:
        print_json({"directory": answers[0]["directory"], "accounts": accounts})
        return
    now = time.time()
    rows = [{"account": name, "for": age(until - now)} for name, until in sorted(accounts.items())]
    print_rows(rows, ("account", "for"), False, "Nobody's sessions are written down.")
    if rows:
        click.echo(f"in {answers[0]['directory']}")


def _ask(config: str, question: str, **details: Any) -> list[Any]:
    """What the workers say.

    Raises:
        Refused: none of them has a proxy.
    """
    said = control_answers(config, question, details)
    if not said:
        raise Refused("The running node has no proxy, or none of its workers answered.")
    return said


def control_answers(config: str, question: str, details: dict[str, Any]) -> list[Any]:
    """The answers of all workers that have one."""
    answer = ask(config, "ask", TIMEOUT, {"question": question, "details": details})
    return [one for one in answer.get("answers", ()) if one is not None]
