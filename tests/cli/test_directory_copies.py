"""Tests of ``mailframe directory``."""

from __future__ import annotations

from mailframe.database.sqlite import open_connection
from mailframe.directory.entries import Batch
from mailframe.directory.replica.copy import prepare
from mailframe.directory.replica.rows import State, batch_txn, save_txn
from mailframe.directory.values import Domain
from mailframe.node.control_client import usable_path

from .runner import CommandTestCase
from .servers import control

CONFIG = """
[node]
roles = ["router"]
[directory]
backend = "replica"
[directory.replica]
source = "sqlite"
[tls]
certificates = []
"""


class DirectoryCommandTests(CommandTestCase):
    """Copies and caches."""

    def setUp(self) -> None:
        """A node with a copy of a directory."""
        super().setUp()
        self.config.parent.mkdir()
        self.config.write_text(CONFIG)
        self.copy = self.config.parent / "data" / "directory-copy.sqlite"

    def test_status(self) -> None:
        """How far a copy is, and what is in it."""
        (row,) = self.json_of("directory", "status")
        self.assertEqual(("replica", "not there"), (row["directory"], row["state"]))
        self.copy.parent.mkdir(exist_ok=True)
        prepare(str(self.copy))
        connection = open_connection(str(self.copy))
        with connection:
            batch_txn(connection, Batch("v", [Domain("example.test")]), 0)
            save_txn(connection, State("v", True, 1_000, 1_000))
        connection.close()
        (row,) = self.json_of("directory", "status")
        self.assertEqual(("old", "v", 1, 0), (row["state"], row["version"], row["domains"], row["accounts"]))
        self.assertIn("old", self.on_service("directory", "status").stdout)

    def test_flush(self) -> None:
        """All workers of the node are asked to forget."""
        path = self.config.parent / "c"
        self.config.write_text(f'[node]\ncontrol = "{path}"\n')
        with usable_path(str(path)) as name:
            server = control(
                name, {"ask": {"ok": True, "answers": [{"forgotten": 3}, None, {"forgotten": 4}]}}
            )
        self.addCleanup(server.stop)
        result = self.on_service("directory", "flush", "alice@example.test")
        self.assertEqual("forgotten: 7 answers\n", result.stdout)
        self.assertEqual({"forgotten": 7}, self.json_of("directory", "flush"))
