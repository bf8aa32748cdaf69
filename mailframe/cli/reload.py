"""``mailframe reload``: the running node reads its configuration again."""

from __future__ import annotations

import click

from .control import ask
from .shared import config_option, json_option, print_json


@click.command("reload")
@config_option
@click.option("--timeout", default=120.0, show_default=True, help="Seconds to wait for the new workers.")
@json_option
def command(config: str, timeout: float, as_json: bool) -> None:
    """Make the running node read its configuration again.

    When anything in it is wrong, all errors are printed and nothing changes. No connection is lost.
    """
    answer = ask(config, "reload", timeout)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"reloaded: generation {answer.get('generation', '?')} serves")
