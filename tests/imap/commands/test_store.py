"""STORE beside other sessions that nobody hints at."""

from __future__ import annotations

from tests.imap.interposed import interposed
from tests.imap.mail import SessionCase


class OthersTests(SessionCase):
    """Changes of this session and of others meet."""

    mail = "plain plain plain"

    def setUp(self):
        """No hints, and a record of what the store is asked for."""
        super().setUp()
        self.asked = []

        async def changes(original, since):
            found = await original(since)
            self.asked.append(len(found.messages))
            return found

        self.serve(
            self.settings,
            interposed(self.store, mailbox={"listen": lambda listen, hint: lambda: None, "changes": changes}),
        )

    def test_own_change(self):
        """What a session changed itself is not asked for again."""
        client = self.select()
        for item in ("+FLAGS.SILENT", "-FLAGS"):
            client.say(f"a STORE 1:* {item} (\\Flagged)")
            self.assertEqual(client.say("b NOOP"), [b"b OK NOOP completed"])
        self.assertEqual(self.asked, [0, 0])

    def test_another_was_first(self):
        """Where another session has set the same flag of more messages, this one hears of all of these."""
        client, other = self.select(), self.select()
        other.say("a STORE 1:2 +FLAGS (\\Flagged)")
        told = client.say("b STORE 1 +FLAGS.SILENT (\\Flagged)") + client.say("c NOOP")
        self.assertTrue(any(line.startswith(b"* 2 FETCH") and b"\\Flagged" in line for line in told), told)

    def test_another_in_between(self):
        """Another session's change just before one's own is told, although one's own came after it."""
        client, other = self.select(), self.select()
        other.say("a STORE 2 +FLAGS (\\Answered)")
        told = client.say("b STORE 1 +FLAGS.SILENT (\\Flagged)") + client.say("c NOOP")
        self.assertTrue(any(line.startswith(b"* 2 FETCH") and b"\\Answered" in line for line in told), told)
