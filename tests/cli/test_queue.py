"""Tests of ``mailframe queue``."""

from __future__ import annotations

import json
import time
from typing import Any

from click.testing import Result
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli import queue_changes, queue_spool
from mailframe.cli.queue_rows import span
from mailframe.message.address import parse_mailbox
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.queue.values import Change, Listed, Place, QueuedMessage, QueuedRecipient, Selection, State

from .runner import ALICE, CommandTestCase
from .spool import ListSpool

OCTETS = b"Subject: Offer\x07\r\n\r\nBuy!\r\n"
NOW = 1_800_000_000.0


def message(queue_id: str, *recipients: tuple[str, State], reason: str = "") -> Listed:
    """A message in the queue, two hours old."""
    origin = Origin("S", "192.0.2.1", login=ALICE)
    facts = QueuedMessage(
        queue_id,
        Envelope(parse_mailbox(ALICE)),
        origin,
        NOW - 7201,
        NOW + 86400,
        size=24,
        account=ALICE,
        reason=reason,
    )
    some = [
        QueuedRecipient(
            number,
            Recipient(parse_mailbox(address)),
            Place(f"remote:{address.partition('@')[2]}"),
            state,
            NOW + 290,
            attempts=2,
            attempted=NOW - 61,
            status=Status((4, 4, 1), "No answer") if state is State.DUE else None,
            host="mx.example.net" if state is State.DUE else "",
        )
        for number, (address, state) in enumerate(recipients)
    ]
    return Listed(facts, some)


class QueueTestCase(CommandTestCase):
    """A test with mail in a queue."""

    def setUp(self) -> None:
        """Three messages."""
        super().setUp()
        self.make_service()
        self.patch(time, "time", lambda: NOW)
        several = [(f"r{number}@example.net", State.DUE) for number in range(5)]
        self.spool = ListSpool(
            [
                message("A1", *several),
                message("B2", ("bob@example.org", State.HELD), reason="Over a limit"),
                message("C3", ("x@example.org", State.LEASED), ("y@example.net", State.DUE)),
            ],
            OCTETS,
        )
        self.patch(queue_spool, "spool_of", lambda configuration: self.spool)

    def tearDown(self) -> None:
        """What was opened was closed."""
        self.assertEqual(self.spool.running, 0)

    def queue(self, *arguments: str, stdin: str = "", code: int = 0) -> Result:
        """Run ``mailframe queue``."""
        return self.on_service("queue", *arguments, stdin=stdin, code=code)

    def states(self, queue_id: str) -> list[State]:
        """How the recipients of a message stand."""
        return [one.state for one in self.spool.messages[queue_id].recipients]


class ListTests(QueueTestCase):
    """Mail in the queue is listed, and shown."""

    def test_list(self) -> None:
        """A line a message, with what is the most important."""
        text = self.queue("list").stdout
        for word in (
            "A1",
            "2h",
            ALICE,
            "r2@example.net and 2 more",
            "due",
            "in 4m",
            "4.4.1 No answer",
            "Over a limit",
        ):
            self.assertIn(word, text)
        self.assertIn("1 leased, 1 due", text)
        self.assertIn("B2", self.queue("list", "B2", "NONE").stdout)
        self.spool.messages.clear()
        self.assertIn("No such mail", self.queue("list").stdout)
        self.assertEqual(self.json_of("queue", "list"), [])

    def test_json(self) -> None:
        """Everything, for programs."""
        rows = self.json_of("queue", "list")
        self.assertEqual([row["id"] for row in rows], ["A1", "B2", "C3"])
        self.assertEqual(len(rows[0]["recipients"]), 5)
        one = rows[0]["recipients"][0]
        self.assertEqual(
            (one["state"], one["destination"], one["attempts"]), ("due", "remote:example.net", 2)
        )
        self.assertEqual(rows[1]["reason"], "Over a limit")

    def test_limit(self) -> None:
        """Of much mail people see the oldest, and are told so."""
        result = self.queue("list", "--limit", "2")
        self.assertNotIn("C3", result.stdout)
        self.assertIn("These are the oldest 2", result.stderr)
        self.assertNotIn("oldest", self.queue("list", "--limit", "3").stderr)
        self.assertIn("C3", self.queue("list", "--limit", "0").stdout)
        many = [message(f"M{number:04}", ("a@example.net", State.DUE)) for number in range(1201)]
        self.spool.messages = {listed.message.queue_id: listed for listed in many}
        self.assertEqual(len(self.json_of("queue", "list")), 1201)

    def test_filters(self) -> None:
        """What filters mean."""
        words = (
            "--sender",
            "a*",
            "--account",
            "x",
            "--recipient",
            "b*",
            "--domain",
            "Example.ORG",
            "--reason",
            "full",
        )
        more = ("--destination", "remote:d", "--queue", "slow", "--state", "held", "--state", "due")
        self.queue("list", *words, *more, "--older", "2h", "--newer", "3d")
        expected = Selection(
            sender="a*", account="x", recipient="b*", domain="example.org", destination="remote:d", queue="slow",
            states=(State.HELD, State.DUE), reason="full",
            arrived_before=NOW - 7200, arrived_after=NOW - 3 * 86400,
        )  # fmt: skip
        self.assertEqual(self.spool.selections[0], expected)
        self.assertIn("a duration", self.queue("list", "--older", "soon", code=2).stderr)
        self.queue("list", "--state", "dead", code=2)

    def test_show(self) -> None:
        """One message: facts for people and programs, or the message itself."""
        text = self.queue("show", "A1").stdout
        for word in (
            "A1",
            ALICE,
            "192.0.2.1",
            "<r4@example.net>",
            "Offer",
            "tried 2 times",
            "mx.example.net said: 4.4.1",
        ):
            self.assertIn(word, text)
        self.assertNotIn("\x07", text)
        self.assertEqual(self.json_of("queue", "show", "B2")["recipients"][0]["state"], "held")
        self.assertEqual(self.queue("show", "A1", "--content").stdout_bytes, OCTETS)
        self.assertIn("There is no message", self.queue("show", "Z9", code=1).stderr)
        self.spool.gone.add("A1")
        self.assertIn("cannot be read: its octets are damaged", self.queue("show", "A1").stdout)

    def test_stat(self) -> None:
        """How full the queue is, what is closed, and what there is the most of."""
        text = self.queue("stat").stdout
        for word in (
            "messages 2, octets 700",
            "2023-11-14T22:13:20+00:00",
            "slow",
            "remote:example.org",
            "No answer",
        ):
            self.assertIn(word, text)
        facts = self.json_of("queue", "stat")
        self.assertEqual(facts["recipients"], {"normal": {"due": 3}, "slow": {"held": 1}})
        self.assertEqual(facts["closed"][0]["failures"], 4)
        counts = self.json_of("queue", "stat", "--by", "domain")
        self.assertEqual(counts[0], {"domain": "example.net", "recipients": 6})
        for by in ("destination", "sender", "account", "reason", "queue"):
            self.assertEqual(
                sum(row["recipients"] for row in self.json_of("queue", "stat", "--by", by)), 8, by
            )
        self.queue("stat", "--domain", "example.net", code=2)

    def test_no_queue(self) -> None:
        """A node without a queue says so."""
        self.patch(queue_spool, "spool_of", lambda configuration: None)
        self.assertIn("has no queue", self.queue("list", code=1).stderr)


class SpoolTests(CommandTestCase):
    """Commands find the queue of the configuration."""

    def test_none_yet(self) -> None:
        """Before a node has made its queue, commands say so, and make nothing."""
        self.make_service()
        self.assertIn("There is no queue yet", self.on_service("queue", "list", code=1).stderr)
        self.assertFalse((self.config.parent / "data" / "queue").exists())


class ChangeTests(QueueTestCase):
    """Mail in the queue is changed; what is being delivered is left alone."""

    def test_hold_and_release(self) -> None:
        """Held mail waits until it is released."""
        self.assertEqual(self.queue("hold", "A1").stdout, "held: 5 recipients of 1 message\n")
        self.assertEqual(set(self.states("A1")), {State.HELD})
        self.assertEqual(self.spool.changes[0][3], Status((4, 7, 0), "Held by the administrator"))
        self.assertEqual(self.queue("release", "--all").stdout, "released: 6 recipients of 2 messages\n")
        self.assertEqual(set(self.states("A1") + self.states("B2")), {State.DUE})

    def test_ids(self) -> None:
        """Ids that are not there are told, with exit code 1; so is what is in another state."""
        result = self.queue("retry", "C3", "Z9", "C3", code=1)
        self.assertEqual(result.stdout, "due now: 1 recipient of 1 message\n")
        self.assertIn("There is no message 'Z9'", result.stderr)
        self.assertIn("left alone: 1 recipient", result.stderr)
        self.assertEqual(self.spool.changes, [(Change.RETRY, "C3", [1], None)])
        result = self.queue("release", "A1")
        self.assertIn("released: 0 recipients of 0 messages", result.stdout)
        self.assertIn("left alone: 5 recipients", result.stderr)

    def test_filters(self) -> None:
        """Filters choose recipients, not whole messages; only those in a state for it are looked at."""
        self.queue("hold", "--domain", "example.net")
        self.assertEqual(self.states("C3"), [State.LEASED, State.HELD])
        self.assertEqual(self.spool.selections[0].states, (State.DUE,))

    def test_bounce(self) -> None:
        """Giving up asks first, and says why."""
        self.queue("bounce", "A1", stdin="n\n", code=1)
        self.assertEqual(self.spool.changes, [])
        result = self.queue("bounce", "A1", "--why", "Sent by mistake", stdin="y\n")
        self.assertIn("Give up 5 recipients of 1 message?", result.stderr)
        self.assertEqual(self.spool.changes[0][3], Status((5, 0, 0), "Sent by mistake"))
        self.queue("bounce", "B2", "--yes")
        for wrong in ("", "two\nlines", "Grüße"):
            self.queue("bounce", "B2", "--yes", "--why", wrong, code=2)

    def test_delete(self) -> None:
        """Deleting asks first."""
        self.queue("delete", "B2", stdin="\n", code=1)
        self.assertEqual(len(self.states("B2")), 1)
        self.assertEqual(self.json_of("queue", "delete", "--all", "--yes"), {
            "messages": 3, "recipients": 7, "left_alone": 0, "unknown": [],
        })  # fmt: skip
        self.assertEqual(self.states("C3"), [State.LEASED])

    def test_usage(self) -> None:
        """Everything only when it is said, and not beside something."""
        for command in ("hold", "release", "retry", "bounce", "delete"):
            self.queue(command, code=2)
            self.queue(command, "A1", "--all", code=2)
            self.queue(command, "--domain", "example.net", "--all", code=2)
        self.assertEqual(self.spool.changes, [])

    def test_full_disk(self) -> None:
        """Where it cannot go on, it says how far it came."""
        self.spool.full = True
        result = self.queue("hold", "--all", code=1)
        self.assertIn("held: 0 recipients", result.stdout)
        self.assertIn("It ended early: the disk is full", result.stderr)

    def test_parts(self) -> None:
        """Many messages are changed in several parts, every one of them once."""
        self.patch(queue_changes, "AT_ONCE", 2)
        result = self.queue("delete", "--all", "--yes")
        self.assertEqual(result.stdout, "deleted: 7 recipients of 3 messages\n")
        self.assertEqual([one[1] for one in self.spool.changes], ["A1", "B2", "C3"])

    def test_flush(self) -> None:
        """All, or all for one destination, is due now."""
        self.assertEqual(self.queue("flush").stdout, "due now: 3 recipients\n")
        facts = self.json_of("queue", "flush", "--destination", "remote:x", "--queue", "slow")
        self.assertEqual(facts, {"recipients": 3})
        self.assertEqual(self.spool.changes, [(None, None), ("remote:x", "slow")])


class ExportTests(QueueTestCase):
    """Mail in the queue is copied into files."""

    def export(self, *arguments: str, code: int = 0) -> Result:
        """Run ``mailframe queue export``."""
        return self.queue("export", *arguments, "--to", str(self.place / "out"), code=code)

    def test_export(self) -> None:
        """A file for the message, one for its envelope, which others cannot read."""
        self.assertIn("exported 1 message to", self.export("A1").stdout)
        out = self.place / "out"
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["A1.eml", "A1.json"])
        self.assertEqual((out / "A1.eml").read_bytes(), OCTETS)
        facts: dict[str, Any] = json.loads((out / "A1.json").read_text())
        self.assertEqual(facts["reverse_path"], ALICE)
        self.assertEqual({path.stat().st_mode & 0o777 for path in out.iterdir()}, {0o600})
        self.assertEqual(out.stat().st_mode & 0o777, 0o700)

    def test_faults(self) -> None:
        """What cannot be read is told, and leaves no half file."""
        self.spool.gone.add("B2")
        result = self.export("--all", code=1)
        self.assertIn("exported 2 messages", result.stdout)
        self.assertIn("B2 cannot be read", result.stderr)
        self.assertFalse((self.place / "out" / "B2.eml").exists())
        self.assertIn("There is no message 'Z9'", self.export("Z9", code=1).stderr)
        self.export(code=2)

    def test_broken_file(self) -> None:
        """A disk that fails in the middle of a message leaves nothing behind."""
        self.spool.broken = True
        self.assertIn("Input/output error", self.export("A1", code=1).stderr)
        self.assertEqual(list((self.place / "out").iterdir()), [])

    def test_gone(self) -> None:
        """What was delivered a moment ago has no envelope any more; its content is kept nevertheless."""
        found = self.spool.messages
        self.spool.found = {}
        self.export("A1")
        self.assertEqual([path.name for path in (self.place / "out").iterdir()], ["A1.eml"])
        self.assertEqual(len(found), 3)


class WaitTests(SynchronousTestCase):
    """Commands have no reactor."""

    def test_reactor_needed(self) -> None:
        """A spool that cannot answer at once is a fault of ours, and no endless wait."""
        self.assertRaises(RuntimeError, queue_spool.wait, Deferred())

    def test_age(self) -> None:
        """Times are told in their two largest units."""
        for seconds, text in (
            (0, "0s"),
            (59, "59s"),
            (3600, "1h"),
            (93784, "1d 2h"),
            (86460, "1d"),
            (-5, "0s"),
        ):
            self.assertEqual(span(seconds), text)
