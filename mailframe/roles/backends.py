"""What the plugins of `mailframe.plugins.builtin` are built by: options and context in, a concrete object out."""

from __future__ import annotations

import os
from typing import cast

import attrs

from mailframe.config.schema import Choice, Configuration
from mailframe.config.types import Secret
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.even import EvenRefusals
from mailframe.directory.file.directory import FileDirectory
from mailframe.directory.file.options import FileDirectoryOptions
from mailframe.directory.interfaces import (
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    ITokens,
    IVerifyPasswords,
)
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import MemoryDirectoryOptions, PasswordOptions, SQLiteOptions
from mailframe.directory.postgresql.options import PostgreSQLDirectoryOptions
from mailframe.directory.salts import kept_secret
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.filters.options import TraceOptions
from mailframe.filters.trace import TraceFilter
from mailframe.imap.wire.description import describe
from mailframe.message.address import parse_mailbox
from mailframe.message.status import MailframeError
from mailframe.policy.helo import HeloPolicy
from mailframe.policy.login import LoginPolicy
from mailframe.policy.loops import LoopPolicy
from mailframe.policy.options import HeloOptions, LoginOptions, LoopOptions
from mailframe.queue.interfaces import ISpool
from mailframe.registry import PluginUnavailable
from mailframe.store.interfaces import IMailStore
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.mbox.options import MboxOptions
from mailframe.store.mbox.store import MboxStore
from mailframe.store.memory import MemoryStore
from mailframe.store.options import MemoryStoreOptions
from mailframe.store.postgresql.options import PostgreSQLStoreOptions
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore

from .context import Context
from .health import disk_writable

SALTS = "salts.key"
"""File in the data directory."""

# Stores.


def build_maildir(options: MaildirOptions, context: Context) -> MaildirStore:
    """The Maildir store."""
    context.checks["store"] = disk_writable(context.reactor, options.directory)
    return MaildirStore(
        options.directory, describe, context.hints, context.reactor, options, policies=context.store_policies
    )


def build_mbox(options: MboxOptions, context: Context) -> MboxStore:
    """The mbox store."""
    context.checks["store"] = disk_writable(context.reactor, options.directory)
    return MboxStore(
        options.directory, describe, context.hints, context.reactor, options, policies=context.store_policies
    )


def build_sqlite_store(options: SQLiteStoreOptions, context: Context) -> SQLiteStore:
    """The store in SQLite files."""
    context.checks["store"] = disk_writable(context.reactor, options.directory)
    return SQLiteStore(
        options.directory, describe, context.hints, context.reactor, options, policies=context.store_policies
    )


def build_postgresql_store(options: PostgreSQLStoreOptions, context: Context) -> IMailStore:
    """The store in a database that nodes share."""
    # The library need not be installed where it is not used.
    from mailframe.store.postgresql.store import PostgresStore

    store = PostgresStore(describe, context.hints, context.reactor, options, policies=context.store_policies)
    context.checks["store"] = store.answers
    return cast(IMailStore, store)


def build_memory_store(options: MemoryStoreOptions, context: Context) -> MemoryStore:
    """The store that forgets. Of several workers each would have its own mail, so there must be one only."""
    if context.configuration.node.workers > 1:
        raise PluginUnavailable("the memory store is of one process: set workers = 1 in [node]")
    return MemoryStore(describe, context.hints, context.reactor)


# Directories.


def build_sqlite_directory(options: SQLiteOptions, context: Context) -> SQLiteDirectory:
    """The directory in a file."""
    return SQLiteDirectory(options.path, context.reactor, options)


def build_postgresql_directory(options: PostgreSQLDirectoryOptions, context: Context) -> IDirectory:
    """The directory in a database that nodes share."""
    from mailframe.directory.postgresql.directory import PostgreSQLDirectory

    return cast(IDirectory, PostgreSQLDirectory(options, context.reactor))


def build_memory_directory(options: MemoryDirectoryOptions, context: Context) -> MemoryDirectory:
    """The directory in the configuration."""
    try:
        directory = MemoryDirectory(options.domains, options.accounts)
        for address, targets in options.aliases.items():
            directory.set_alias(parse_mailbox(address), list(map(parse_mailbox, targets)))
    except ValueError as error:
        raise PluginUnavailable(f"the directory in the configuration: {error}") from error
    except MailframeError as error:
        raise PluginUnavailable(f"the directory in the configuration: {error.status.text}") from error
    return directory


def build_file_directory(options: FileDirectoryOptions, context: Context) -> FileDirectory:
    """The directory in text files."""
    if options.accounts is None and options.aliases is None:
        raise PluginUnavailable('the directory "file" has no file: name one as accounts, or as aliases')
    directory = FileDirectory(options, context.reactor)
    context.warnings["directory files"] = directory.health
    return directory


def build_password_authenticator(options: PasswordOptions, context: Context) -> EvenRefusals:
    """Checks passwords against the directory, and does not tell by its refusals which accounts there are."""
    source = context.directory
    if not ICredentialSource.providedBy(source):
        name = context.configuration.directory.name
        raise PluginUnavailable(f'the directory "{name}" has no passwords that could be checked')
    if options.scram_mechanisms and IVerifyPasswords.providedBy(source):
        raise PluginUnavailable(
            f'[authenticator.password] scram: the directory "{context.configuration.directory.name}" lets nobody '
            "read passwords, which SCRAM needs; leave it out"
        )
    checks = PasswordAuthenticator(
        cast(ICredentialSource, source),
        context.reactor,
        _with_salts(options, context),
        None,
        _tokens(options, context),
        context.tallies,
    )
    return EvenRefusals(checks, context.reactor)


def _with_salts(options: PasswordOptions, context: Context) -> PasswordOptions:
    """With a secret that all workers share, where SCRAM is offered."""
    if options.salt_secret is not None or not options.scram_mechanisms:
        return options
    return attrs.evolve(options, salt_secret=Secret(kept_secret(os.path.join(context.data, SALTS))))


def _tokens(options: PasswordOptions, context: Context) -> ITokens | None:
    if options.oauth is None:
        return None
    # A web client and signatures, which most nodes need not load.
    from mailframe.directory.tokens import tokens_of

    try:
        return tokens_of(options.oauth, context.reactor)
    except ValueError as error:
        raise PluginUnavailable(f"[authenticator.password] oauth: {error}") from error


def directory_admin(configuration: Configuration, choice: Choice | None = None) -> IDirectoryAdmin | None:
    """A directory for commands, without a reactor; None when commands cannot change it.

    Args:
        configuration: a checked one.
        choice: which directory; the configured one by default.
    """
    # Directories of several parts, which most nodes need not load.
    from .directories import composed_admin

    options = (choice or configuration.directory).options
    if isinstance(options, SQLiteOptions):
        return cast(IDirectoryAdmin, SQLiteDirectory(options.path, None, options))
    if isinstance(options, PostgreSQLDirectoryOptions):
        from mailframe.directory.postgresql.directory import PostgreSQLDirectory

        return cast(IDirectoryAdmin, PostgreSQLDirectory(options, None))
    return composed_admin(configuration, options)


# Policies and filters.


def build_loops(options: LoopOptions, context: Context) -> LoopPolicy:
    """Refuses mail that goes round in circles."""
    return LoopPolicy(options.limit)


def build_helo(options: HeloOptions, context: Context) -> HeloPolicy:
    """Refuses greetings that are no host name."""
    return HeloPolicy(options.qualified)


def build_login(options: LoginOptions, context: Context) -> LoginPolicy:
    """Refuses senders who have not logged in."""
    return LoginPolicy(options.own_address_only, options.networks)


def build_trace(options: TraceOptions, context: Context) -> TraceFilter:
    """Adds the Received field."""
    return TraceFilter(context.hostname, context.reactor)


# Spools.


def spool_for_commands(configuration: Configuration) -> ISpool | None:
    """The spool of the queue for commands, without a reactor; None where commands cannot see into it."""
    from .spools import spool_for_commands as found

    return found(configuration)
