"""Tests of ``mailframe api-token``."""

from __future__ import annotations

from mailframe.api.tokens import KnownTokens

from .runner import CommandTestCase


class APITokenTests(CommandTestCase):
    """Tokens are made, listed and taken back."""

    def setUp(self) -> None:
        """A service."""
        super().setUp()
        self.make_service()

    def test_life(self) -> None:
        """A token is shown once, and good until it is removed."""
        with open(self.config, "a") as file:
            file.write("\n[api]\n")
        made = self.json_of("api-token", "add", "shop", "--scope", "accounts:write", "--days", "1",
                            "--domain", "example.org")  # fmt: skip
        known = KnownTokens(str(self.config.parent / "data" / "api-tokens.json"))
        self.assertIsNotNone(known.find(made["token"]))
        (kept,) = self.json_of("api-token", "list")
        self.assertEqual(
            ("shop", ["accounts:write"], ["example.org"]), (kept["name"], kept["scopes"], kept["domains"])
        )
        self.assertAlmostEqual(86400, kept["expires"] - kept["created"], delta=5)
        self.assertNotIn(made["token"], self.on_service("api-token", "list").stdout)
        self.assertIn("shop", self.on_service("api-token", "list").stdout)
        refused = self.on_service("api-token", "add", "shop", "--scope", "read", code=1)
        self.assertIn("there is a token shop already", refused.output)
        self.on_service("api-token", "add", "other", code=2)
        self.on_service("api-token", "remove", "shop")
        self.assertIsNone(known.find(made["token"]))
        self.assertEqual([], self.json_of("api-token", "list"))

    def test_no_api(self) -> None:
        """Without an API there are no tokens."""
        self.assertIn("has no [api]", self.on_service("api-token", "list", code=1).output)
