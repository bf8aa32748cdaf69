"""Directories under several names, and directories that name others."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.loading import loads
from mailframe.config.schema import Configuration


class ReferenceTests(SynchronousTestCase):
    """``[directory.chain]`` with ``members = [...]``."""

    def read(self, text: str) -> Configuration:
        """A configuration."""
        return loads(("[tls]\ncertificates = []\n" + text).encode(), "/srv/mail/mailframe.toml", ["router"])

    def problems(self, text: str) -> list[str]:
        """What is wrong with a text."""
        errors = self.assertRaises(ConfigurationErrors, self.read, text)
        return [str(problem) for problem in errors.problems]

    def test_instances(self) -> None:
        """One plugin is there under two names, each with its own options, and a chain names both."""
        found = self.read(
            """
            [directory]
            backend = "all"
            [directory.all]
            plugin = "chain"
            members = ["staff", "guests"]
            domains = {"example.org" = "staff"}
            [directory.staff]
            plugin = "sqlite"
            path = "staff.sqlite"
            [directory.guests]
            plugin = "memory"
            domains = ["example.test"]
            """
        )
        self.assertEqual(("all", "chain"), (found.directory.name, found.directory.plugin))
        self.assertEqual({"all", "staff", "guests"}, set(found.directories))
        self.assertEqual("/srv/mail/data/staff.sqlite", found.directories["staff"].options.path)
        self.assertEqual(("example.test",), found.directories["guests"].options.domains)

    def test_only_named(self) -> None:
        """A directory that is named has its defaults without a section."""
        found = self.read('[directory]\nbackend = "chain"\n[directory.chain]\nmembers = ["sqlite"]')
        self.assertEqual({"chain", "sqlite"}, set(found.directories))

    def test_unknown(self) -> None:
        """A name that nobody has is told with its place, in options of members as well."""
        (problem,) = self.problems('[directory]\nbackend = "chain"\n[directory.chain]\nmembers = ["staf"]')
        self.assertIn("[directory.chain] members[0]", problem)
        self.assertTrue(self.problems('[directory.staff]\nplugin = "nothing"'))

    def test_circles(self) -> None:
        """What stands on itself is refused, once, with the way it goes."""
        text = """
            [directory]
            backend = "one"
            [directory.one]
            plugin = "chain"
            members = ["two"]
            [directory.two]
            plugin = "chain"
            members = ["sqlite", "one"]
            """
        (problem,) = self.problems(text)
        self.assertIn("one -> two -> one", problem)
        (problem,) = self.problems('[directory.chain]\nmembers = ["chain"]')
        self.assertIn("stands on itself: chain -> chain", problem)

    def test_two_on_one(self) -> None:
        """Several may stand on the same one."""
        text = '[directory.a]\nplugin = "chain"\nmembers = ["sqlite"]\n'
        text += '[directory.chain]\nmembers = ["a", "sqlite"]'
        self.assertIn("a", self.read(text).directories)
