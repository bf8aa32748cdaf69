"""``mailframe status``: what the running node does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from .control import ask
from .shared import config_option, json_option, print_json, print_table


@click.command("status")
@config_option
@click.option("--timeout", default=10.0, show_default=True, help="Seconds to wait for the answer.")
@json_option
def command(config: str, timeout: float, as_json: bool) -> None:
    """Say what the running node does: listeners, workers, sessions, figures."""
    answer = ask(config, "status", timeout)
    if as_json:
        print_json({key: value for key, value in answer.items() if key != "ok"})
        return
    _print_node(answer)
    _print_listeners(answer.get("listeners", ()))
    _print_workers(answer.get("workers", ()))
    _print_figures(answer.get("figures", {}))


def _print_node(answer: Mapping[str, Any]) -> None:
    click.echo(
        f"{answer.get('state', 'unknown')} since {age(answer.get('uptime', 0.0))}, process {answer.get('pid')}, "
        f"generation {answer.get('generation')}: {', '.join(answer.get('roles', ()))}"
    )
    click.echo(f"configuration {answer.get('configuration')}")
    if answer.get("status_page"):
        click.echo(f"status page   {answer['status_page']}")
    click.echo()


def _print_listeners(listeners: Sequence[Mapping[str, Any]]) -> None:
    if listeners:
        print_table(("listener", "bound to"), [(one["address"], one["bound_to"]) for one in listeners])
        click.echo()


def _print_workers(workers: Sequence[Mapping[str, Any]]) -> None:
    rows = []
    for worker in workers:
        sessions = worker.get("sessions") or {}
        seconds, memory = worker.get("processor_seconds"), worker.get("memory_peak_octets")
        rows.append(
            (
                f"{worker['generation']}.{worker['number']}",
                worker["pid"],
                worker["state"],
                age(worker["uptime"]),
                ", ".join(f"{role} {count}" for role, count in sessions.items()) or "-",
                f"{seconds:.1f} s" if seconds is not None else "-",
                f"{memory / 1e6:.0f} MB" if memory is not None else "-",
            )
        )
    if rows:
        print_table(("worker", "process", "state", "for", "sessions", "processor", "memory"), rows)
        click.echo()


def _print_figures(figures: Mapping[str, Any]) -> None:
    if figures:
        print_table(("figure", "value"), [(name, _number(value)) for name, value in sorted(figures.items())])


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"
    return str(value)


def age(seconds: float) -> str:
    """How long something has lasted, in its two largest units."""
    parts: list[str] = []
    rest = max(0, int(seconds))
    for unit, word in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, rest = divmod(rest, unit)
        if count or (word == "s" and not parts):
            parts.append(f"{count}{word}")
    return " ".join(parts[:2])
