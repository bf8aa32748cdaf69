"""An SQLite store without threads, whose files break on demand, and short ways to use it."""

from __future__ import annotations

import os
from typing import Any

import apsw

from mailframe.config.types import Size
from mailframe.store.sqlite.account import AccountFile
from mailframe.store.sqlite.backend import FILE
from mailframe.store.sqlite.options import SQLiteStoreOptions
from mailframe.store.sqlite.store import SQLiteStore
from tests.store.maildir.fixture import MaildirCase

OPTIONS = SQLiteStoreOptions(threads=0, mailboxes={"Sent": "\\Sent"}, journal_size=Size(256 * 1024))


class SQLiteCase(MaildirCase):
    """Makes a store; everything is done when it is called."""

    options: Any = OPTIONS

    def started(self, boot: str = "", options: Any = None) -> Any:
        store = SQLiteStore(
            self.directory,
            self.describe,
            self.hints,
            self.clock,
            options or self.options,
            policies=self.policies,
            files=self.files,
            boot=boot or self.boot,
        )
        self.wait(store.start())
        return store

    def file(self, account: str = "alice") -> AccountFile:
        """The account's file, opened by somebody else."""
        file = AccountFile(os.path.join(self.path(account=account), FILE), self.files, self.boot)
        self.addCleanup(file.close)
        return file

    def sound(self, account: str = "alice") -> None:
        """Messages and octets belong together."""
        file = self.file(account)
        found = file.check()
        file.close()
        self.assertFalse(found, found)

    def rows(self, table: str, account: str = "alice") -> int:
        """How many rows a table has."""
        connection = apsw.Connection(self.path(FILE, account=account))
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table}").get)
        finally:
            connection.close()
