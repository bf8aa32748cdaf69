"""Tests of ``mailframe catch-all``."""

from __future__ import annotations

import os

from mailframe.message.address import parse_mailbox
from mailframe.routing.catch_all.kept import FILE, CaughtAddresses, Count
from mailframe.testing.smtp import run

from .runner import CommandTestCase


class CatchAllTests(CommandTestCase):
    """What came for nobody."""

    def setUp(self) -> None:
        """A service, and what its catch-all took."""
        super().setUp()
        self.make_service()
        self.path = self.config.parent / "data" / FILE

    def test_nothing(self) -> None:
        """Before anything was caught there is nothing to tell, and looking makes no file."""
        self.assertEqual("Nothing was caught.\n", self.on_service("catch-all", "report").stdout)
        self.assertIn(
            "Nothing is known", self.on_service("catch-all", "forget", "x@example.test", code=1).output
        )
        self.assertFalse(self.path.exists())

    def test_report(self) -> None:
        """What was taken is told for people and for programs."""
        kept = CaughtAddresses(str(self.path), None)
        run(kept.count([(parse_mailbox("shop@example.test"), Count(3, 1))], 1_800_000_000, 0, 100))
        (row,) = self.json_of("catch-all", "report", "example.test")
        self.assertEqual(
            ("shop@example.test", 3, 1, 0, "2027-01-15T08:00:00+00:00", ""),
            tuple(row[key] for key in ("address", "taken", "notices", "refused", "last", "dead")),
        )
        self.assertIn("shop@example.test", self.on_service("catch-all", "report").stdout)
        self.assertEqual([], self.json_of("catch-all", "report", "example.org"))

    def test_owner(self) -> None:
        """What root's command makes belongs to whom the data directory belongs, so that the node can go on writing."""
        given: list[tuple[str, int, int]] = []
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "chown", lambda name, user, group: given.append((str(name), user, group)))
        self.on_service("catch-all", "refuse", "a@example.test")
        owner = self.path.parent.stat()
        self.assertIn((str(self.path), owner.st_uid, owner.st_gid), given)

    def test_refuse(self) -> None:
        """Addresses are refused by name, and taken again."""
        self.on_service("catch-all", "refuse", "a@example.test", "B@example.test")
        rows = self.json_of("catch-all", "report", "--dead")
        self.assertEqual(
            [("a@example.test", "named"), ("b@example.test", "named")],
            [(r["address"], r["dead"]) for r in rows],
        )
        self.on_service("catch-all", "forget", "b@example.test")
        self.assertEqual(1, len(self.json_of("catch-all", "report")))
        self.assertIn("nobody", self.on_service("catch-all", "refuse", "nobody", code=2).output)
