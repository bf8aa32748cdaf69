"""``mailframe queue`` on a real queue, as a node leaves it."""

from __future__ import annotations

import time

from mailframe.cli.queue_spool import wait
from mailframe.config.loading import load
from mailframe.message.address import parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.origin import Origin
from mailframe.queue.interfaces import ISpool
from mailframe.queue.values import NewMessage, Place, QueuedMessage, QueuedRecipient, State
from mailframe.roles.backends import spool_for_commands

from .runner import ALICE, BOB, CommandTestCase

OCTETS = b"Subject: Offer\r\n\r\nBuy!\r\n"


class QueueFilesTests(CommandTestCase):
    """The usual queue, in files of the data directory."""

    def setUp(self) -> None:
        """A queue with mail of two senders to two domains, and one that is being delivered."""
        super().setUp()
        self.make_service()
        spool = spool_for_commands(load(str(self.config)))
        assert spool is not None
        wait(spool.start())
        runner = wait(spool.enlist(3600.0))
        self.alices = self.add(spool, ALICE, State.DUE, "x@example.net", "y@example.org")
        self.bobs = self.add(spool, BOB, State.HELD, "z@example.org")
        self.leased = self.add(spool, BOB, State.LEASED, "v@example.net", runner=runner)
        wait(spool.stop())

    def add(
        self, spool: ISpool, sender: str, state: State, *addresses: str, runner: str | None = None
    ) -> str:
        """Put a message into the queue; its id."""
        recipients = [Recipient(parse_mailbox(address)) for address in addresses]
        origin = Origin("S", "192.0.2.1", login=sender)
        mail = MailObject(
            new_queue_id(), Envelope(parse_mailbox(sender), recipients), Content.of(OCTETS), origin
        )
        now = time.time()
        facts = QueuedMessage(
            mail.queue_id,
            Envelope(parse_mailbox(sender)),
            origin,
            now,
            now + 86400,
            size=len(OCTETS),
            account=sender,
        )
        queued = [
            QueuedRecipient(
                number,
                one,
                Place(f"remote:{one.forward_path.domain}"),
                state,
                due=now + 3600,
                review=now + 7200,
            )
            for number, one in enumerate(recipients)
        ]
        wait(spool.add(NewMessage(facts, mail, queued), runner))
        return mail.queue_id

    def ids(self, *filters: str) -> list[str]:
        """What ``list`` finds."""
        return [row["id"] for row in self.json_of("queue", "list", *filters)]

    def test_list(self) -> None:
        """Filters find what is meant."""
        self.assertEqual(set(self.ids()), {self.alices, self.bobs, self.leased})
        for filters, expected in (
            (("--sender", "alice@*"), {self.alices}),
            (("--sender", "<>"), set()),
            (("--domain", "EXAMPLE.org"), {self.alices, self.bobs}),
            (("--recipient", "z@*"), {self.bobs}),
            (("--state", "held"), {self.bobs}),
            (("--destination", "remote:example.net"), {self.alices, self.leased}),
            (("--account", BOB), {self.bobs, self.leased}),
            (("--older", "1h"), set()),
            (("--newer", "1h", "--domain", "example.net", "--state", "due"), {self.alices}),
            ((self.bobs,), {self.bobs}),
        ):
            self.assertEqual(set(self.ids(*filters)), expected, filters)

    def test_content(self) -> None:
        """The message is shown and copied as it is."""
        result = self.on_service("queue", "show", self.alices, "--content")
        self.assertEqual(result.stdout_bytes, OCTETS)
        self.assertIn("subject:    Offer", self.on_service("queue", "show", self.alices).stdout)
        self.on_service("queue", "export", "--all", "--to", str(self.place / "out"))
        self.assertEqual((self.place / "out" / f"{self.leased}.eml").read_bytes(), OCTETS)

    def test_changes(self) -> None:
        """Held, released, given up and deleted; what is being delivered stays."""
        self.on_service("queue", "hold", "--domain", "example.net")
        facts = self.json_of("queue", "show", self.alices)
        self.assertEqual([one["state"] for one in facts["recipients"]], ["held", "due"])
        self.assertEqual(facts["recipients"][0]["status"], "4.7.0 Held by the administrator")
        self.assertIn("2 recipients of 2 messages", self.on_service("queue", "release", "--all").stdout)
        self.assertEqual(self.ids("--state", "held"), [])
        facts = self.json_of("queue", "retry", self.alices, self.leased)
        self.assertEqual((facts["recipients"], facts["left_alone"]), (2, 1))
        self.on_service("queue", "bounce", self.bobs, "--yes", "--why", "No more")
        self.assertEqual(self.json_of("queue", "show", self.bobs)["recipients"][0]["status"], "5.0.0 No more")
        self.on_service("queue", "delete", "--all", "--yes")
        self.assertEqual(self.ids(), [self.leased])

    def test_stat(self) -> None:
        """The figures of the queue."""
        facts = self.json_of("queue", "stat")
        self.assertEqual((facts["messages"], facts["octets"]), (3, 3 * len(OCTETS)))
        self.assertEqual(facts["recipients"], {"normal": {"due": 2, "held": 1, "leased": 1}})
        self.assertEqual(self.json_of("queue", "flush"), {"recipients": 2})
        counts = {row["domain"]: row["recipients"] for row in self.json_of("queue", "stat", "--by", "domain")}
        self.assertEqual(counts, {"example.net": 2, "example.org": 2})
