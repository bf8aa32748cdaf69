"""Builds directories in a site's own tables."""

from __future__ import annotations

from typing import cast

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.mapped.directory import MappedDirectory
from mailframe.directory.mapped.options import MappedOptions, PostgreSQLMapOptions, SQLiteMapOptions
from mailframe.directory.mapped.sources import PostgreSQLSource, Source, SQLiteSource
from mailframe.registry import PluginUnavailable

from .context import Context


def build_sqlite_map(options: SQLiteMapOptions, context: Context) -> IDirectory:
    """In an SQLite file."""
    return _mapped(options, SQLiteSource(options.path, options.timeout), context)


def build_postgresql_map(options: PostgreSQLMapOptions, context: Context) -> IDirectory:
    """In a PostgreSQL database."""
    return _mapped(options, PostgreSQLSource(options.address, options.timeout), context)


def _mapped(options: MappedOptions, source: Source, context: Context) -> IDirectory:
    try:
        return cast(IDirectory, MappedDirectory(options, source, context.reactor))
    except ValueError as error:
        raise PluginUnavailable(f"the mapped directory: {error}") from error
