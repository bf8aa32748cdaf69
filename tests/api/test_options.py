"""Tests of `mailframe.api.options`, and of who may have an API."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailframe.api.options import APIOptions
from mailframe.config.errors import ConfigurationErrors
from mailframe.config.loading import loads
from mailframe.registry import PluginUnavailable
from mailframe.roles.api import build_api
from mailframe.roles.context import Context
from mailframe.store.hints import LocalHints


class OptionsTests(SynchronousTestCase):
    """Where the API may listen."""

    def options(self, *lines: str) -> APIOptions:
        """The section, as it is read."""
        text = "\n".join(['[node]\nroles = ["mx"]\n[api]', *lines])
        found = loads(text.encode(), "/nowhere/mailframe.toml").api
        assert found is not None
        return found

    def test_default(self) -> None:
        """On this machine alone, with its tokens in the data directory."""
        options = self.options()
        self.assertEqual(["tcp:2581:interface=127.0.0.1"], options.listen)
        self.assertEqual("/nowhere/data/api-tokens.json", options.tokens)

    def test_private(self) -> None:
        """Without TLS nobody else can reach it."""
        for good in ("tcp:2581:interface=127.0.0.1", "tcp6:2581:interface=\\:\\:1", "unix:/run/api.sock"):
            self.assertEqual(1, len(self.options(f"listen = ['{good}']").listen))
        for bad in ("tcp:2581", "tcp:2581:interface=192.0.2.1", "tcp6:2581", "haproxy:tcp:2581",
                    "systemd:domain=INET:name=api"):  # fmt: skip
            with self.assertRaises(ConfigurationErrors) as caught:
                self.options(f"listen = ['{bad}']")
            self.assertIn("neither TLS", str(caught.exception))
        with self.assertRaises(ConfigurationErrors) as caught:
            self.options('listen = ["ssl:2443"]')
        self.assertIn("no certificates", str(caught.exception))

    def test_directory(self) -> None:
        """A directory that commands do not change is not changed by HTTP."""
        text = '[node]\nroles = ["mx"]\ndata = "DATA"\n[directory]\nbackend = "memory"\n[api]\n'
        configuration = loads(text.replace("DATA", self.mktemp()).encode(), "/nowhere/mailframe.toml")
        reactor: Any = None
        context = Context(configuration, reactor, LocalHints(), lambda address: None)  # type: ignore[arg-type,return-value]
        error = self.assertRaises(PluginUnavailable, build_api, context)
        self.assertIn('"memory"', str(error))
        other = Context(configuration, reactor, LocalHints(), lambda address: None, 1)  # type: ignore[arg-type,return-value]
        self.assertIsNone(build_api(other))
