"""Tests of how the directory in an LDAP server is built."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor
from twisted.trial import unittest

from mailframe.directory.ldap.directory import LDAPDirectory
from mailframe.directory.ldap.options import LDAPOptions
from mailframe.directory.options import PasswordOptions
from mailframe.plugins.builtin import ldap
from mailframe.registry import PluginUnavailable
from mailframe.roles.backends import build_password_authenticator


class BuildTests(unittest.SynchronousTestCase):
    """What stands in the way is said."""

    def test_unsafe(self) -> None:
        """A server elsewhere that would be asked in clear is refused by its URL."""
        context = SimpleNamespace(reactor=None)
        error = self.assertRaises(
            PluginUnavailable, ldap.build, LDAPOptions(("ldap://192.0.2.1",), "dc=test"), context
        )
        self.assertIn("ldap://192.0.2.1 is not on this machine", str(error))

    def test_library_is_missing(self) -> None:
        """Without the library, the administrator reads how to install it."""
        for name in list(sys.modules):
            if name.startswith("mailframe.directory.ldap.") or name == "mailframe.roles.ldap":
                self.patch_out(name)
        self.patch_in("ldap3", None)
        error = self.assertRaises(PluginUnavailable, ldap.check)
        self.assertIn("pip install mailframe[ldap]", str(error))

    def test_scram(self) -> None:
        """SCRAM beside a directory that lets nobody read passwords is refused: clients would try nothing else."""
        source = LDAPDirectory(LDAPOptions(("ldap://127.0.0.1",), "dc=test", login="bind"), reactor)
        name = SimpleNamespace(name="ldap")
        context: Any = SimpleNamespace(directory=source, configuration=SimpleNamespace(directory=name))
        error = self.assertRaises(
            PluginUnavailable, build_password_authenticator, PasswordOptions(scram=True), context
        )
        self.assertIn('the directory "ldap" lets nobody read', str(error))

    def patch_out(self, name: str) -> None:
        """Forget a module until the test is over."""
        self.addCleanup(sys.modules.__setitem__, name, sys.modules.pop(name))

    def patch_in(self, name: str, module: object) -> None:
        """Put something else in a module's place until the test is over."""
        before = sys.modules.get(name)
        self.addCleanup(sys.modules.__setitem__ if before else sys.modules.pop, name, before)
        sys.modules[name] = module  # type: ignore[assignment]
