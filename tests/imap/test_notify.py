"""Sessions that hear of things without asking."""

from __future__ import annotations

from typing import Any

from mailframe.imap import notify

from .backends import store_over
from .mail import SessionCase

EVERYTHING = "(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"


class NotifyTests(SessionCase):
    """NOTIFY (RFC 5465), beside what the transcripts show."""

    backend = ""

    def make_store(self) -> Any:
        """The store."""
        return store_over(self.backend, self, self.clock)

    def setUp(self) -> None:
        """One session listens, another one acts."""
        super().setUp()
        self.client, self.other = self.login(), self.login()

    def later(self) -> list[bytes]:
        """What is told some time later."""
        self.clock.advance(1)
        return self.client.heard()

    def test_too_many(self) -> None:
        """Too many mailboxes are refused, and what was wished before goes on."""
        self.client.say("a NOTIFY SET (mailboxes Sent (MessageNew MessageExpunge))")
        self.patch(notify, "WATCHED_LIMIT", 3)
        self.assertTrue(
            self.client.say(f"b NOTIFY SET {EVERYTHING}")[0].startswith(b"b NO [NOTIFICATIONOVERFLOW]")
        )
        self.other.say("a APPEND Sent {10+}", "Subject: x")
        self.assertTrue(self.later()[0].startswith(b"* STATUS Sent"))

    def test_refused(self) -> None:
        """After a refusal it is as before for the selected mailbox, too: no flags where none were wished."""
        self.other.say("a APPEND Sent {10+}", "Subject: x")
        self.client.say("a NOTIFY SET (selected (MessageNew MessageExpunge))")
        self.client.say("b SELECT Sent")
        self.patch(notify, "WATCHED_LIMIT", 3)
        self.assertIn(b"NOTIFICATIONOVERFLOW", self.client.say(f"c NOTIFY SET {EVERYTHING}")[0])
        self.other.say("b SELECT Sent")
        self.other.say("c STORE 1 +FLAGS (\\Flagged)")
        self.assertEqual(self.later(), [])
        self.other.say("d APPEND Sent {10+}", "Subject: y")
        self.assertIn(b"* 2 EXISTS", self.later())

    def test_selected_after_too_many(self) -> None:
        """When there are too many in the course of time, nothing is told of the selected mailbox either."""
        self.client.say(f"a NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) {EVERYTHING}")
        self.client.say("b SELECT Sent")
        self.patch(notify, "WATCHED_LIMIT", 6)
        self.other.say("a CREATE News")
        self.assertTrue(self.later()[0].startswith(b"* OK [NOTIFICATIONOVERFLOW]"))
        self.client.say("c IDLE")
        self.other.say("b APPEND Sent {10+}", "Subject: x")
        self.assertEqual(self.later(), [])
        self.assertIn(b"* 1 EXISTS", self.client.say("DONE"))

    def test_too_many_later(self) -> None:
        """When there are too many in the course of time, that is told, and nothing else from then on."""
        self.client.say(f"a NOTIFY SET {EVERYTHING}")
        self.patch(notify, "WATCHED_LIMIT", 6)
        self.other.say("a CREATE News")
        (line,) = self.later()
        self.assertTrue(line.startswith(b"* OK [NOTIFICATIONOVERFLOW]"))
        self.other.say("b CREATE Olds")
        self.assertEqual(self.later(), [])
        self.assertEqual(self.client.say("b NOOP"), [b"b OK NOOP completed"])

    def test_many_changes(self) -> None:
        """Of many changes in a moment only the last state is told."""
        self.client.say(f"a NOTIFY SET {EVERYTHING}")
        for number in range(20):
            self.other.say(f"a{number} APPEND Sent {{10+}}", "Subject: x")
        lines = self.later()
        self.assertEqual(len(lines), 1)
        self.assertTrue(lines[0].startswith(b"* STATUS Sent (MESSAGES 20 UIDNEXT 21"))

    def test_nothing_new(self) -> None:
        """What turns out to be as it was is not told again."""
        self.client.say(f"a NOTIFY SET STATUS {EVERYTHING}")
        self.other.say("a SUBSCRIBE Sent")
        self.assertEqual(self.later(), [])

    def test_not_within_a_command(self) -> None:
        """While a message comes in nothing is told; afterwards it is."""
        self.client.say(f"a NOTIFY SET {EVERYTHING}")
        self.assertEqual(self.client.say("b APPEND Drafts {10}"), [b"+ Ready for the message"])
        self.other.say("a CREATE News")
        self.assertEqual(self.later(), [])
        self.assertTrue(self.client.say("Subject: x")[0].startswith(b"b OK [APPENDUID"))
        lines = self.later()
        self.assertIn(b'* LIST () "/" News', lines)
        self.assertTrue(any(line.startswith(b"* STATUS Drafts") for line in lines))

    def test_ends(self) -> None:
        """UNAUTHENTICATE and the end of the connection end it."""
        self.client.say(f"a NOTIFY SET {EVERYTHING}")
        self.client.say("b UNAUTHENTICATE")
        self.other.say("a CREATE News")
        self.assertEqual(self.later(), [])
        third = self.login()
        third.say(f"a NOTIFY SET {EVERYTHING}")
        self.other.say("b CREATE Olds")
        third.lose()
        self.clock.advance(1)
        self.assertEqual([call for call in self.clock.getDelayedCalls() if "_ring" in str(call.func)], [])

    def test_renamed(self) -> None:
        """Of a mailbox that only has another name nothing else is told, and what happens in it then is."""
        self.other.say("a APPEND Sent {10+}", "Subject: x")
        self.client.say(f"a NOTIFY SET STATUS {EVERYTHING}")
        self.other.say("b RENAME Sent Gone")
        self.assertEqual(self.later(), [b'* LIST () "/" Gone ("OLDNAME" (Sent))'])
        self.other.say("c SUBSCRIBE Gone")
        self.assertEqual(self.later(), [b'* LIST (\\Subscribed) "/" Gone'])
        self.other.say("d APPEND Gone {10+}", "Subject: x")
        self.assertTrue(self.later()[0].startswith(b"* STATUS Gone (MESSAGES 2 UIDNEXT 3"))

    def test_same_name_again(self) -> None:
        """A mailbox with the name of one that was renamed or deleted is another, and its first message is told."""
        self.other.say("a APPEND Sent {10+}", "Subject: x")
        self.client.say(f"a NOTIFY SET STATUS {EVERYTHING}")
        self.other.say("b RENAME Sent Gone")
        self.other.say("c CREATE Sent")
        self.other.say("d APPEND Sent {10+}", "Subject: x")
        lines = self.later()
        self.assertTrue(any(line.startswith(b"* STATUS Sent (MESSAGES 1 UIDNEXT 2") for line in lines), lines)
        self.assertFalse(any(line.startswith(b"* STATUS Gone") for line in lines), lines)


class SQLiteNotifyTests(NotifyTests):
    """The same over SQLite."""

    backend = "sqlite"


class MaildirNotifyTests(NotifyTests):
    """The same over Maildir."""

    backend = "maildir"


class MboxNotifyTests(NotifyTests):
    """The same over mbox files."""

    backend = "mbox"


class PostgreSQLNotifyTests(NotifyTests):
    """The same over PostgreSQL."""

    backend = "postgresql"
