"""What can be configured of a directory in PostgreSQL."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, Secret, option


@attrs.frozen(kw_only=True)
class PostgreSQLDirectoryOptions:
    """The directory in a database that nodes share, kept by ``mailframe account``, ``alias`` and ``domain``."""

    address: Secret = option(
        "The database as libpq takes it: ``postgresql://mailframe@db.example.test/mail``, or ``host=...``. "
        "It may hold a password: better given by `address_file`."
    )
    connections: int = option(
        "Connections of each worker, besides the one it listens on.", 2, minimum=1, maximum=100
    )
    cache_entries: int = option("How many answers are remembered.", 10_000, minimum=1)
    cache_time: Duration = option(
        "How long an answer is remembered; the database tells of changes at once, and while it cannot, nothing is "
        "remembered.",
        Duration(60.0),
        minimum=0,
    )
    history: int = option(
        "How many changes are remembered, with who made them; copies that are further behind begin anew.",
        1_000_000,
        minimum=1000,
    )
