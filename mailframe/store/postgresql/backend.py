"""Where a PostgreSQL store's accounts are: rows of one database. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mailframe.database.postgres_session import Session
from mailframe.store.catalogue.postgresql.catalogue import ROOM as CATALOGUE
from mailframe.store.catalogue.postgresql.catalogue import Catalogue, find
from mailframe.store.files import Files
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.maildrop.maildrop import Maildrop
from mailframe.store.text.postgresql.index import ROOM as TEXTS

from .contents import Contents
from .layout import PostgresLayout
from .removing import remove
from .writing import Latest

ROOMS: Final = (CATALOGUE, "mailframe.store.postgresql", TEXTS)
_PAGE: Final = 5000


def session_of(address: str) -> Session:
    """A connection to a store's database."""
    return Session(address, ROOMS)


class PostgresBackend:
    """See `mailframe.store.maildrop.layout.Backend`.

    Args:
        address: of the database; never logged.
        keywords_limit: keywords a mailbox may have.
    """

    directory = ""
    journalled = False

    def __init__(self, address: str, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._address = address
        self._keywords_limit = keywords_limit
        self.files = Files()

    def start(self) -> None:
        """See `Backend.start`: connect once, and make the tables."""
        session = session_of(self._address)
        try:
            session.row("SELECT 1")
        finally:
            session.close()

    def opener(self) -> PostgresOpener:
        """See `Backend.opener`."""
        return PostgresOpener(session_of(self._address), self._keywords_limit)

    def accounts(self) -> Iterator[str]:
        """See `Backend.accounts`."""
        session, after = session_of(self._address), ""
        try:
            while True:
                rows = session.rows(
                    "SELECT name FROM mail_accounts WHERE NOT removed AND name > %s ORDER BY name LIMIT %s",
                    (after, _PAGE),
                )
                for (name,) in rows:
                    yield name
                if len(rows) < _PAGE:
                    return
                after = rows[-1][0]
        finally:
            session.close()

    def remove(self, drop: Maildrop) -> None:
        """See `Backend.remove`: out of sight in one transaction; its rows go bit by bit."""
        session = session_of(self._address)
        try:
            assert isinstance(drop.catalogue, Catalogue)
            remove(session, drop.catalogue.id)
        finally:
            session.close()


class PostgresOpener:
    """See `mailframe.store.maildrop.layout.Opener`: one connection for all accounts of a thread."""

    def __init__(self, session: Session, keywords_limit: int = KEYWORDS_LIMIT) -> None:
        self._session = session
        self._keywords_limit = keywords_limit
        self._contents = Contents(session)
        self._latest = Latest()

    def exists(self, account: str) -> bool:
        """See `Opener.exists`."""
        return find(self._session, account) is not None

    def catalogue(self, account: str) -> Catalogue:
        """See `Opener.catalogue`."""
        return Catalogue(self._session, account, self._keywords_limit)

    def layout(self, drop: Maildrop) -> PostgresLayout:
        """See `Opener.layout`."""
        assert isinstance(drop.catalogue, Catalogue)
        return PostgresLayout(drop.account, drop.catalogue, self._contents, self._latest)

    def close(self) -> None:
        """See `Opener.close`."""
        self._session.close()
