"""Runs the commands of the page «Taking over from Dovecot or Courier»."""

from __future__ import annotations

import shlex

from tests.cli.test_mailbox_adopt import AdoptionCommandTestCase

from .pages import DOCS, commands


class AdoptionPageTests(AdoptionCommandTestCase):
    """Every line of the page works."""

    def test_page(self) -> None:
        """Each line in turn, on a tree that Dovecot has kept."""
        lines = commands(DOCS / "adoption.rst")
        self.assertEqual(len(lines), 3)
        for line in lines:
            program, *words = shlex.split(line)
            self.assertEqual((program, words[-2:]), ("mailframe", ["--config", "/srv/mail/mailframe.toml"]))
            self.assertIn("INBOX", self.on_service(*words[:-2]).stdout)
