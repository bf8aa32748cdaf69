"""Builds the places where the queue keeps its mail, for services and for commands."""

from __future__ import annotations

import time
from typing import Any, cast

from mailframe.config.schema import Configuration
from mailframe.queue.interfaces import ISpool
from mailframe.queue.spool.options import MemorySpoolOptions, PostgreSQLSpoolOptions, SQLiteSpoolOptions
from mailframe.registry import PluginUnavailable

from .context import Context


def build_sqlite(options: SQLiteSpoolOptions, context: Context) -> ISpool:
    """Files of this machine, which its workers share."""
    return _sqlite(options, context.reactor)


def build_postgresql(options: PostgreSQLSpoolOptions, context: Context) -> ISpool:
    """A database that nodes share."""
    return _postgresql(options, context.reactor)


def build_memory(options: MemorySpoolOptions, context: Context) -> ISpool:
    """Nothing that lasts. Of several workers each would have its own mail, so there must be one only."""
    from mailframe.queue.spool.memory import MemorySpool

    if context.configuration.node.workers > 1:
        raise PluginUnavailable("the memory spool is of one process: set workers = 1 in [node]")
    return cast(ISpool, MemorySpool(context.reactor.seconds))


def spool_for_commands(configuration: Configuration) -> ISpool | None:
    """The configured spool without a reactor; None where commands cannot see into it."""
    options = configuration.spool.options
    if isinstance(options, SQLiteSpoolOptions):
        return _sqlite(options, None)
    if isinstance(options, PostgreSQLSpoolOptions):
        return _postgresql(options, None)
    return None


def _sqlite(options: SQLiteSpoolOptions, reactor: Any) -> ISpool:
    from mailframe.queue.spool.sqlite.spool import SQLiteSpool

    return cast(ISpool, SQLiteSpool(options.directory, reactor, row_limit=options.in_rows))


def _postgresql(options: PostgreSQLSpoolOptions, reactor: Any) -> ISpool:
    # The library need not be installed where it is not used.
    from mailframe.queue.spool.postgresql.spool import PostgreSQLSpool

    return cast(ISpool, PostgreSQLSpool(options.address, reactor, time.time, connections=options.connections))
