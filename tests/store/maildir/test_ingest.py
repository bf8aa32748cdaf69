"""A store copies what it accepts into the ingest log."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath
from mailframe.message.content import Content
from mailframe.store.ingest.log import IngestLog
from mailframe.store.ingest.options import IngestOptions
from mailframe.store.ingest.reading import Wanted, copies
from mailframe.store.maildir.store import MaildirStore
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.values import Delivery, NewMessage

from .fixture import ALICE, BOB, MaildirCase, numbered


class IngestTests(MaildirCase):
    """With an ingest log."""

    appended = False

    def started(self, boot="", options=None) -> MaildirStore:
        self.log_directory = self.directory + "/copies"
        ingest = IngestLog(IngestOptions(directory=DataPath(self.log_directory), appended=self.appended))
        store = MaildirStore(
            self.directory + "/mail", self.describe, self.hints, self.clock, options or self.options,
            policies=Policies(ingest), files=self.files, boot=boot or self.boot,
        )  # fmt: skip
        self.wait(store.start())
        return store

    def copied(self) -> list[tuple[bytes, tuple]]:
        found = []
        for copy in copies(self.log_directory, Wanted()):
            with copy.content() as content:
                found.append((content.octets(), copy.record.mailboxes))
        return found

    def test_delivered(self) -> None:
        """A message for several mailboxes is copied once, and all of them are named."""
        message = NewMessage(Content.of(numbered(1)), queue_id="Q")
        self.wait(self.store.deliver([Delivery(ALICE, message), Delivery(BOB, message, "Sent")]))
        self.assertEqual(self.copied(), [(numbered(1), ((ALICE, "INBOX"), (BOB, "Sent")))])

    def test_refused(self) -> None:
        """What is not accepted is not copied."""
        self.files.break_on("create")
        self.deliver(numbered(1))
        self.files.mend()
        self.assertEqual(self.copied(), [])

    def test_appended(self) -> None:
        """What clients append is copied where that is wanted."""
        self.append(numbered(2), mailbox="Sent")
        expected = [(numbered(2), ((ALICE, "Sent"),))] if self.appended else []
        self.assertEqual(self.copied(), expected)


class AppendedIngestTests(IngestTests):
    """With one that wants what clients append, too."""

    appended = True


class CRLFIngestTests(IngestTests):
    """Where files are kept as they were received."""

    options = attrs.evolve(IngestTests.options, line_ends="crlf")
