"""Whole IMAP dialogues."""

from __future__ import annotations

import attrs
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.quota import NO_RULES, Limit, QuotaRules
from mailframe.store.sharing.namespaces import Namespaces
from mailframe.store.sharing.shares import MemoryShares
from mailframe.store.sharing.store import SharingStore
from mailframe.testing.imap import CLEAR, factory
from mailframe.testing.transcripts import TranscriptCase, transcripts

from .backends import store_over
from .mail import PASSWORDS

FOLDER = FilePath(__file__).parent().sibling("transcripts").child("imap")


def quota(text: str) -> QuotaRules:
    """Rules from ``"octets messages"``, with more of the kind behind the name of a mailbox."""
    if not text:
        return NO_RULES
    octets, messages, *mailbox = text.split()
    of_mailbox = [(mailbox[0], Limit(*map(int, mailbox[1:])))] if mailbox else []
    return QuotaRules(Limit(int(octets), int(messages)), of_mailbox)


class FakeContexts:
    """Certificates that `MemoryTransport` does not look at."""

    def contexts(self):
        return object()


class _IMAPTranscripts(TranscriptCase, SynchronousTestCase):
    backend = ""
    server = None

    def connect(self, session, options):
        if self.server is None:
            rules = quota(options.get("quota", ""))
            store = store_over(self.backend, self, self.clock, options.get("mail", ""), rules)
            namespaces = None
            if options.get("sharing") == "yes":
                namespaces = Namespaces(public="public@example.test")
                store = SharingStore(store, MemoryShares(), namespaces)
            settings = attrs.evolve(
                CLEAR,
                require_tls_for_auth=options.get("clear") == "no",
                append_limit=int(options.get("append_limit", "50000000")),
                login_deadline=float(options.get("deadline", "600")),
                spill_directory=self.mktemp(),
                literal_plus=options.get("literal_plus") != "no",
                administrator=options.get("administrator", ""),
            )
            self.server = factory(store, PASSWORDS, settings, self.clock, FakeContexts(), namespaces)
        return self.server.buildProtocol(None)


@transcripts(FOLDER)
class IMAPTranscriptTests(_IMAPTranscripts):
    """Sessions as clients see them."""


@transcripts(FOLDER, octet_by_octet=False)
class SQLiteTranscriptTests(_IMAPTranscripts):
    """The same over SQLite."""

    backend = "sqlite"


@transcripts(FOLDER, octet_by_octet=False)
class MaildirTranscriptTests(_IMAPTranscripts):
    """The same over Maildir."""

    backend = "maildir"


@transcripts(FOLDER, octet_by_octet=False)
class MboxTranscriptTests(_IMAPTranscripts):
    """The same over mbox files."""

    backend = "mbox"


@transcripts(FOLDER, octet_by_octet=False)
class PostgreSQLTranscriptTests(_IMAPTranscripts):
    """The same over PostgreSQL."""

    backend = "postgresql"
