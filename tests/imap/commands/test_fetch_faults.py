"""FETCH where the store fails in the middle: nothing false is told, and nothing is left untold."""

from __future__ import annotations

from mailframe.message.status import UNAVAILABLE, MailframeError
from tests.imap.commands.test_fetch import LARGE
from tests.imap.interposed import interposed
from tests.imap.mail import SessionCase, deliver

BINARY = b"Subject: b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD\r\n" * 100_000


class _FailsLater:
    """A reader of content that fails after some reads."""

    def __init__(self, reads, error):
        self.reads = reads
        self.error = error

    async def __call__(self, read, spans):
        self.reads -= 1
        if self.reads < 0:
            raise self.error
        return await read(spans)


class FaultTests(SessionCase):
    """The store fails."""

    mail = "plain encoded"

    def failing_later(self, reads, error):
        self.serve(self.settings, interposed(self.store, mailbox={"read": _FailsLater(reads, error)}))
        return self.select()

    def check_cut(self, command, reads):
        for error in (MailframeError(UNAVAILABLE), ValueError("a bug")):
            client = self.failing_later(reads, error)
            client.send(command.encode() + b"\r\nb NOOP\r\n")
            said = client.transport.take()
            self.assertTrue(client.transport.disconnected or client.transport.disconnecting, command)
            self.assertIn(b"* 3 FETCH", said)
            self.assertNotIn(b"\r\na ", said)
            self.assertNotIn(b"NOOP completed", said)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_in_a_literal(self):
        """Where the store fails in the middle of a literal, no answer is put into it: the connection ends."""
        deliver(self.store, LARGE)
        self.check_cut("a FETCH 3 BODY.PEEK[]", 4)

    def test_between_literals(self):
        """The same between two literals of one answer."""
        deliver(self.store, LARGE)
        self.check_cut("a FETCH 3 (BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (SUBJECT)])", 1 + 16)

    def test_in_a_binary(self):
        """The same for decoded parts."""
        deliver(self.store, BINARY)
        self.check_cut("a FETCH 3 BINARY.PEEK[1]", 6)

    def test_before_a_literal(self):
        """Where nothing of it was sent, the client is told so, and can go on."""
        deliver(self.store, LARGE)
        client = self.failing_later(0, MailframeError(UNAVAILABLE))
        said = client.say("a FETCH 3 BODY.PEEK[]", "b NOOP")
        self.assertEqual(said[0][:5], b"a NO ")
        self.assertEqual(said[-1], b"b OK NOOP completed")

    def test_seen(self):
        """Messages that were marked as seen before it failed are told as that."""
        client = self.select()
        said = client.say("a FETCH 1:2 BINARY[3]")
        self.assertEqual(said[0], b"* 1 FETCH (FLAGS (\\Seen \\Recent) BINARY[3] NIL)")
        self.assertEqual(said[1], b"* 2 FETCH (FLAGS (\\Seen \\Recent))")
        self.assertIn(b"a NO [UNKNOWN-CTE]", said[-1])
        client = self.failing_later(0, MailframeError(UNAVAILABLE))
        client.say("a STORE 1:2 -FLAGS.SILENT (\\Seen)")
        said = client.say("a FETCH 1:2 BODY[TEXT]")
        self.assertEqual(said[:-1], [b"* %d FETCH (FLAGS (\\Seen))" % number for number in (1, 2)])
        self.assertEqual(client.say("b NOOP"), [b"b OK NOOP completed"])
