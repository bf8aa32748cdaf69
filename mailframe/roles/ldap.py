"""Builds the directory in an LDAP server; imported where it is used, as its library need not be installed."""

from __future__ import annotations

from typing import cast

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.ldap.directory import LDAPDirectory
from mailframe.directory.ldap.options import LDAPOptions
from mailframe.registry import PluginUnavailable

from .context import Context


def build_ldap(options: LDAPOptions, context: Context) -> IDirectory:
    """The directory in an LDAP server."""
    try:
        return cast(IDirectory, LDAPDirectory(options, context.reactor))
    except ValueError as error:
        raise PluginUnavailable(f"the directory ldap: {error}") from error
