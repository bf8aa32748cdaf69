"""``mailframe directory``, and what `account`, `alias` and `domain` have in common: the directory they work on."""

from __future__ import annotations

import importlib

import click

from mailframe.config.loading import load
from mailframe.config.schema import Configuration
from mailframe.directory.interfaces import IDirectoryAdmin, IGrantAdmin
from mailframe.directory.options import PasswordOptions
from mailframe.directory.passwords import make_hash
from mailframe.directory.scram_keys import new_keys
from mailframe.message.address import Address, parse_domain, parse_mailbox

from .directory_bulk import export, import_
from .directory_copies import flush, status
from .directory_entries import by_us, entry_of, open_entries
from .directory_history import history
from .errors import Refused

__all__ = ["entry_of", "open_entries"]


@click.group("directory")
def command() -> None:
    """Import and export the directory; see who changed what; look at copies; forget what is remembered."""


command.add_command(flush)
command.add_command(status)
command.add_command(history)
command.add_command(export)
command.add_command(import_)


def admin_of(configuration: Configuration) -> IDirectoryAdmin:
    """The configured directory, for administration.

    Raises:
        Refused: that directory is not kept by commands.
    """
    backends = importlib.import_module("mailframe.roles.backends")
    admin = backends.directory_admin(configuration)
    if not IDirectoryAdmin.providedBy(admin):
        raise Refused(
            f'The directory "{configuration.directory.name}" is not kept by these commands: '
            "accounts, aliases and domains are changed where it has them from."
        )
    return IDirectoryAdmin(by_us(admin))


def open_admin(config: str) -> IDirectoryAdmin:
    """The directory of a configuration file, for administration."""
    return admin_of(load(config))


def open_grants(config: str) -> IGrantAdmin:
    """The directory of a configuration file, for changing who may send as whom.

    Raises:
        Refused: that directory keeps no grants.
    """
    admin = open_admin(config)
    if not IGrantAdmin.providedBy(admin):
        raise Refused(
            "This directory keeps no grants: who may send as whom is written where it has its accounts from."
        )
    return IGrantAdmin(admin)


def hash_of(password: str) -> str:
    """A password as the directory keeps it."""
    return make_hash(password)


def keys_for(configuration: Configuration, password: str) -> tuple[str, ...]:
    """SCRAM keys of a new password, where the configured authenticator offers SCRAM."""
    options = configuration.authenticator.options
    if not isinstance(options, PasswordOptions):
        return ()
    return new_keys(password, options.scram_mechanisms, options.scram_iterations)


def to_mailbox(text: str) -> Address:
    """An address that somebody typed.

    Raises:
        Refused: it is none.
    """
    try:
        return parse_mailbox(text)
    except ValueError as error:
        raise Refused(f"{error}. An address looks like alice@example.test.") from None


def to_domain(text: str) -> str:
    """A domain that somebody typed.

    Raises:
        Refused: it is none.
    """
    try:
        return parse_domain(text)
    except ValueError as error:
        raise Refused(f"{error}. A domain looks like example.test.") from None
