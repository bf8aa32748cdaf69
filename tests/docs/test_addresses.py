"""Runs what the page «Addresses» shows."""

from __future__ import annotations

import shlex
from typing import Any

from mailframe.message.address import parse_mailbox
from mailframe.testing.smtp import run
from tests.cli.runner import CommandTestCase

from .pages import DOCS, blocks, commands


class AddressesTests(CommandTestCase):
    """The page is right."""

    def test_commands(self) -> None:
        """Every line of the page works."""
        self.make_service()
        self.on_service("domain", "add", "example.org")
        lines = commands(DOCS / "addresses.rst")
        self.assertEqual(4, len(lines))
        for line in lines:
            program, *words = shlex.split(line.replace("/srv/mail/mailframe.toml", str(self.config)))
            self.assertEqual("mailframe", program)
            output = self.run_command(*words).output
            self.assertEqual("report" in words, "named" in output, output)

    def test_program(self) -> None:
        """The program makes a router that knows all forms."""
        (text,) = [block.text for block in blocks(DOCS / "addresses.rst") if block.language == "python"]
        names: dict[str, Any] = {}
        exec(text, names)
        for address, account in (
            ("Alice@example.net", "alice@example.org"),
            ("alice+news@example.org", "alice@example.org"),
            ("nobody@example.net", "bob@example.org"),
        ):
            route = run(names["router"].route(parse_mailbox(address)))
            self.assertEqual([account], [mailbox.account for mailbox in route.mailboxes])
