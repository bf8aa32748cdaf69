"""Tests of ``mailframe init`` and ``check-config``."""

from __future__ import annotations

import json
import stat

from mailframe.cli.directory import open_admin
from mailframe.cli.init import parse_account
from mailframe.config.loading import load
from mailframe.directory.passwords import verify
from mailframe.registry import IPolicyFactory, find
from mailframe.tls import server

from .runner import ALICE, BOB, CommandTestCase


class InitTests(CommandTestCase):
    """One command makes a service that can be started."""

    def test_service(self) -> None:
        """The configuration is right, the accounts are there, the made-up password is printed once."""
        result = self.make_service("--domain", "Example.NET")
        self.assertIn(f"account {ALICE}   password wonder:land", result.stdout)
        self.assertRegex(result.stdout, rf"account {BOB}   password [a-z2-9-]{{17}}\n")
        self.assertIn("twistd -n mailframe --config", result.stdout)
        configuration = load(str(self.config))
        self.assertEqual(["mx", "relay", "store"], list(configuration.roles))
        self.assertEqual("mail.example.net", configuration.node.hostname)
        admin = open_admin(str(self.config))
        self.assertEqual(["example.net", "example.test"], list(admin.domains()))
        self.assertEqual([ALICE, BOB], [account.name for account in admin.accounts()])

    def test_ports(self) -> None:
        """Ports need no root and listen on loopback; an offset moves all of them."""
        result = self.make_service("--port-offset", "100", "--json")
        ports = json.loads(result.stdout)["ports"]
        self.assertEqual(
            {"smtp": 2625, "submission": 2687, "submissions": 2565, "lmtp": 2524, "imap": 2243, "imaps": 3093}
            | {"pop3": 2210, "pop3s": 3095, "status": 2680},
            ports,
        )
        checked = self.json_of("check-config")
        listeners = [address for addresses in checked["listeners"].values() for address in addresses]
        self.assertEqual(8, len(listeners))
        self.assertTrue(all(address.endswith("interface=127.0.0.1") for address in listeners), listeners)
        self.assertEqual("tcp:2680:interface=127.0.0.1", load(str(self.config)).node.status)

    def test_listen(self) -> None:
        """Other machines reach it when asked for, but for LMTP and the status page."""
        self.make_service("--listen", "::", "--workers", "1", "--hostname", "mx.example.test")
        text = self.config.read_text()
        self.assertIn('listen = ["tcp6:2525:interface=\\\\:\\\\:"]', text)
        self.assertIn('lmtp = ["tcp:2424:interface=127.0.0.1"]', text)
        self.assertIn('status = "tcp:2580:interface=127.0.0.1"', text)
        configuration = load(str(self.config))
        self.assertEqual(1, configuration.node.workers)
        self.assertEqual("mx.example.test", configuration.node.hostname)

    def test_secrets_are_kept(self) -> None:
        """Data and key are for their owner only, and no password stands in a file."""
        self.make_service()
        directory = self.config.parent
        self.assertEqual(0o700, stat.S_IMODE((directory / "data").stat().st_mode))
        self.assertEqual(0o600, stat.S_IMODE((directory / "tls" / "key.pem").stat().st_mode))
        for path in directory.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"wonder:land", path.read_bytes(), path)

    def test_again(self) -> None:
        """A service that is there is left alone, unless forced; then its accounts stay."""
        self.make_service()
        before = self.config.read_text()
        result = self.run_command("init", str(self.config.parent), "--domain", "x.test", code=1)
        self.assertIn("--force replaces it and keeps the data", result.stderr)
        self.assertEqual(before, self.config.read_text())
        result = self.make_service("--force", "--port-offset", "1")
        self.assertIn(f"account {BOB} was there and keeps its password", result.stdout)
        self.assertNotEqual(before, self.config.read_text())

    def test_wrong(self) -> None:
        """What cannot be is refused before anything is written."""
        place = str(self.config.parent)
        for arguments, code, words in (
            ((), 2, "--domain example.test"),
            (("--account", "alice"), 1, "looks like alice@example.test"),
            (("--domain", "a b"), 1, "looks like example.test"),
            (("--domain", "x.test", "--listen", "localhost"), 2, "not an IP address"),
            (("--domain", "x.test", "--port-offset", "65000"), 2, "between 1 and 65535"),
        ):
            result = self.run_command("init", place, *arguments, code=code)
            self.assertIn(words, result.stderr)
            self.assertFalse(self.config.exists())

    def test_accounts_of_all_forms(self) -> None:
        """A password may have any characters, an address may be quoted."""
        for text, name, password in (
            ("a@b.test:p", "a@b.test", "p"),
            ("a@b.test:p@q:r", "a@b.test", "p@q:r"),
            ('"x:y@z"@b.test:p"@q', '"x:y@z"@b.test', 'p"@q'),
            ("A@B.test:x", "A@b.test", "x"),
        ):
            account = parse_account(text)
            self.assertEqual((name, password, True), (account.name, account.password, account.given), text)
        self.assertFalse(parse_account("a@b.test").given)
        self.assertNotEqual(parse_account("a@b.test").password, parse_account("a@b.test").password)


class CheckConfigTests(CommandTestCase):
    """``check-config`` says everything that is wrong."""

    def test_right(self) -> None:
        """A right file is said to be right, with where each role listens."""
        self.make_service()
        result = self.on_service("check-config")
        self.assertIn("is right: mx, relay, store", result.stdout)
        self.assertIn("mx: tcp:2525:interface=127.0.0.1", result.stdout)
        self.assertEqual(["store"], self.json_of("check-config", "--role", "store")["roles"])

    def test_wrong(self) -> None:
        """All errors come in one run, with file and line; programs get them in parts."""
        self.config.parent.mkdir()
        self.config.write_text("[node]\nworkers = 0\nhostnam = 1\n")
        result = self.on_service("check-config", code=1)
        lines = result.stderr.splitlines()
        self.assertIn(f"{self.config}:2: [node] workers: expected at least 1, got 0", lines)
        self.assertIn(f'{self.config}:3: [node] hostnam: unknown key; did you mean "hostname"?', lines)
        self.assertEqual("2 errors", lines[-1])
        told = json.loads(self.on_service("check-config", "--json", code=1).stdout)
        self.assertFalse(told["ok"])
        self.assertEqual([2, 3], [problem["line"] for problem in told["problems"]])

    def test_certificates(self) -> None:
        """Certificates are read: one that soon ends is a warning, one that cannot be used an error."""
        self.make_service()
        self.assertEqual([], self.json_of("check-config")["warnings"])
        self.patch(server, "EXPIRY_WARNING_DAYS", 10_000)
        self.assertIn("certificate.pem expires on", self.on_service("check-config").stdout)
        (self.config.parent / "tls" / "key.pem").write_text("no key")
        self.assertIn("key.pem has no private key", self.on_service("check-config", code=1).stderr)
        text = self.config.read_text().replace("[tls]", '[tls]\ndirectories = ["nowhere"]')
        self.config.write_text(text)
        self.assertIn("directories[0]", self.on_service("check-config", code=1).stderr)

    def test_missing_library(self) -> None:
        """What could not be built is told now, not when the service starts."""
        self.make_service()
        self.patch(find(IPolicyFactory, "loops"), "implementation", "tests.config.needs_library.build")
        self.assertIn("a_library_that_nobody_has", self.on_service("check-config", code=1).stderr)

    def test_no_configuration(self) -> None:
        """Without any configuration it says how to name or make one."""
        self.patch(__import__("mailframe.cli.shared").cli.shared, "USUAL_PLACES", ("nowhere.toml",))
        result = self.run_command("check-config", code=2)
        self.assertIn("mailframe init", result.stderr)


class VerifyTests(CommandTestCase):
    """What `init` stores can be checked."""

    def test_hash(self) -> None:
        """A password is kept as a hash that verifies."""
        from mailframe.cli.directory import hash_of

        stored = hash_of("wonder:land")
        self.assertNotIn("wonder", stored)
        self.assertTrue(verify(b"wonder:land", stored))
