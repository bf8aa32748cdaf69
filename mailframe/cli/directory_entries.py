"""The directory of a configuration, entry by entry."""

from __future__ import annotations

import importlib
from typing import Any, TypeVar

from mailframe.config.loading import load
from mailframe.directory import refusals
from mailframe.directory.entries import Key
from mailframe.directory.entry_interfaces import IDirectoryEntries

from .errors import Refused
from .shared import actor

T = TypeVar("T")


def open_entries(config: str) -> IDirectoryEntries:
    """The directory of a configuration file, for administration entry by entry.

    Raises:
        Refused: it is not kept by commands.
    """
    configuration = load(config)
    found: Any = importlib.import_module("mailframe.roles.backends").directory_admin(configuration)
    if not IDirectoryEntries.providedBy(found):
        raise Refused(
            f'The directory "{configuration.directory.name}" is not kept by these commands: it is changed where it '
            "has its accounts from."
        )
    entries: IDirectoryEntries = by_us(found)
    return entries


def by_us(admin: Any) -> Any:
    """The same directory, whose history says that this command's user did it."""
    admin.actor = actor()
    return admin


def entry_of(entries: IDirectoryEntries, key: Key, kind: type[T]) -> T:
    """An entry that is there.

    Raises:
        MailframeError: it is not.
    """
    found = entries.entry(key)
    if not isinstance(found, kind):
        raise refusals.no_such(key)
    return found
