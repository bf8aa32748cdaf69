"""What can be configured of the PostgreSQL store."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, Secret, option
from mailframe.store.maildrop.options import MaildropOptions


@attrs.frozen(kw_only=True)
class PostgreSQLStoreOptions(MaildropOptions):
    """Mail in a PostgreSQL database that several nodes share. Each thread has a connection of its own."""

    address: Secret = option(
        "The database as libpq takes it: ``postgresql://mailframe@db.example.test/mail``, or ``host=...``. "
        "It may hold a password: better given by `address_file`."
    )
    sweep: Duration = option(
        "How often octets of removed messages are looked for, to be removed as well. One node at a time does it, and "
        "some at a time.",
        Duration(60.0),
        validator=attrs.validators.ge(1),
    )
