"""Sphinx configuration; `make docs` builds with warnings as errors."""

import subprocess
import sys
from pathlib import Path

from mailframe import __version__

DOCS = Path(__file__).parent
ROOT = DOCS.parent

project = "Mailframe"
author = "The Mailframe authors"
project_copyright = "2026, The Mailframe authors"
version = release = __version__
extensions = ["pydoctor.sphinx_ext.build_apidocs"]
html_theme = "furo"
html_title = "Mailframe"
exclude_patterns = ["_build", "api"]
nitpicky = False

pydoctor_args = [
    f"--project-base-dir={ROOT}",
    "--project-name=Mailframe",
    f"--project-version={version}",
    "--docformat=google",
    "--quiet",
    "--quiet",
    "--intersphinx-cache-max-age=0s",
    "--html-output={outdir}/api",
    str(ROOT / "mailframe"),
]


def _write_option_reference() -> None:
    """The page of all options comes from the schemas themselves, so that it cannot be out of date."""
    text = subprocess.run(
        [sys.executable, "-m", "mailframe.config.reference"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout
    _write_if_new(DOCS / "options.rst", text)


def _write_command_reference() -> None:
    """The page of all commands is what ``--help`` says of each."""
    import click

    from mailframe.cli.app import mailframe

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

    describe(mailframe, click.Context(mailframe, info_name="mailframe"))
    _write_if_new(DOCS / "commands.rst", "\n".join(lines))


def _write_if_new(page: Path, text: str) -> None:
    if not page.exists() or page.read_text() != text:
        page.write_text(text)


_write_option_reference()
_write_command_reference()
