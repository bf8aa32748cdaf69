"""Tests of the commands that say what accounts and domains are."""

from __future__ import annotations

from typing import Any

from mailframe.directory.account_secrets import match, secrets_of
from mailframe.directory.sqlite import SQLiteDirectory

from .runner import ALICE, BOB, CommandTestCase


class EntryCommandTestCase(CommandTestCase):
    """A service with two accounts."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        self.make_service()

    def account(self, name: str = ALICE) -> Any:
        """What is shown of an account."""
        return self.json_of("account", "show", name)


class AccountTests(EntryCommandTestCase):
    """What accounts are."""

    def test_set(self) -> None:
        """Quota, store and whether it is let in; what is not said stays."""
        self.on_service("account", "set", ALICE, "--quota", "1 GB", "--store", "s1")
        self.on_service("account", "set", ALICE, "--disable")
        found = self.account()
        self.assertEqual((10**9, "s1", False), (found["quota"], found["store"], found["enabled"]))
        self.on_service("account", "set", ALICE, "--enable", "--store", "")
        self.assertEqual(("", True), (self.account()["store"], self.account()["enabled"]))
        self.on_service("account", "set", ALICE, code=2)
        self.on_service("account", "set", "nobody@example.test", "--disable", code=1)
        self.on_service("account", "set", ALICE, "--quota", "much", code=2)

    def test_forward(self) -> None:
        """Copies go to others, with one kept or not, and to nobody again."""
        self.on_service("account", "forward", ALICE, "a@example.org", "b@example.org", "--no-copy")
        found = self.account()
        self.assertEqual(
            (["a@example.org", "b@example.org"], False), (found["forwards"], found["keeps_copy"])
        )
        self.on_service("account", "forward", ALICE)
        self.assertEqual(([], True), (self.account()["forwards"], self.account()["keeps_copy"]))
        self.on_service("account", "forward", ALICE, "--no-copy", code=2)

    def test_hold(self) -> None:
        """A mailbox is held for a reason, and released."""
        self.on_service("account", "hold", ALICE, "being repaired")
        self.assertEqual("being repaired", self.account()["hold"])
        self.on_service("account", "release", ALICE)
        self.assertEqual("", self.account()["hold"])

    def test_show(self) -> None:
        """People see it in lines, and no secrets."""
        self.on_service("account", "grant", ALICE, "info@example.net")
        shown = self.on_service("account", "show", ALICE).stdout
        self.assertIn("sends as         info@example.net\n", shown)
        self.assertIn("enabled          yes\n", shown)
        self.assertNotIn("ARGON2ID", shown)


class DomainTests(EntryCommandTestCase):
    """What domains are."""

    def test_set(self) -> None:
        """An alias domain, a catch-all, and neither again."""
        self.on_service("domain", "add", "example.net")
        self.on_service("domain", "set", "example.net", "--alias-of", "example.test")
        self.on_service("domain", "set", "example.test", "--catch-all", ALICE, "--catch-all", BOB)
        self.assertEqual("example.test", self.json_of("domain", "show", "example.net")["alias_of"])
        self.assertEqual([ALICE, BOB], self.json_of("domain", "show", "example.test")["catch_all"])
        self.assertIn("catch all", self.on_service("domain", "show", "example.test").stdout)
        self.on_service("domain", "set", "example.net", "--alias-of", "")
        self.on_service("domain", "set", "example.test", "--no-catch-all")
        self.assertEqual([], self.json_of("domain", "show", "example.test")["catch_all"])

    def test_refused(self) -> None:
        """What cannot be is told in a sentence."""
        for arguments in (
            ("example.org", "--alias-of", "example.test"),
            ("example.test", "--alias-of", "example.org"),
            ("example.test", "--alias-of", "example.test"),
        ):
            self.assertTrue(self.on_service("domain", "set", *arguments, code=1).stderr)
        self.on_service("domain", "set", "example.test", code=2)


class AppPasswordTests(EntryCommandTestCase):
    """Passwords for one program each."""

    def test_there_and_back(self) -> None:
        """One is made, shown once, listed without its secret, good for its protocol, and taken back."""
        made = self.json_of("app-password", "add", ALICE, "my telephone", "--for", "imap", "--days", "30")
        (listed,) = self.json_of("app-password", "list", ALICE)
        self.assertEqual((made["identifier"], "my telephone", ["imap"]),
                         (listed["identifier"], listed["label"], listed["for"]))  # fmt: skip
        self.assertEqual(30 * 86400, listed["expires"] - listed["created"])
        self.assertNotIn(made["password"], self.on_service("app-password", "list", ALICE).stdout)
        password = made["password"].encode()
        self.assertEqual(
            made["identifier"], match(password, secrets_of(self.credential(), "imap", 0)).app_password
        )
        self.assertFalse(match(password, secrets_of(self.credential(), "pop3", 0)).right)
        self.on_service("app-password", "remove", ALICE, made["identifier"])
        self.on_service("app-password", "remove", ALICE, made["identifier"], code=1)
        self.assertEqual([], self.json_of("app-password", "list", ALICE))

    def credential(self) -> Any:
        """What alice logs in by."""
        from mailframe.directory.entries import account_key

        return SQLiteDirectory(str(self.config.parent / "data" / "directory.sqlite"), None).entry(
            account_key(ALICE)
        )

    def test_shown(self) -> None:
        """People are told what to do with it."""
        self.assertIn("not shown again", self.on_service("app-password", "add", ALICE, "script").stdout)
        self.assertIn("all", self.on_service("app-password", "list", ALICE).stdout)


class HistoryTests(EntryCommandTestCase):
    """Who changed what."""

    def test_history(self) -> None:
        """Each change has its line, with who did it and no secret; of one account where it is named."""
        self.on_service("account", "set", ALICE, "--quota", "5")
        self.on_service("account", "passwd", BOB, stdin="secret\n")
        rows = self.json_of("directory", "history")
        self.assertEqual(["quota 0 -> 5", "password"], [row["how"] for row in rows[-2:]])
        self.assertTrue(all(row["by"].startswith("cli:") for row in rows[-2:]), rows)
        self.assertEqual({ALICE}, {row["name"] for row in self.json_of("directory", "history", ALICE)})
        self.assertEqual(1, len(self.json_of("directory", "history", "--limit", "1")))
        self.assertNotIn("{ARGON2ID}", self.on_service("directory", "history").stdout)

    def test_paging(self) -> None:
        """Without a beginning the newest are shown; behind a version the first, so that one can go on."""
        for quota in range(1, 6):
            self.on_service("account", "set", ALICE, "--quota", str(quota))
        newest = self.json_of("directory", "history", ALICE, "--limit", "2")
        self.assertEqual(["quota 3 -> 4", "quota 4 -> 5"], [row["how"] for row in newest])
        seen, since = [], 1
        while page := self.json_of("directory", "history", ALICE, "--limit", "2", "--since", str(since)):
            seen += [row["how"] for row in page if row["how"]]
            since = page[-1]["version"]
        self.assertEqual([f"quota {quota} -> {quota + 1}" for quota in range(5)], seen)


class BulkTests(EntryCommandTestCase):
    """Many entries at once."""

    def file(self, *lines: str) -> str:
        """A file with these lines."""
        path = self.place / "many"
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    def test_there_and_back(self) -> None:
        """What was exported with its secrets makes the same directory elsewhere; a second time nothing changes."""
        self.on_service("account", "set", ALICE, "--quota", "77", "--store", "s1")
        self.on_service("alias", "add", "info@example.test", ALICE, BOB)
        self.on_service("account", "grant", ALICE, "x@example.net")
        self.on_service("app-password", "add", BOB, "telephone")
        exported = self.on_service("directory", "export", "--secrets").stdout
        self.assertNotIn("password_hash", self.on_service("directory", "export").stdout)
        for name in (ALICE, BOB):
            self.on_service("account", "remove", name, "--yes")
        self.on_service("alias", "remove", "info@example.test")
        path = self.file(*exported.splitlines())
        self.assertEqual(
            {"added": 4, "changed": 0, "unchanged": 1}, self.json_of("directory", "import", path)
        )
        self.assertEqual(exported, self.on_service("directory", "export", "--secrets").stdout)
        self.assertEqual(
            {"added": 0, "changed": 0, "unchanged": 5}, self.json_of("directory", "import", path)
        )

    def test_without_secrets(self) -> None:
        """What was exported without secrets changes the rest only, and nobody's password."""
        before = self.on_service("directory", "export", "--secrets").stdout
        exported = self.on_service("directory", "export").stdout
        self.on_service(
            "directory", "import", self.file(*exported.replace('"quota": 0', '"quota": 9').splitlines())
        )
        after = self.on_service("directory", "export", "--secrets").stdout
        self.assertEqual(before.replace('"quota": 0', '"quota": 9'), after)

    def test_other_formats(self) -> None:
        """Files of Dovecot and Postfix, and tables; domains are added where that is wanted."""
        users = self.file("carol@example.org:{PLAIN}x", "dave@example.org:{PLAIN}y")
        self.on_service("directory", "import", users, "--format", "passwd-file", code=1)
        result = self.on_service("directory", "import", users, "--format", "passwd-file", "--make-domains")
        self.assertIn("3 added", result.stdout)
        aliases = self.file(
            "all@example.org carol@example.org, dave@example.org", "@example.org carol@example.org"
        )
        self.on_service("directory", "import", aliases, "--format", "virtual-alias")
        self.assertEqual(["carol@example.org"], self.json_of("domain", "show", "example.org")["catch_all"])
        table = self.file("account,quota", f"{ALICE},1 GB")
        self.assertIn("1 changed", self.on_service("directory", "import", table, "--format", "csv").stdout)
        self.assertEqual(10**9, self.account()["quota"])
        self.assertIn("ARGON2ID", self.on_service("account", "list").stdout)

    def test_all_problems_at_once(self) -> None:
        """While a line is wrong nothing is done, and all are told."""
        path = self.file('{"account": "x@example.test"}', "nonsense", '{"alias": 5}')
        told = self.on_service("directory", "import", path, code=1).stderr
        self.assertIn("many:2: ", told)
        self.assertIn("many:3: ", told)
        self.assertEqual(2, len(self.json_of("account", "list")))

    def test_refused(self) -> None:
        """What the directory refuses is told with its line."""
        path = self.file('{"account": "x@example.test"}', '{"account": "x@elsewhere.test"}')
        self.assertIn("many:2: ", self.on_service("directory", "import", path, code=1).stderr)

    def test_dry_run(self) -> None:
        """A dry run says what would be, and does nothing."""
        path = self.file('{"account": "x@example.org"}', '{"domain": "example.org"}')
        self.assertIn("would be: 2 added", self.on_service("directory", "import", path, "--dry-run").stdout)
        self.assertEqual(2, len(self.json_of("account", "list")))
