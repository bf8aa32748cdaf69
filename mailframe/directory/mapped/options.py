"""What can be configured of directories in a site's own tables."""

from __future__ import annotations

import attrs

from mailframe.config.types import Duration, FilePath, Secret, option

_PARAMETERS = "Parameters: `:address` (as names are compared), `:local`, `:domain`."


@attrs.frozen(kw_only=True)
class MappedOptions:
    """Queries; each finds by names of columns what it is to find."""

    account_query: str = option(
        "Finds an account: columns `password` (as `{SCHEME}...`, or as crypt writes it), and where they are there "
        "`name` (the address that the account has, where it can be asked for by others), `enabled`, `quota` "
        "(octets), `store`, `forwards` (addresses with commas or spaces between), `keeps_copy`. "
        + _PARAMETERS,
    )
    alias_query: str = option(
        "Finds what an address stands for: a column `target`, with one address a row or several with commas between. "
        "None where there are no aliases. " + _PARAMETERS,
        "",
    )
    domains: tuple[str, ...] = option("Local domains that no query finds.", ())
    domain_query: str = option(
        "Finds a local domain: a row where `:domain` is one; a column `alias_of` where it is another name of that "
        "domain, and `catch_all` with addresses that get what nobody has.",
        "",
    )
    grants_query: str = option(
        "Finds who may send as whom: a row where the account `:account` may use `:address`, of `:domain`.", ""
    )
    password_scheme: str = option(
        "The scheme of passwords that have neither `{SCHEME}` nor a crypt's `$` in front; with none, they let "
        "nobody in.",
        "",
    )
    connections: int = option("Connections, and threads, of each worker.", 4, minimum=1, maximum=64)
    queue: int = option("Questions that may wait for a connection; more are refused for now.", 256, minimum=0)
    timeout: Duration = option("How long a query may take.", Duration(5.0), minimum=0.1)


@attrs.frozen(kw_only=True)
class SQLiteMapOptions(MappedOptions):
    """Tables in an SQLite file, which is only read."""

    path: FilePath = option("The database file.")


@attrs.frozen(kw_only=True)
class PostgreSQLMapOptions(MappedOptions):
    """Tables in a PostgreSQL database; read only."""

    address: Secret = option(
        "The database as libpq takes it: ``postgresql://mailframe@db.example.test/mail``, or ``host=...``. "
        "It may hold a password: better given by `address_file`."
    )
