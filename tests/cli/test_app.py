"""Tests of what all commands have in common, of ``plugins`` and ``completion``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click

from mailframe.cli import app
from mailframe.cli.app import COMMANDS, mailframe
from tests.config.plugins import only_these_plugins

from .runner import CommandTestCase


class AppTests(CommandTestCase):
    """The command as a whole."""

    def test_help(self) -> None:
        """Help lists every command and the exit codes; each command has help of its own."""
        text = self.run_command("--help").stdout
        for name in COMMANDS:
            self.assertIn(f"  {name} ", text)
            self.assertIn("Usage", self.run_command(name, "--help").stdout)
        self.assertIn("3 the node is not running", " ".join(text.split()))
        self.assertIn("0.1", self.run_command("--version").stdout)

    def test_usage(self) -> None:
        """Wrong usage is exit code 2, also for commands that do not exist."""
        self.run_command("nothing", code=2)
        self.run_command("account", code=2)
        self.run_command("init", code=2)

    def test_lazy(self) -> None:
        """Help does not import the commands, and no command's import installs a reactor."""
        code = (
            "import sys; from click.testing import CliRunner; from mailframe.cli.app import mailframe, COMMANDS\n"
            "assert CliRunner().invoke(mailframe, ['--help']).exit_code == 0\n"
            "assert 'mailframe.cli.account' not in sys.modules\n"
            "[mailframe.get_command(None, name) for name in COMMANDS]\n"
            "assert 'twisted.internet.reactor' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_surprise(self) -> None:
        """A fault of ours is a sentence with a way to see more, never a traceback."""

        @click.command()
        def fails() -> None:
            raise ZeroDivisionError("division by zero")

        self.patch(app.LazyGroup, "get_command", lambda *_: fails)
        result = self.run_command("anything", code=1)
        self.assertIn("ZeroDivisionError", result.stderr)
        self.assertIn("MAILFRAME_DEBUG=1", result.stderr)

    def test_completion(self) -> None:
        """Each shell's script completes our command."""
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("_MAILFRAME_COMPLETE", self.run_command("completion", shell).stdout)
        self.assertIs(mailframe, app.mailframe)


class PluginsTests(CommandTestCase):
    """``mailframe plugins`` lists what can be named."""

    def test_ours(self) -> None:
        """Everything that comes with Mailframe is there and can be used."""
        told = json.loads(self.run_command("plugins", "--json").stdout)
        self.assertEqual([], told["problems"])
        self.assertEqual([], [row["name"] for row in told["plugins"] if row["problem"]])
        names = {(row["kind"], row["name"]) for row in told["plugins"]}
        self.assertLessEqual({("role", "mx"), ("store", "maildir"), ("directory", "sqlite")}, names)
        self.assertIn("Takes mail from anyone", self.run_command("plugins").stdout)

    def test_unusable(self) -> None:
        """A missing library is told beside the list; the rest is fine, so is the exit code."""
        only_these_plugins(self)
        result = self.run_command("plugins")
        self.assertIn("store.away cannot be used", result.stdout)
        self.assertIn("pip install mailframe[away]", result.stdout)
        self.assertIn("for_tests.py", result.stdout)

    def test_broken_module(self) -> None:
        """A module that cannot be imported is an error, and the list comes all the same."""
        only_these_plugins(self)
        import mailframe.plugins

        (self.place / "broken_for_tests.py").write_text("1 / 0")
        self.patch(mailframe.plugins, "__path__", [*mailframe.plugins.__path__, str(self.place)])
        result = self.run_command("plugins", code=1)
        self.assertIn("mailframe.plugins.broken_for_tests: cannot be imported", result.stderr)
        self.assertIn("maildir", result.stdout)
        self.assertTrue(Path(self.place).exists())
