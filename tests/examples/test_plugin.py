"""The policy of «Writing a plugin» works as the page says."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import mailframe.plugins
from mailframe import registry
from mailframe.config.loading import load
from mailframe.smtp.reception import Reception
from mailframe.testing.smtp import FixedRouter, RecordingDelivery, serve

PLACE = Path(__file__).resolve().parent.parent.parent / "examples" / "plugin"
EIGHT_O_CLOCK = 8 * 3600.0


class PluginExampleTests(SynchronousTestCase):
    """As if the example's package were installed."""

    def setUp(self) -> None:
        """Put the package on the path, as installing it would."""
        self.patch(sys, "path", [*sys.path, str(PLACE)])
        self.patch(
            mailframe.plugins, "__path__", [*mailframe.plugins.__path__, str(PLACE / "mailframe" / "plugins")]
        )
        importlib.invalidate_caches()
        self.addCleanup(sys.modules.pop, "office_hours", None)
        self.addCleanup(sys.modules.pop, "mailframe.plugins.office_hours", None)

    def test_found_and_configured(self) -> None:
        """It is listed, and its options come from its section of the configuration."""
        found = registry.find(registry.IPolicyFactory, "office_hours")
        self.assertEqual(found.summary, "Takes mail in office hours only")
        configuration = load(str(PLACE / "mailframe.toml"))
        self.assertEqual(configuration.policies["office_hours"].options.opens, 7)

    def test_it_decides(self) -> None:
        """Mail is taken at eight in the morning and put off at night."""
        module = importlib.import_module("office_hours")
        clock = Clock()
        clock.advance(EIGHT_O_CLOCK)
        policy = module.OfficeHours(module.OfficeHoursOptions(), clock.seconds)
        reception = Reception(FixedRouter(), RecordingDelivery(), [policy])
        client = serve(reception)
        client.say("EHLO client.example.test")
        self.assertEqual(client.say("MAIL FROM:<joe@sender.test>")[0][:3], "250")
        client.say("RSET")
        clock.advance(12 * 3600)
        self.assertEqual(client.say("MAIL FROM:<joe@sender.test>")[0][:9], "450 4.7.1")
