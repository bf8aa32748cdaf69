"""What an account has beside its messages: rights, annotations, threads, and what POP3 calls some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailframe.database.postgres_session import Session
from mailframe.store.sharing.rights import Rights, parse, written


class Access:
    """See `mailframe.store.catalogue.interfaces.Access`."""

    def __init__(self, session: Session, account: int) -> None:
        self._session = session
        self._account = account

    def of(self, mailbox_id: str) -> dict[str, Rights]:
        """Rights on a mailbox, by identifier."""
        rows = self._session.rows(
            "SELECT identifier, rights FROM mail_access WHERE account = %s AND mailbox_id = %s",
            (self._account, mailbox_id),
        )
        return {identifier: parse(rights) for identifier, rights in rows}

    def put(self, mailbox_id: str, identifier: str, rights: Rights | None) -> None:
        """Give an identifier these rights, instead of others; None: forget it."""
        key = (self._account, mailbox_id, identifier)
        if rights is None:
            self._session.run(
                "DELETE FROM mail_access WHERE account = %s AND mailbox_id = %s AND identifier = %s", key
            )
        else:
            self._session.run(
                "INSERT INTO mail_access VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (account, mailbox_id, identifier) DO UPDATE SET rights = excluded.rights",
                (*key, written(rights)),
            )

    def identifiers(self) -> set[str]:
        """Who has rights on any mailbox of the account."""
        rows = self._session.rows(
            "SELECT DISTINCT identifier FROM mail_access WHERE account = %s", (self._account,)
        )
        return {identifier for (identifier,) in rows}


class Annotations:
    """See `mailframe.store.catalogue.interfaces.Annotations`."""

    def __init__(self, session: Session, account: int) -> None:
        self._session = session
        self._account = account

    def of(self, mailbox_id: str, user: str) -> dict[str, bytes]:
        """Entries of a mailbox ("" for the account), a user's private ones among them."""
        rows = self._session.rows(
            "SELECT entry, value FROM mail_annotations"
            " WHERE account = %s AND mailbox_id = %s AND owner IN ('', %s)",
            (self._account, mailbox_id, user),
        )
        return dict(rows)

    def put(self, mailbox_id: str, user: str, entry: str, value: bytes | None) -> None:
        """Set an entry; None: remove it.

        Args:
            user: whose private entry it is; "" for a shared one.
        """
        key = (self._account, mailbox_id, user, entry)
        if value is None:
            self._session.run(
                "DELETE FROM mail_annotations"
                " WHERE account = %s AND mailbox_id = %s AND owner = %s AND entry = %s",
                key,
            )
        else:
            self._session.run(
                "INSERT INTO mail_annotations VALUES (%s, %s, %s, %s, %b)"
                " ON CONFLICT (account, mailbox_id, owner, entry) DO UPDATE SET value = excluded.value",
                (*key, value),
            )

    def counts(self, mailbox_id: str) -> dict[str, int]:
        """How many entries of a mailbox everybody has; "" for shared ones."""
        rows = self._session.rows(
            "SELECT owner, count(*) FROM mail_annotations WHERE account = %s AND mailbox_id = %s GROUP BY owner",
            (self._account, mailbox_id),
        )
        return dict(rows)


class Threads:
    """See `mailframe.store.threads.Threads`."""

    def __init__(self, session: Session, account: int) -> None:
        self._session = session
        self._account = account

    def of(self, references: Sequence[int]) -> dict[int, str]:
        """THREADIDs, by those references that are known."""
        rows = self._session.rows(
            "SELECT reference, thread_id FROM mail_threads"
            " WHERE account = %s AND reference = ANY(%s::bigint[])",
            (self._account, list(references)),
        )
        return dict(rows)

    def add(self, found: Mapping[int, str]) -> None:
        """Note references; those that are known stay as they are."""
        self._session.run(
            "INSERT INTO mail_threads SELECT %s, * FROM unnest(%s::bigint[], %s::text[]) ON CONFLICT DO NOTHING",
            (self._account, list(found), list(found.values())),
        )


class Uidls:
    """The table ``mail_uidls``, which has no row for most messages."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, named: Iterable[tuple[int, str]]) -> None:
        """Keep names, by row ids. Needs a writing transaction."""
        pairs = list(named)
        if pairs:
            self._session.run(
                "INSERT INTO mail_uidls SELECT * FROM unnest(%s::bigint[], %s::text[])"
                " ON CONFLICT (id) DO UPDATE SET uidl = excluded.uidl",
                ([id_ for id_, _ in pairs], [uidl for _, uidl in pairs]),
            )

    def of(self, first: int, last: int) -> dict[int, str]:
        """Names of row ids in a range."""
        rows = self._session.rows("SELECT id, uidl FROM mail_uidls WHERE id BETWEEN %s AND %s", (first, last))
        return dict(rows)
