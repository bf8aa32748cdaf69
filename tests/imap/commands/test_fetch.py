"""FETCH of many and of large messages, and of messages that go away."""

from __future__ import annotations

from mailframe.message.status import STORAGE_FULL, MailframeError
from tests.imap.interposed import failing, interposed
from tests.imap.mail import SessionCase, deliver

LARGE = b"Subject: large\r\n\r\n" + b"".join(b"%078d\r\n" % line for line in range(50_000))


class LargeMessageTests(SessionCase):
    """A message of some megabytes is sent piece by piece."""

    def setUp(self):
        super().setUp()
        deliver(self.store, LARGE)

    def narrow(self):
        """A client whose transport is full after each write, until it is read."""
        client = self.select()
        write = client.transport.write

        def written(octets):
            write(octets)
            client.transport.producer.pauseProducing()

        client.transport.write = written
        return client

    def test_streamed(self):
        """A client that does not read holds up its own message only, and gets all of it in the end."""
        client = self.narrow()
        client.send(b"a FETCH 1 BODY[]\r\nb NOOP\r\n")
        octets, piece = b"", client.transport.take()
        while piece:
            self.assertLess(len(piece), 300_000)
            octets += piece
            client.transport.producer.resumeProducing()
            piece = client.transport.take()
        head = b"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[] {%d}\r\n" % len(LARGE)
        self.assertEqual(octets, head + LARGE + b")\r\na OK FETCH completed\r\nb OK NOOP completed\r\n")

    def test_several_attributes(self):
        """Header fields and partials come out of a large message too."""
        client = self.select()
        client.send(
            b"a FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT] BODY.PEEK[9] BODY.PEEK[]<9.5>)\r\n"
        )
        text = LARGE[LARGE.index(b"\r\n\r\n") + 4 :]
        self.assertEqual(
            client.transport.take(),
            b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: large\r\n\r\n"
            b" BODY[TEXT] {%d}\r\n%b BODY[9] NIL BODY[]<9> {5}\r\nlarge)\r\na OK FETCH completed\r\n"
            % (len(text), text),
        )

    def test_gone_before(self):
        """A large message that is gone before its first octet is passed over with a word."""
        client, other = self.select(), self.select()
        other.say("a STORE 1 +FLAGS \\Deleted", "b EXPUNGE")
        self.assertEqual(
            client.say("a FETCH 1 BODY.PEEK[]"),
            [b"a NO [EXPUNGEISSUED] Some of the messages are gone already"],
        )

    def test_gone_meanwhile(self):
        """A message that goes away while it is sent ends the connection: nothing true can follow its size."""
        client, other = self.narrow(), self.select()
        client.send(b"a FETCH 1 BODY.PEEK[]\r\n")
        other.say("a STORE 1 +FLAGS \\Deleted", "b EXPUNGE")
        client.transport.producer.resumeProducing()
        self.assertTrue(client.transport.disconnected or client.transport.disconnecting)
        self.assertNotIn(b"a OK", client.transport.take())

    def test_gone_between(self):
        """A message that is described but has no content any more is passed over with a word."""

        async def nothing(read, spans):
            return [None for _ in spans]

        self.serve(self.settings, interposed(self.store, mailbox={"read": nothing}))
        client = self.select()
        for body in ("BODY.PEEK[]", "BODY.PEEK[HEADER]"):
            self.assertIn(b"a NO [EXPUNGEISSUED]", client.say(f"a FETCH 1 {body}")[-1])


class ManyMessagesTests(SessionCase):
    """A mailbox with thousands of messages is fetched window by window."""

    def setUp(self):
        super().setUp()
        deliver(self.store, *[b"Subject: %d\r\n\r\n%d\r\n" % (n, n) for n in range(1, 2501)])

    def test_flags(self):
        """All are answered in order."""
        lines = self.select().say("a FETCH 1:* (UID FLAGS)")
        self.assertEqual(len(lines), 2501)
        self.assertEqual(lines[0], b"* 1 FETCH (UID 1 FLAGS (\\Recent))")
        self.assertEqual(lines[2499], b"* 2500 FETCH (UID 2500 FLAGS (\\Recent))")

    def test_bodies(self):
        """Bodies too, and each message is marked as seen."""
        client = self.select()
        lines = client.say("a FETCH 1:* BODY[TEXT]")
        self.assertEqual(lines[-1], b"a OK FETCH completed")
        self.assertEqual(
            lines[-4:-1], [b"* 2500 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {6}", b"2500", b")"]
        )
        self.assertEqual(client.say("b SEARCH UNSEEN"), [b"* SEARCH", b"b OK SEARCH completed"])

    def test_store_and_expunge(self):
        """Flags of all can be changed, and all be removed, while another session looks."""
        client, other = self.select(), self.select()
        self.assertEqual(len(client.say("a STORE 1:* +FLAGS (\\Deleted)")), 2501)
        self.assertEqual(len(client.say("b EXPUNGE")), 2501)
        self.assertEqual(len(other.say("c FETCH 1:* FLAGS")), 1)
        self.assertEqual(len(other.say("d NOOP")), 2501)
        self.assertEqual(other.say("e FETCH 1:* FLAGS"), [b"e OK FETCH completed"])


class SeenTests(SessionCase):
    """Reading marks a message as seen."""

    mail = "plain"

    def test_full_disk(self):
        """Mail can be read even when it cannot be marked as seen."""
        self.serve(
            self.settings, interposed(self.store, mailbox={"store": failing(MailframeError(STORAGE_FULL))})
        )
        self.assertEqual(
            self.select().say("a FETCH 1 BODY[TEXT]"),
            [b"* 1 FETCH (BODY[TEXT] {7}", b"Hello", b")", b"a OK FETCH completed"],
        )

    def test_nul(self):
        """NUL octets, which no literal may hold, are shown as octet 128."""
        deliver(self.store, b"Subject: x\r\n\r\na\0b\r\n")
        self.assertIn(b"a\x80b", self.select().say("a FETCH 2 BODY[TEXT]"))
