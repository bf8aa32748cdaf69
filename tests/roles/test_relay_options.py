"""What the configuration of a relay may not say, and what is made of the rest."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.loading import loads
from mailframe.policy.sending_limits import Limits
from mailframe.roles.relay import rules_of

START = '[node]\nhostname = "relay.example.test"\ndata = "{data}"\nroles = ["relay"]\n\n[role.relay]\nlisten = ["tcp:587"]\n'


class RelayOptionsTests(SynchronousTestCase):
    """``[role.relay]``."""

    def load(self, text: str) -> object:
        """The options."""
        configuration = loads((START.format(data=self.mktemp()) + text).encode(), "mailframe.toml")
        return configuration.roles["relay"].options

    def refused(self, text: str) -> str:
        """What is said of a mistake."""
        errors = self.assertRaises(ConfigurationErrors, self.load, text)
        (problem,) = errors.problems
        return str(problem)

    def test_open_relay(self) -> None:
        """Networks that are everybody are a mistake, and so is nonsense."""
        for networks in ('["0.0.0.0/0"]', '["192.0.2.0/24", "::/0"]', '["0.0.0.0/1", "128.0.0.0/1"]'):
            self.assertIn("this would be an open relay", self.refused(f"networks = {networks}"))
        self.assertIn("got", self.refused('networks = ["192.0.2.1/24"]'))

    def test_router_without_hosts(self) -> None:
        """A router needs a section that says where it is."""
        self.assertIn("[delivery.smarthost] hosts: is required", self.refused('router = "smarthost"'))
        self.assertIn("router", self.refused('router = "smarthorse"'))

    def test_account_names(self) -> None:
        """Accounts with limits of their own may be named in any spelling."""
        for name in ("News@B\u00fccher.test", "news@xn--bcher-kva.test"):
            options = self.load(f'[role.relay.sending_limits.accounts."{name}"]\nmessages_per_hour = 7')
            rules = rules_of(options)  # type: ignore[arg-type]
            self.assertEqual(rules.account_limits, {"news@xn--bcher-kva.test": Limits(messages_per_hour=7)})
