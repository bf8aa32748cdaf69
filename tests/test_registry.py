"""Tests of finding plugins."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import mailframe.plugins
from mailframe import interfaces, registry
from mailframe.registry import (
    Declaration,
    DuplicatePlugin,
    IMailStoreFactory,
    IPluginFactory,
    IPolicyFactory,
    PluginUnavailable,
    UnknownPlugin,
    discover,
    find,
    plugins,
)
from tests.config.plugins import LoopOptions, only_these_plugins

THIRD_PARTY = """
from mailframe.registry import Declaration, IMailStoreFactory

{name} = other_name = Declaration(
    IMailStoreFactory, name="{name}", summary="S", schema="x.Y", implementation="x.z"
)
"""


class RegistryTests(SynchronousTestCase):
    """Plugins are found by kind and name."""

    def setUp(self) -> None:
        """Only the plugins of these tests."""
        only_these_plugins(self)

    def add_package(self, **modules: str) -> None:
        """Install another distribution's modules beside those that are there."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        for name, text in modules.items():
            directory.joinpath(f"{name}.py").write_text(text)
            self.addCleanup(sys.modules.pop, f"mailframe.plugins.{name}", None)
        self.patch(mailframe.plugins, "__path__", [*mailframe.plugins.__path__, os.fspath(directory)])

    def test_find(self) -> None:
        """A plugin gives its schema and builds, both imported then."""
        loops = find(IPolicyFactory, "loops")
        verifyObject(IPolicyFactory, loops)
        self.assertIs(LoopOptions, loops.schema())
        self.assertEqual(("options", "context"), loops.build("options", "context"))

    def test_kinds_are_apart(self) -> None:
        """A policy's name says nothing about stores."""
        self.assertEqual(["away", "maildir"], [plugin.name for plugin in plugins(IMailStoreFactory)])
        self.assertRaises(UnknownPlugin, find, IMailStoreFactory, "loops")

    def test_did_you_mean(self) -> None:
        """A misspelt name is told with what was meant; otherwise with all there are."""
        error = self.assertRaises(UnknownPlugin, find, IMailStoreFactory, "maildri")
        self.assertEqual('no store plugin is called "maildri"; did you mean "maildir"?', str(error))
        error = self.assertRaises(UnknownPlugin, find, IMailStoreFactory, "zzz")
        self.assertEqual('no store plugin is called "zzz"; there is: away, maildir', str(error))

    def test_missing_library(self) -> None:
        """A plugin without its library says what to install, and breaks no other."""
        away = find(IMailStoreFactory, "away")
        error = self.assertRaises(PluginUnavailable, away.schema)
        self.assertEqual(
            'store plugin "away" needs the library "a_library_that_nobody_has", which is not installed; '
            "try: pip install mailframe[away]",
            str(error),
        )
        self.assertRaises(PluginUnavailable, away.build, None, None)
        self.assertRaises(PluginUnavailable, away.check)

    def test_misdeclared(self) -> None:
        """A declaration that names what is not there is told so."""
        for schema, words in (
            ("tests.config.plugins.Nothing", "has no Nothing"),
            ("tests.nothing.Options", "there is no module tests.nothing"),
        ):
            declaration = Declaration(
                IMailStoreFactory, name="x", summary="", schema=schema, implementation="x.y"
            )
            self.assertIn(words, str(self.assertRaises(PluginUnavailable, declaration.schema)))

    def test_third_party(self) -> None:
        """Another package's module is found, each plugin once, in the order of names."""
        self.add_package(theirs=THIRD_PARTY.format(name="cyrus"))
        self.assertEqual(["away", "cyrus", "maildir"], [plugin.name for plugin in plugins(IMailStoreFactory)])
        found, problems = discover()
        self.assertIn(("store", "cyrus", "mailframe.plugins.theirs"),
                      [(one.kind, one.factory.name, one.module) for one in found])  # fmt: skip
        self.assertEqual([], problems)

    def test_duplicates(self) -> None:
        """Two plugins of one name are an error wherever that kind is asked for, and nowhere else."""
        self.add_package(theirs=THIRD_PARTY.format(name="maildir"))
        error = self.assertRaises(DuplicatePlugin, find, IMailStoreFactory, "maildir")
        self.assertIn("mailframe.plugins.for_tests and in mailframe.plugins.theirs", str(error))
        self.assertEqual([str(error)], [problem.text for problem in discover()[1]])
        find(IPolicyFactory, "loops")

    def test_broken_module(self) -> None:
        """A module that cannot be imported is told, and the others work."""
        self.add_package(broken="1 / 0")
        found, problems = discover()
        self.assertTrue(found)
        self.assertEqual(
            [("mailframe.plugins.broken", "cannot be imported: ZeroDivisionError: division by zero")],
            [(problem.module, problem.text) for problem in problems],
        )


class BuiltinTests(SynchronousTestCase):
    """What comes with Mailframe is declared as anybody else's plugins."""

    def test_all_there(self) -> None:
        """Each of our declarations has a summary, and names what can be imported."""
        found, problems = discover()
        self.assertEqual([], problems)
        own = [one for one in found if one.module == "mailframe.plugins.builtin"]
        self.assertGreaterEqual(len(own), 12)
        for one in own:
            verifyObject(registry.KINDS[one.kind], one.factory)
            self.assertTrue(one.factory.summary)
            one.factory.check()

    def test_interfaces_index(self) -> None:
        """Authors find each interface in `mailframe.interfaces`, documented."""
        for name in interfaces.__all__:
            self.assertTrue(getattr(interfaces, name).__doc__, name)
        for kind in registry.KINDS.values():
            self.assertTrue(kind.isOrExtends(IPluginFactory))
            self.assertIs(kind, getattr(interfaces, kind.__name__))
