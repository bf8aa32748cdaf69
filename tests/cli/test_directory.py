"""Tests of ``mailframe account``, ``alias`` and ``domain``."""

from __future__ import annotations

import json

from .runner import ALICE, BOB, CommandTestCase

CAROL = "carol@example.test"


class DirectoryCommandTestCase(CommandTestCase):
    """A service is there."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        self.make_service()


class AccountTests(DirectoryCommandTestCase):
    """Accounts come and go."""

    def names(self) -> list[str]:
        """The accounts that are listed."""
        return [row["account"] for row in self.json_of("account", "list")]

    def test_add(self) -> None:
        """The password comes from standard input."""
        result = self.on_service("account", "add", CAROL, "--quota", "2 GB", stdin="secret\n")
        self.assertEqual(f"added {CAROL}\n", result.stdout)
        rows = self.json_of("account", "list", "example.test")
        self.assertEqual(
            {"account": CAROL, "enabled": True, "quota": 2 * 10**9, "schemes": ["ARGON2ID"]}, rows[-1]
        )
        self.assertIn("2 GB", self.on_service("account", "list").stdout)

    def test_scram(self) -> None:
        """Where SCRAM is offered, new passwords get keys for it; `account list` shows who has some, and no secret."""
        with open(self.config, "a") as file:
            file.write(
                "\n[authenticator.password]\nscram = true\nscram_sha_1 = true\nscram_iterations = 4096\n"
            )
        self.on_service("account", "add", CAROL, stdin="secret\n")
        self.on_service("account", "passwd", ALICE, stdin="secret\n")
        listed = self.on_service("account", "list", "--json").stdout
        schemes = {row["account"]: row["schemes"] for row in json.loads(listed)}
        every = ["ARGON2ID", "SCRAM-SHA-256", "SCRAM-SHA-1"]
        self.assertEqual({ALICE: every, BOB: ["ARGON2ID"], CAROL: every}, schemes)
        self.assertNotIn("4096", listed)
        self.assertIn("SCRAM-SHA-256", self.on_service("account", "list").stdout)

    def test_password_file(self) -> None:
        """Or from the first line of a file."""
        path = self.place / "password"
        path.write_text("sécret\nnot this\n")
        self.on_service("account", "add", CAROL, "--password-file", str(path))
        path.write_bytes(b"\xff\xfe\n")
        self.on_service("account", "passwd", CAROL, "--password-file", str(path), code=1)
        result = self.on_service("account", "passwd", CAROL, "--password-file", "/nowhere", code=1)
        self.assertEqual("/nowhere: No such file or directory\n", result.stderr)

    def test_generate(self) -> None:
        """Or is made up and printed."""
        made = json.loads(self.on_service("account", "add", CAROL, "--generate", "--json").stdout)
        self.assertEqual(CAROL, made["account"])
        self.assertEqual(17, len(made["password"]))
        self.assertIn("with the password", self.on_service("account", "passwd", CAROL, "--generate").stdout)

    def test_refused(self) -> None:
        """What the directory refuses is told in a sentence, with exit code 1."""
        for arguments, stdin in (
            (("add", ALICE), "secret\n"),
            (("add", "x@elsewhere.test"), "secret\n"),
            (("add", "carol"), "secret\n"),
            (("add", CAROL), "\n"),
            (("add", CAROL), ""),
            (("passwd", CAROL), "secret\n"),
            (("remove", CAROL, "--yes"), ""),
        ):
            result = self.on_service("account", *arguments, stdin=stdin, code=1)
            self.assertTrue(result.stderr.strip(), arguments)
        self.assertIn(
            "a size such as", self.on_service("account", "add", CAROL, "--quota", "x", code=2).stderr
        )
        self.assertEqual([ALICE, BOB], self.names())

    def test_remove(self) -> None:
        """Removing asks first."""
        self.on_service("account", "remove", BOB, stdin="n\n", code=1)
        self.assertEqual([ALICE, BOB], self.names())
        self.on_service("account", "remove", BOB, stdin="y\n")
        self.assertEqual([ALICE], self.names())
        self.on_service("account", "remove", ALICE, "--yes")
        self.assertIn("No accounts", self.on_service("account", "list").stdout)


class GrantTests(DirectoryCommandTestCase):
    """Who may send as whom."""

    def test_life(self) -> None:
        """Granted, listed, taken back."""
        self.assertIn("No grants", self.on_service("account", "grants").stdout)
        result = self.on_service("account", "grant", ALICE, "info@example.net", "@example.org")
        self.assertIn(f"{ALICE} may send as @example.org", result.stdout)
        self.on_service("account", "grant", BOB, ALICE)
        rows = self.json_of("account", "grants", ALICE)
        self.assertEqual(
            [
                {"account": ALICE, "subject": "@example.org"},
                {"account": ALICE, "subject": "info@example.net"},
            ],
            rows,
        )
        self.assertIn("@example.org", self.on_service("account", "grants").stdout)
        self.on_service("account", "revoke", ALICE, "@example.org", "info@example.net")
        self.assertEqual([{"account": BOB, "subject": ALICE}], self.json_of("account", "grants"))

    def test_refused(self) -> None:
        """To nobody nothing is granted, and what was not granted is not taken back."""
        self.on_service("account", "grant", CAROL, ALICE, code=1)
        self.on_service("account", "grant", ALICE, code=2)
        result = self.on_service("account", "grant", ALICE, "nonsense", code=1)
        self.assertIn("@example.test", result.stderr)
        self.on_service("account", "revoke", ALICE, BOB, code=1)


class AliasTests(DirectoryCommandTestCase):
    """Aliases come and go."""

    def test_life(self) -> None:
        """Added, replaced, listed, removed."""
        alias = "info@example.test"
        self.assertIn("No aliases", self.on_service("alias", "list").stdout)
        self.on_service("alias", "add", alias, ALICE)
        self.on_service("alias", "add", alias, ALICE, BOB)
        self.assertEqual([{"alias": alias, "targets": [ALICE, BOB]}], self.json_of("alias", "list"))
        self.assertIn(f"{ALICE}, {BOB}", self.on_service("alias", "list", "example.test").stdout)
        self.on_service("alias", "remove", alias)
        self.assertEqual([], self.json_of("alias", "list"))

    def test_refused(self) -> None:
        """An account is no alias, and what is not there cannot be removed."""
        self.on_service("alias", "add", ALICE, BOB, code=1)
        self.on_service("alias", "add", "x@elsewhere.test", BOB, code=1)
        self.on_service("alias", "remove", "info@example.test", code=1)
        self.on_service("alias", "add", "info@example.test", code=2)


class DomainTests(DirectoryCommandTestCase):
    """Domains come and go."""

    def test_life(self) -> None:
        """Added, listed, removed once nothing is in it."""
        self.on_service("domain", "add", "Example.NET")
        self.assertEqual(
            [{"domain": "example.net"}, {"domain": "example.test"}], self.json_of("domain", "list")
        )
        self.on_service("domain", "remove", "example.net")
        self.assertEqual("example.test", self.on_service("domain", "list").stdout.split()[-1])
        self.assertTrue(self.on_service("domain", "remove", "example.test", code=1).stderr.strip())
        self.on_service("domain", "remove", "nowhere.test", code=1)


class OtherDirectoryTests(CommandTestCase):
    """A directory that is written elsewhere says so."""

    def test_not_ours(self) -> None:
        """Accounts written in the configuration are not changed by commands."""
        self.make_service()
        text = self.config.read_text().replace('backend = "sqlite"', 'backend = "memory"')
        self.config.write_text(text)
        result = self.on_service("account", "list", code=1)
        self.assertIn('The directory "memory" is not kept by these commands', result.stderr)
