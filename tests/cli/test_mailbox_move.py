"""Tests of ``mailframe mailbox move``; a move itself is in tests.transfer and tests.crash."""

from __future__ import annotations

from .runner import ALICE, CommandTestCase

KEY = "0123456789abcdef0123456789abcdef"


class MoveCommandTests(CommandTestCase):
    """What is refused before anything is done."""

    def setUp(self) -> None:
        """A service that is called s2."""
        super().setUp()
        self.make_service()

    def configure(self, text: str) -> None:
        """More lines of configuration."""
        before = self.config.read_text()
        if 'name = "s2"' not in before:
            before = before.replace("[role.store]\n", '[role.store]\nname = "s2"\n')
        self.config.write_text(before + "\n" + text)

    def refused(self, *arguments: str) -> str:
        """What it says."""
        return self.on_service("mailbox", "move", *arguments, code=1).stderr

    def test_not_here(self) -> None:
        """Accounts move to the store of this node only."""
        self.assertIn("set name in [role.store]", self.refused(ALICE, "--to", "s2", "--link", "h:1"))
        self.configure(f'[link]\nkey = "{KEY}"\n')
        self.assertIn("not 's3'", self.refused(ALICE, "--to", "s3", "--link", "h:1"))

    def test_no_link(self) -> None:
        """Both nodes need the key, and somebody has to say where the mail is now."""
        self.configure("")
        self.assertIn("no [link]", self.refused(ALICE, "--to", "s2", "--link", "h:1"))
        self.configure(f'[link]\nkey = "{KEY}"\n')
        self.assertIn("HOST:PORT", self.refused(ALICE, "--to", "s2", "--link", "nowhere"))
        self.assertIn("has no link in [[stores]]", self.refused(ALICE, "--to", "s2"))
        self.assertIn("Name accounts", self.refused("--to", "s2", "--link", "h:1"))
        self.assertIn("has to last", self.refused(ALICE, "--to", "s2", "--link", "h:1", "--lease", "5"))

    def test_found_in_the_configuration(self) -> None:
        """The link is that of the store that the directory names; when it is away, the account stays where it is."""
        self.configure(
            f'[link]\nkey = "{KEY}"\n[[stores]]\nname = "s1"\nhosts = ["127.0.0.1"]\nlink = "127.0.0.1:1"\n'
        )
        self.on_service("account", "set", ALICE, "--store", "s1")
        self.assertIn("127.0.0.1:1", self.refused(ALICE, "--to", "s2", "--clear"))
        found = self.json_of("account", "show", ALICE)
        self.assertEqual(("s1", ""), (found["store"], found["hold"]))
