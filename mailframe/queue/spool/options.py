"""What may be said of the places where the queue keeps its mail: ``[spool.sqlite]`` and its like."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, Secret, Size, option


@attrs.frozen(kw_only=True)
class SQLiteSpoolOptions:
    """``[spool.sqlite]``: files in the data directory, for one machine."""

    directory: DataPath = option("The directory of the database and of large messages.", DataPath("queue"))
    in_rows: Size = option(
        "Messages up to so many octets lie in the database, larger ones in files of their own.",
        Size(256 * 1024),
        minimum=0,
        maximum=16 * 1024 * 1024,
    )


@attrs.frozen(kw_only=True)
class PostgreSQLSpoolOptions:
    """``[spool.postgresql]``: a database that several nodes share; others take up the work of one that died."""

    address: Secret = option(
        "The database as libpq takes it: ``postgresql://mailframe@db.example.test/mail``, or ``host=...``. "
        "It may hold a password: better given by `address_file`."
    )
    connections: int = option(
        "Connections of each worker, besides the one it listens on.", 4, minimum=1, maximum=100
    )


@attrs.frozen(kw_only=True)
class MemorySpoolOptions:
    """``[spool.memory]``: forgets everything when the process ends; for tests and examples."""
