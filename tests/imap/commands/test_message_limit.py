"""Commands that may deal with so many messages and no more."""

from __future__ import annotations

import attrs

from tests.imap.mail import CLEAR, SessionCase

LIMIT = b"[MESSAGELIMIT 1000 "


class MessageLimitTests(SessionCase):
    """MESSAGELIMIT (RFC 9738), in a mailbox of 1,003 messages."""

    mail = "plain " * 1003
    settings = attrs.evolve(CLEAR, message_limit=1000)

    def setUp(self) -> None:
        """Somebody has selected it."""
        super().setUp()
        self.client = self.select()

    def test_told(self) -> None:
        """Clients hear of it after login."""
        self.assertIn(b" MESSAGELIMIT=1000", self.client.say("a CAPABILITY")[0])

    def test_fetch(self) -> None:
        """The newest are answered, the answer says from where on, and the rest can be asked for."""
        said = self.client.say("a UID FETCH 1:* (UID)")
        self.assertEqual((len(said), said[0]), (1001, b"* 4 FETCH (UID 4)"))
        self.assertEqual(said[-1], b"a OK [MESSAGELIMIT 1000 4] FETCH completed")
        self.assertEqual(len(self.client.say("b UID FETCH 1:3 (UID)")), 4)

    def test_store(self) -> None:
        """The newest are marked; an answer that has something else to say as well says both."""
        said = self.client.say("a UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
        self.assertEqual(said, [b"a OK [MESSAGELIMIT 1000 4] STORE completed"])
        said = self.client.say("b UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)")
        self.assertIn(b"* OK [MESSAGELIMIT 1000 4] Some messages were left out", said)
        self.assertTrue(said[-1].startswith(b"b OK [MODIFIED "))
        self.assertEqual(
            self.client.say("c UID SEARCH UID 1:3 DELETED"), [b"* SEARCH", b"c OK SEARCH completed"]
        )

    def test_search(self) -> None:
        """A search looks through the newest among those it names."""
        said = self.client.say("a UID SEARCH UNDELETED")
        self.assertEqual(len(said[0].split()), 1002)
        self.assertEqual(said[1], b"a OK [MESSAGELIMIT 1000 4] SEARCH completed")
        said = self.client.say("b UID SEARCH UID 1:1002 UNDELETED")
        self.assertEqual(said[1], b"b OK [MESSAGELIMIT 1000 3] SEARCH completed")
        self.assertEqual(
            self.client.say("c UID SEARCH UID 1:3 UNDELETED"), [b"* SEARCH 1 2 3", b"c OK SEARCH completed"]
        )

    def test_copies(self) -> None:
        """Too many are not copied or moved at all."""
        for command in ("COPY", "MOVE"):
            said = self.client.say(f"a UID {command} 1:* Sent")
            self.assertEqual(len(said), 1)
            self.assertTrue(said[0].startswith(b"a NO [MESSAGELIMIT 1000]"), said)
        self.assertIn(b"COPYUID", self.client.say("b UID COPY 1:1000 Sent")[-1])

    def test_expunge(self) -> None:
        """The newest go, then the others."""
        for first, last in ((1, 1000), (1001, 1003)):
            self.client.say(f"a UID STORE {first}:{last} +FLAGS.SILENT (\\Deleted)")
        said = self.client.say("b EXPUNGE")
        self.assertEqual(said[-1], b"b OK [MESSAGELIMIT 1000 4] EXPUNGE completed")
        self.assertEqual(self.client.say("c UID EXPUNGE 1:*")[-1], b"c OK UID EXPUNGE completed")
        self.assertEqual(self.client.say("d UID SEARCH ALL"), [b"* SEARCH", b"d OK SEARCH completed"])


class LiteralMinusTests(SessionCase):
    """LITERAL- (RFC 7888 section 5)."""

    settings = attrs.evolve(CLEAR, literal_plus=False)

    def test_too_large(self) -> None:
        """A larger literal that is not asked for is refused and thrown away; one that is asked for is taken."""
        client = self.login()
        octets = b"Subject: x\r\n\r\n" + b"x" * 5000
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\nb NOOP\r\n" % (len(octets), octets))
        self.assertEqual(
            client.heard(), [b"a BAD A literal of this size has to be asked for", b"b OK NOOP completed"]
        )
        self.assertEqual(client.say(f"c APPEND INBOX {{{len(octets)}}}"), [b"+ Ready for the message"])
