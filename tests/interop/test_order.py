"""SORT and THREAD say the same as Dovecot's, of the same messages."""

from __future__ import annotations

import imaplib
import random
import re
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from .maildir_servers import Dovecot
from .service import ERIN, PASSWORD, SKIP, node, trust

MESSAGES = 60
SEED = 5
SUBJECTS = (
    "plums",
    "Re: plums",
    "[list] Plums",
    "Fwd: plums (fwd)",
    "=?utf-8?q?=C3=84pfel?=",
    "apples",
    "",
    "[fwd: Pears]",
)
PEOPLE = (
    "Zoe <alice@example.test>",
    "bob@example.test",
    '"adam b" <Bob@example.test>',
    "=?utf-8?q?=C3=84nne?= <zed@example.test>",
)
CRITERIA = ("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO")


def written(seed: int) -> list[tuple[int, bytes]]:
    """Conversations of which some messages are not there, with the times at which messages came."""
    chance = random.Random(seed)
    above: list[list[int]] = []
    for number in range(2 * MESSAGES):
        parent = chance.randrange(number) if number and chance.random() < 0.7 else None
        above.append([] if parent is None else [*above[parent], parent])
    found = []
    for number in chance.sample(range(2 * MESSAGES), MESSAGES):
        lines = [f"Message-ID: <{number}@example.test>"]
        ids = [f"<{one}@example.test>" for one in above[number]]
        if ids:
            lines.append(f"In-Reply-To: {ids[-1]}")
            if chance.random() < 0.9:
                lines.append("References: " + "\r\n ".join(ids))
        if chance.random() < 0.9:
            lines.append(
                f"Date: {chance.randrange(1, 28)} Oct 2026 {chance.randrange(24):02}:{chance.randrange(60):02}:00 +0200"
            )
        lines.append(f"Subject: {chance.choice(SUBJECTS)}")
        lines += [
            f"{name}: {chance.choice(PEOPLE)}" for name in ("From", "To", "Cc") if chance.random() < 0.9
        ]
        lines += ["", "x" * chance.randrange(3), ""]
        found.append((1_790_000_000 + 3600 * chance.randrange(900), "\r\n".join(lines).encode()))
    return found


class OrderTests(TestCase):
    """One mailbox at Mailframe and one at Dovecot."""

    skip = SKIP
    timeout = 120

    def setUp(self) -> None:
        """Both have the same messages."""
        base = Path(tempfile.mkdtemp(prefix="mailframe-order-"))
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        tree = base / "tree"
        tree.mkdir()
        base.chmod(0o777)
        server = Dovecot(base, tree)
        server.owned()
        self.theirs = server.imap()
        self.addCleanup(self.theirs.logout)
        self.ours = imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(self.ours.shutdown)
        self.ours.login(ERIN, PASSWORD)
        for client in (self.ours, self.theirs):
            client.create("Order")
            for date, message in written(SEED):
                client.append("Order", None, imaplib.Time2Internaldate(date), message)
            client.select("Order")
        self.addCleanup(self.ours.delete, "Order")

    def compare(self, *command: str) -> None:
        """Both answer the same, and something."""
        ours, theirs = (self.answer(client, *command) for client in (self.ours, self.theirs))
        self.assertEqual(ours, theirs, command)
        self.assertEqual(len(re.findall(rb"\d+", ours)), MESSAGES)

    def answer(self, client: imaplib.IMAP4, *command: str) -> bytes:
        """The untagged answer to a command."""
        kind, data = client._simple_command(*command)
        self.assertEqual(kind, "OK", data)
        return client._untagged_response(kind, data, command[0])[1][0]

    def test_sort(self) -> None:
        """By each criterion, forwards and backwards."""
        for criterion in CRITERIA:
            for words in (criterion, f"REVERSE {criterion}", f"{criterion} REVERSE ARRIVAL"):
                self.compare("SORT", f"({words})", "UTF-8", "ALL")

    def test_threads(self) -> None:
        """By subject, by references and subject, and by references alone."""
        for algorithm in ("ORDEREDSUBJECT", "REFERENCES", "REFS"):
            self.compare("THREAD", algorithm, "UTF-8", "ALL")
