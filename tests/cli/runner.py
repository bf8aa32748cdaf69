"""Runs commands as people do, in a directory of their own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli.app import mailframe

ALICE = "alice@example.test"
BOB = "bob@example.test"


class CommandTestCase(SynchronousTestCase):
    """A test with a place for a service."""

    def setUp(self) -> None:
        """An empty directory, and no configuration from the surroundings."""
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir(parents=True)
        self.config = self.place / "service" / "mailframe.toml"
        self.patch(os, "environ", {**os.environ, "MAILFRAME_DEBUG": ""})
        os.environ.pop("MAILFRAME_CONFIG", None)

    def run_command(self, *arguments: str, stdin: str = "", code: int = 0) -> Result:
        """Run ``mailframe`` with these arguments; it must end with this exit code."""
        result = CliRunner().invoke(mailframe, arguments, input=stdin)
        self.assertEqual(code, result.exit_code, f"{result.output}\n{result.exception!r}")
        self.assertNotIn("Traceback", result.output)
        return result

    def on_service(self, *arguments: str, stdin: str = "", code: int = 0) -> Result:
        """The same for the service that `make_service` made."""
        return self.run_command(*arguments, "--config", str(self.config), stdin=stdin, code=code)

    def json_of(self, *arguments: str, stdin: str = "") -> Any:
        """What a command prints as JSON."""
        return json.loads(self.on_service(*arguments, "--json", stdin=stdin).stdout)

    def make_service(self, *arguments: str) -> Result:
        """``mailframe init`` with two accounts."""
        return self.run_command(
            "init", str(self.config.parent), "--account", f"{ALICE}:wonder:land", "--account", BOB, *arguments
        )
