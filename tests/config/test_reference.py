"""Tests of the reference that is made from schemas."""

from __future__ import annotations

from docutils.core import publish_doctree
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.describe import describe_options
from mailframe.config.reference import reference
from mailframe.config.schema import NodeOptions

from .plugins import MXOptions, TokenOptions, only_these_plugins


class DescriptionTests(SynchronousTestCase):
    """Each option is described as it can be given."""

    def test_options(self) -> None:
        """Type, default and bounds, tables inside included, what is hidden left out."""
        described = {one.key: one for one in describe_options(MXOptions)}
        self.assertEqual('``["tcp:25"]``', described["listen"].default)
        self.assertEqual("list of listener", described["listen"].type)
        self.assertEqual('duration, at least "1s"', described["timeout"].type)
        self.assertEqual('``"5m"``', described["timeout"].default)
        self.assertEqual('one of ``"refuse"``, ``"normalise"``', described["mode"].type)
        self.assertEqual("``7``", described["limits.recipients"].default)
        self.assertEqual('``"25 MB"``', described["limits.size"].default)
        self.assertEqual("list of name of a policy plugin", described["policies"].type)
        self.assertNotIn("limits.hidden", described)
        self.assertEqual("", described["postmaster"].default)

    def test_required(self) -> None:
        """What must be given is said to be."""
        self.assertTrue(describe_options(TokenOptions)[0].required)

    def test_defaults_of_the_machine(self) -> None:
        """A default that depends on the machine is told in words, not as it is here."""
        described = {one.key: one for one in describe_options(NodeOptions)}
        self.assertEqual("the machine's full name", described["hostname"].default)

    def test_reference(self) -> None:
        """The reference has every section and plugin, and is reStructuredText without faults."""
        only_these_plugins(self)
        self.patch_broken_away()
        text = reference()
        for title in (
            "[node]",
            "[log]",
            "[tls]",
            "[directory]",
            "[role.mx]",
            "[store.maildir]",
            "[policy.loops]",
        ):
            self.assertIn(f"\n{title}\n", "\n" + text)
        self.assertIn("a_library_that_nobody_has", text)
        document = publish_doctree(text, settings_overrides={"report_level": 5, "warning_stream": False})
        self.assertEqual([], [str(node) for node in document.findall() if node.tagname == "system_message"])

    def patch_broken_away(self) -> None:
        """The schema that is broken on purpose is of no use here."""
        from mailframe.plugins import for_tests

        self.patch(for_tests, "broken", None)
