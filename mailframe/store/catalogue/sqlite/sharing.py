"""Who may do what with a mailbox, and annotations, in the catalogue's file."""

from __future__ import annotations

import apsw

from mailframe.store.sharing.rights import Rights, parse, written


class Access:
    """The table ``access``. What writes needs a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute

    def of(self, mailbox_id: str) -> dict[str, Rights]:
        """Rights on a mailbox, by identifier."""
        rows = self._execute("SELECT identifier, rights FROM access WHERE mailbox_id = ?", (mailbox_id,))
        return {identifier: parse(rights) for identifier, rights in rows}

    def put(self, mailbox_id: str, identifier: str, rights: Rights | None) -> None:
        """Give an identifier these rights, instead of others; None: forget it."""
        if rights is None:
            self._execute(
                "DELETE FROM access WHERE mailbox_id = ? AND identifier = ?", (mailbox_id, identifier)
            )
        else:
            self._execute(
                "INSERT OR REPLACE INTO access VALUES (?, ?, ?)", (mailbox_id, identifier, written(rights))
            )

    def identifiers(self) -> set[str]:
        """Who has rights on any mailbox of the account."""
        return {identifier for (identifier,) in self._execute("SELECT DISTINCT identifier FROM access")}


class Annotations:
    """The table ``annotations``. What writes needs a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute

    def of(self, mailbox_id: str, user: str) -> dict[str, bytes]:
        """Entries of a mailbox ("" for the account), a user's private ones among them."""
        rows = self._execute(
            "SELECT entry, value FROM annotations WHERE mailbox_id = ? AND user IN ('', ?)",
            (mailbox_id, user),
        )
        return dict(rows)

    def put(self, mailbox_id: str, user: str, entry: str, value: bytes | None) -> None:
        """Set an entry; None: remove it.

        Args:
            user: whose private entry it is; "" for a shared one.
        """
        if value is None:
            self._execute(
                "DELETE FROM annotations WHERE mailbox_id = ? AND user = ? AND entry = ?",
                (mailbox_id, user, entry),
            )
        else:
            self._execute(
                "INSERT OR REPLACE INTO annotations VALUES (?, ?, ?, ?)", (mailbox_id, user, entry, value)
            )

    def counts(self, mailbox_id: str) -> dict[str, int]:
        """How many entries of a mailbox everybody has; "" for shared ones."""
        return dict(
            self._execute(
                "SELECT user, count(*) FROM annotations WHERE mailbox_id = ? GROUP BY user", (mailbox_id,)
            )
        )
