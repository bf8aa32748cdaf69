"""Commands on a directory that lies in a PostgreSQL database."""

from __future__ import annotations

from tests import postgres

from .runner import ALICE, BOB, CommandTestCase


class PostgreSQLDirectoryTests(CommandTestCase):
    """The same commands as on a file."""

    def setUp(self) -> None:
        """A service whose directory is in a database."""
        super().setUp()
        self.make_service()
        text = self.config.read_text()
        self.assertIn('backend = "sqlite"', text.partition("[directory]")[2])
        before, section, after = text.partition("[directory]")
        after = after.replace('backend = "sqlite"', 'backend = "postgresql"', 1)
        self.config.write_text(
            f'{before}{section}{after}\n[directory.postgresql]\naddress = "{postgres.database(self)}"\n'
        )

    def test_commands(self) -> None:
        """Domains, accounts and aliases are made, listed, exported and told of in the history."""
        self.on_service("domain", "add", "example.test")
        self.on_service("account", "add", ALICE, "--password-file", "-", stdin="geheim\n")
        self.on_service("alias", "add", "info@example.test", ALICE)
        self.assertIn(ALICE, self.on_service("account", "list").output)
        self.assertIn(ALICE, self.on_service("directory", "history").output)
        exported = self.on_service("directory", "export", "--secrets").stdout
        self.on_service("alias", "remove", "info@example.test")
        self.on_service("account", "remove", ALICE, stdin="y\n")
        self.assertNotIn(ALICE, self.on_service("account", "list").output)
        self.on_service("directory", "import", "-", stdin=exported)
        self.assertIn(ALICE, self.on_service("account", "list").output)
        self.assertIn("info@example.test", self.on_service("alias", "list").output)
        self.assertNotIn(BOB, self.on_service("account", "list").output)
