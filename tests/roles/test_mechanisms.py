"""SASL mechanisms as they are configured."""

from __future__ import annotations

import json

from mailframe.config.errors import ConfigurationErrors
from mailframe.directory.options import PasswordOptions
from mailframe.node.plan import PlanError
from mailframe.roles.assembly import build

from .test_context import TEXT, ContextCase

OAUTH = """
[authenticator.password.oauth]
jwks_file = "keys.json"
issuer = "https://id.example.test/"
audience = ["mail"]
"""


class MechanismsTests(ContextCase):
    """From the file to what a client is offered."""

    def able(self, text: str) -> set[str]:
        return set(self.context(TEXT + text).authenticator.mechanisms())  # type: ignore[attr-defined]

    def refused(self, text: str) -> str:
        with self.assertRaises(PlanError) as raised:
            build(self.assembly(TEXT + text))
        (problem,) = raised.exception.errors
        return str(problem)

    def test_default(self) -> None:
        """Passwords, and nothing that only some accounts could use."""
        self.assertEqual(self.able(""), {"PLAIN", "LOGIN"})
        self.assertFalse((self.base / "data" / "salts.key").exists())

    def test_everything(self) -> None:
        """Each mechanism has its option."""
        text = (
            "[authenticator.password]\nscram = true\nscram_sha_1 = true\ncram_md5 = true\nexternal = true\n"
        )
        (self.base / "keys.json").write_text(json.dumps({"keys": []}))
        self.assertEqual(
            self.able(text + OAUTH),
            {
                "SCRAM-SHA-256",
                "SCRAM-SHA-1",
                "EXTERNAL",
                "OAUTHBEARER",
                "XOAUTH2",
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
            },
        )

    def test_salts(self) -> None:
        """All workers make the salts of unknown users from one secret, which the data directory keeps."""
        text = TEXT + "[authenticator.password]\nscram = true\n"
        for _ in range(2):
            self.context(text).authenticator  # noqa: B018
        self.assertEqual(len((self.base / "data" / "salts.key").read_text().strip()), 64)
        (self.base / "data" / "salts.key").unlink()
        self.context(text + 'salt_secret = "pepper"\n').authenticator  # noqa: B018
        self.assertFalse((self.base / "data" / "salts.key").exists())

    def test_cannot_be_served(self) -> None:
        """Whoever names a mechanism that the authenticator cannot serve is told at the start."""
        problem = self.refused('[role.relay]\nmechanisms = ["PLAIN", "SCRAM-SHA-256-PLUS"]\n')
        self.assertEqual(
            problem,
            "[role.relay] mechanisms: the authenticator cannot serve SCRAM-SHA-256-PLUS; "
            "as it is configured, it can serve LOGIN, PLAIN",
        )
        for protocol in ("imap", "pop3"):
            text = TEXT.replace('[role.store.imap_options]\nbanner = "Hello there"\n', "")
            with self.assertRaises(PlanError) as raised:
                build(self.assembly(text + f'[role.store.{protocol}_options]\nmechanisms = ["XOAUTH2"]\n'))
            self.assertIn(f"[role.store.{protocol}_options] mechanisms", str(raised.exception))
        build(self.assembly(TEXT + '[role.relay]\nmechanisms = ["LOGIN"]\n'))

    def test_unknown(self) -> None:
        """A name that no mechanism has, or one that is there twice, is an error of the configuration."""
        for names, word in (
            ('"SCRAM-SHA-265"', "SCRAM-SHA-256"),
            ('"PLAIN", "PLAIN"', "twice"),
            ('"X"', "there are"),
        ):
            with self.assertRaises(ConfigurationErrors) as raised:
                self.context(TEXT + f"[role.relay]\nmechanisms = [{names}]\n")
            (problem,) = raised.exception.problems
            self.assertIn("[role.relay] mechanisms", str(problem))
            self.assertIn(word, str(problem))

    def test_oauth(self) -> None:
        """OAuth needs one way to know a token, and with keys it must be said whose."""
        for text in (
            "[authenticator.password.oauth]\n",
            '[authenticator.password.oauth]\njwks = "https://id.example.test/keys"\n',
            '[authenticator.password.oauth]\nintrospection = "http://id.example.test/x"\n',
        ):
            self.assertIn("[authenticator.password] oauth: ", self.refused(text))
        with self.assertRaises(ConfigurationErrors):
            self.context(TEXT + OAUTH + 'algorithms = ["none"]\n')

    def test_options(self) -> None:
        """SCRAM keys are not cheaper to guess at than RFC 7677 allows."""
        with self.assertRaises(ConfigurationErrors):
            self.context(TEXT + "[authenticator.password]\nscram_iterations = 1000\n")
        self.assertEqual(PasswordOptions(scram=True).scram_mechanisms, ("SCRAM-SHA-256",))
