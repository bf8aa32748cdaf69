"""Runs what the page «Accounts and domains by command» shows."""

from __future__ import annotations

import os
import shlex

from tests.cli.runner import CommandTestCase

from .pages import DOCS, commands


class ProvisioningTests(CommandTestCase):
    """The page is right."""

    def test_commands(self) -> None:
        """Every line of the page works, one after the other."""
        self.make_service()
        before = os.getcwd()
        os.chdir(self.place)
        self.addCleanup(os.chdir, before)
        (self.place / "people.csv").write_text("account,password,quota\nerin@example.net,geheim,1 GB\n")
        lines = commands(DOCS / "provisioning.rst")
        self.assertEqual(12, len(lines))
        outputs = []
        for line in lines:
            program, *words = shlex.split(line.replace("/srv/mail/mailframe.toml", str(self.config)))
            self.assertEqual("mailframe", program)
            outputs.append(self.run_command(*words).stdout)
        self.assertIn("2 added", outputs[9])
        self.assertIn("enabled yes -> no", outputs[11])
