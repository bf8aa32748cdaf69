"""What directories have in common that stand in front of others: they provide what those provide, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zope.interface import Interface
from zope.interface.declarations import directlyProvides

from .interfaces import (
    ICredentialSource,
    IDirectory,
    IKeepHash,
    IKeepKeys,
    ISenderGrants,
    IVerifyPasswords,
)

SERVICES: tuple[type[Interface], ...] = (
    ICredentialSource,
    IKeepKeys,
    IKeepHash,
    ISenderGrants,
    IVerifyPasswords,
)
"""What services may ask of a directory, besides `IDirectory`."""


def provide_what(wrapper: Any, sources: Iterable[Any], *own: type[Interface]) -> None:
    """Let a directory provide `IDirectory` and those of `SERVICES` that one of its sources provides.

    Args:
        wrapper: has the methods of all of them.
        sources: what it stands in front of.
        own: what it provides by itself.
    """
    able = tuple(sources)
    found = (one for one in SERVICES if any(one.providedBy(source) for source in able))
    directlyProvides(wrapper, IDirectory, *found, *own)


def domain_of(name: str) -> str:
    """The domain of an account's name; "" where it has none."""
    return name.rpartition("@")[2] if "@" in name else ""
