"""``mailframe plugins``: what can be named in the configuration."""

from __future__ import annotations

import sys
from importlib.metadata import distributions

import click

from mailframe import __version__
from mailframe.registry import Found, PluginUnavailable, discover

from .errors import Refused
from .shared import json_option, print_json, print_table

_OWN = "mailframe.plugins.builtin"


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:
    """List what can be named in the configuration, and what is wrong with it."""
    found, problems = discover()
    rows = [_describe(one) for one in found]
    if as_json:
        wrong = [{"module": problem.module, "problem": problem.text} for problem in problems]
        print_json({"plugins": rows, "problems": wrong})
    else:
        columns = ("kind", "name", "summary", "from")
        print_table(columns, [[row[column] for column in columns] for row in rows])
        for row in rows:
            if row["problem"]:
                click.echo(f"{row['kind']}.{row['name']} cannot be used: {row['problem']}")
    if problems:
        raise Refused("\n".join(f"{problem.module}: {problem.text}" for problem in problems))


def _describe(one: Found) -> dict[str, str]:
    problem = ""
    try:
        one.factory.check()
    except PluginUnavailable as error:
        problem = str(error)
    return {
        "kind": one.kind,
        "name": one.factory.name,
        "summary": one.factory.summary,
        "from": _origin(one.module),
        "module": one.module,
        "problem": problem,
    }


def _origin(module: str) -> str:
    """The distribution that a declaring module came with; its file where that is not known."""
    if module == _OWN:
        return f"mailframe {__version__}"
    ending = module.replace(".", "/") + ".py"
    for distribution in distributions():
        if any(str(file) == ending for file in distribution.files or ()):
            return f"{distribution.name} {distribution.version}"
    return getattr(sys.modules.get(module), "__file__", None) or module
