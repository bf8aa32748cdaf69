"""One plugin under several names, and sections that are lists."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.loading import loads
from mailframe.config.schema import Configuration

from .plugins import only_these_plugins


class Case(SynchronousTestCase):
    """Texts, as if they were files."""

    def setUp(self) -> None:
        only_these_plugins(self)

    def read(self, text: str) -> Configuration:
        """A configuration."""
        return loads(text.encode(), "/srv/mail/mailframe.toml")

    def problems(self, text: str) -> list[str]:
        """What is wrong with a text, without the file's name."""
        errors = self.assertRaises(ConfigurationErrors, self.read, text)
        return [str(problem).partition(".toml:")[2] for problem in errors.problems]


class SeveralTests(Case):
    """``[delivery.slow]`` with ``plugin = "smarthost"``."""

    def test_two(self) -> None:
        """One plugin is there twice, each time with its own options, and either can be named."""
        configuration = self.read(
            """
            node.roles = ["mx"]
            [delivery.smarthost]
            host = "a"
            [delivery.slow]
            plugin = "smarthost"
            host = "b"
            [queue]
            slow_way = "slow"
            [routing]
            default = "smarthost"
            """
        )
        found = configuration.deliveries
        self.assertEqual("a", found["smarthost"].options.host)
        self.assertEqual("b", found["slow"].options.host)
        self.assertEqual(("slow", "smarthost"), (found["slow"].name, found["slow"].plugin))
        self.assertEqual(("slow", "smarthost"), (configuration.queue.slow_way, configuration.routing.default))

    def test_only_under_another_name(self) -> None:
        """The plugin's own name need not be used."""
        configuration = self.read('[delivery.slow]\nplugin = "smarthost"\nhost = "b"\n[node]\nroles = ["mx"]')
        self.assertNotIn("smarthost", configuration.deliveries)
        self.assertEqual("b", configuration.deliveries["slow"].options.host)

    def test_wrong(self) -> None:
        """Options are checked under any name; an unknown plugin is told where it is named."""
        self.assertEqual(
            [
                "1: [delivery.slow] host: is required: Which.",
                '3: [delivery.slow] hots: unknown key; did you mean "host"?',
            ],
            self.problems('[delivery.slow]\nplugin = "smarthost"\nhots = "b"\n[node]\nroles = ["mx"]'),
        )
        (problem,) = self.problems('[delivery.slow]\nplugin = "smart"\n[node]\nroles = ["mx"]')
        self.assertIn('2: [delivery.slow] plugin: no delivery plugin is called "smart"', problem)
        (problem,) = self.problems('[delivery.slow]\nplugin = 7\n[node]\nroles = ["mx"]')
        self.assertIn("[delivery.slow] plugin: no delivery plugin is called", problem)

    def test_not_the_name_of_another(self) -> None:
        """A name says what it is: a plugin cannot go by the name of another."""
        (problem,) = self.problems(
            '[delivery.remote]\nplugin = "smarthost"\nhost = "b"\n[node]\nroles = ["mx"]'
        )
        self.assertIn('"remote" is the name of another plugin', problem)

    def test_unknown(self) -> None:
        """A name that no section explains is an error where it is used."""
        (problem,) = self.problems('[queue]\nslow_way = "slow"\n[node]\nroles = ["mx"]')
        self.assertIn('2: [queue] slow_way: no delivery plugin is called "slow"', problem)


class ListTests(Case):
    """``[[shaping]]`` and its like."""

    def test_order(self) -> None:
        """Rules come in the order of the file; without any there are none."""
        configuration = self.read(
            '[[shaping]]\ndomains = ["a.test"]\n[[shaping]]\ndomains = ["b.test"]\n[node]\nroles = ["mx"]'
        )
        self.assertEqual([["a.test"], ["b.test"]], [rule.domains for rule in configuration.shaping])
        self.assertEqual([], configuration.tls_policy)
        self.assertIsNone(configuration.tlsrpt)

    def test_wrong(self) -> None:
        """A fault has its line, and what is no list is told so."""
        self.assertEqual(
            ['4: [shaping] [1].messages_per_hour: expected a whole number, got "many"'],
            self.problems(
                '[[shaping]]\ndomains = ["a.test"]\n[[shaping]]\nmessages_per_hour = "many"\n[node]\nroles = ["mx"]'
            ),
        )
        (problem,) = self.problems('[shaping]\ndomains = ["a.test"]\n[node]\nroles = ["mx"]')
        self.assertIn("expected [[shaping]] in double brackets", problem)

    def test_routes(self) -> None:
        """Rules of routes name deliveries, which must be there."""
        (problem,) = self.problems(
            '[[routing.rules]]\ndomains = ["a.test"]\nway = "smart"\n[node]\nroles = ["mx"]'
        )
        self.assertIn('3: [routing] rules[0].way: no delivery plugin is called "smart"', problem)
