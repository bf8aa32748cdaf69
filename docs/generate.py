"""Writes what the documentation takes from the code: options, commands, metrics, and the API's pages by pydoctor."""

import builtins
import importlib
import re
import subprocess
import sys
from pathlib import Path

import click

from mailframe import __version__
from mailframe.cli.app import mailframe as command_line
from mailframe.config.reference import reference
from mailframe.monitor import counters
from mailframe.monitor.process import process_families

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# The API's pages are built without the network, so links to other libraries' pages cannot be found; a link within
# Mailframe must be. Possessive quantifiers are unknown to pydoctor's painter of regular expressions, and it does not
# read Twisted, so an interface that extends one of Twisted's is none to it.
_EXPECTED = re.compile(
    r"you can link to external docs with --intersphinx|Cannot colorize regular expression"
    r'|"mailframe\.roles\.interfaces\.IRole" is not an interface'
)
_TARGET = re.compile(r'Cannot find link target for "(\w+)"')


def pages() -> None:
    """Write the pages that are generated; those that are right already keep their time."""
    _write_if_new(DOCS / "options.rst", _options())
    _write_if_new(DOCS / "commands.rst", _commands())
    _write_if_new(DOCS / "metrics.rst", metrics())


def api(output: Path) -> list[str]:
    """Write the API's pages.

    Returns:
        What is wrong with docstrings, a line a fault.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        [
            sys.executable,
            "-m",
            "pydoctor",
            "--make-html",
            "--quiet",
            f"--project-base-dir={ROOT}",
            "--project-name=Mailframe",
            f"--project-version={__version__}",
            "--docformat=google",
            f"--html-output={output}",
            str(ROOT / "mailframe"),
        ],
        capture_output=True,
        text=True,
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line and not _is_expected(line)]
    # 2: docstrings with faults, which the lines name.
    return lines if done.returncode in (0, 2) else [*lines, f"pydoctor ended with {done.returncode}"]


def _is_expected(line: str) -> bool:
    if _EXPECTED.search(line):
        return True
    found = _TARGET.search(line)
    return found is not None and hasattr(builtins, found[1])


def _options() -> str:
    head = (
        "Options\n=======\n\nEvery option of every section and plugin, taken from the code's own schemas.\n\n"
    )
    return head + reference()


def _commands() -> str:
    lines = ["Commands", "========", "", "What ``--help`` says of each command.", ""]

    def describe(command: click.Command, context: click.Context) -> None:
        title = f"``{context.command_path}``"
        lines.extend([title, "-" * len(title), "", ".. code-block:: text", ""])
        lines.extend(f"   {line}".rstrip() for line in command.get_help(context).splitlines())
        lines.append("")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                describe(inner, click.Context(inner, info_name=name, parent=context))

    describe(command_line, click.Context(command_line, info_name="mailframe"))
    return "\n".join(lines)


def metrics() -> str:
    """Every figure of every room, as declared where it is counted; reStructuredText."""
    lines = [
        "Metrics",
        "=======",
        "",
        "Every figure that ``/metrics`` on the status listener tells, added up over all workers. Names are",
        "``mailframe_<room>_<what>_<unit>``: the room is the folder of the code that counts. Label values come from",
        "small fixed sets, never from a peer. A histogram gives ``_bucket``, ``_sum`` and ``_count``.",
        "",
    ]
    for path in sorted((ROOT / "mailframe").glob("**/metrics.py")):
        room = path.parent.relative_to(ROOT).as_posix()
        before = len(counters.DECLARED)
        module = importlib.import_module(room.replace("/", ".") + ".metrics")
        declared = [one for one in counters.DECLARED if one.name.split("_")[1] in room.split("/")]
        assert len(counters.DECLARED) == before or declared, room
        lines.extend(_heading(f"``{room}``"))
        lines.extend([f"{(module.__doc__ or '').strip()}", ""])
        for one in declared:
            labels = f"; by {', '.join(f'``{label}``' for label in one.labels)}" if one.labels else ""
            lines.extend([f"``{one.name}`` ({one.kind})", f"    {one.text}{labels}.", ""])
    lines.extend(_heading("Processes"))
    for name, kind, text, _ in process_families():
        suffix = "_total" if kind == "counter" else ""
        whose = "the oldest" if name.endswith("_start_time_seconds") else "parent and workers together"
        lines.extend([f"``{name}{suffix}`` ({kind})", f"    {text}; {whose}.", ""])
    return "\n".join(lines)


def _heading(title: str) -> list[str]:
    return [title, "-" * len(title), ""]


def _write_if_new(page: Path, text: str) -> None:
    if not page.exists() or page.read_text() != text:
        page.write_text(text)
