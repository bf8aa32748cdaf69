"""Grants: addresses, or whole domains, that an account may send from although they are not its own.

A grant's subject is kept as text: ``info@example.net`` for an address, ``@example.net`` for all of a domain.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from mailframe.database.file import Database
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.status import MailframeError

from . import refusals
from .administration import account_txn
from .names import BAD_ADDRESS, checked_domain, comparable_domain, comparable_name, name_of
from .values import Grant


def checked_subject(subject: str) -> str:
    """What somebody wants to grant, in the form it is kept.

    Args:
        subject: an address, or a domain with ``@`` or ``*@`` before it.

    Raises:
        MailframeError: it is neither.
    """
    if subject.startswith(("@", "*@")):
        return "@" + checked_domain(subject.partition("@")[2])
    try:
        return name_of(parse_mailbox(subject))
    except ValueError as error:
        raise MailframeError(BAD_ADDRESS, f"{error}; a whole domain is granted as @example.test") from None


def subjects_of(address: Address) -> tuple[str, str]:
    """The two subjects by which an address may be granted: itself, and its domain."""
    return name_of(address), "@" + comparable_domain(address.domain)


class SQLiteGrants:
    """`IGrantAdmin` over a file; the part of `mailframe.directory.sqlite.SQLiteDirectory` for commands.

    Args:
        database: the file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def grants(self, account: str | None = None) -> Sequence[Grant]:
        """All grants, or those of an account."""
        sql = "SELECT account, subject FROM sender_grant WHERE ?1 IS NULL OR account = ?1 ORDER BY account, subject"
        values = (None if account is None else comparable_name(account),)
        return self._database.run_blocking(lambda c: [Grant(a, s) for a, s in c.execute(sql, values)])

    def grant(self, account: str, subject: str) -> None:
        """Let an account send as somebody."""
        row = (comparable_name(account), checked_subject(subject))
        self._database.run_blocking(lambda c: _grant_txn(c, *row))

    def revoke(self, account: str, subject: str) -> None:
        """Take a grant back."""
        row = (comparable_name(account), checked_subject(subject))
        if not self._database.run_blocking(lambda c: _revoke_txn(c, *row)):
            raise refusals.no_such_grant(*row)


def granted_txn(connection: apsw.Connection, account: str, subjects: tuple[str, str]) -> bool:
    """Has the account a grant for one of these?"""
    sql = "SELECT 1 FROM sender_grant WHERE account = ? AND subject IN (?, ?) LIMIT 1"
    return bool(list(connection.execute(sql, (account, *subjects))))


def _grant_txn(connection: apsw.Connection, account: str, subject: str) -> None:
    if account_txn(connection, account) is None:
        raise refusals.no_such_account(account)
    connection.execute("INSERT OR IGNORE INTO sender_grant VALUES (?, ?)", (account, subject))


def _revoke_txn(connection: apsw.Connection, account: str, subject: str) -> int:
    connection.execute("DELETE FROM sender_grant WHERE account = ? AND subject = ?", (account, subject))
    return connection.changes()
