"""What the server says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire import responses
from mailframe.message.status import NO_SUCH_MAILBOX, OK


class ResponseTests(SynchronousTestCase):
    """Responses keep their form, whatever is in them."""

    def test_strings(self):
        """A string is quoted where it may be, and a literal elsewhere."""
        self.assertEqual(responses.string(b'a"\\b'), b'"a\\"\\\\b"')
        self.assertEqual(responses.string(b"a\r\n"), b"{3}\r\na\r\n")
        self.assertEqual(responses.string(b"\xff"), b"{1}\r\n\xff")
        self.assertEqual(responses.string(b"x" * 1001)[:8], b"{1001}\r\n")
        self.assertEqual(responses.literal(b"a\0b"), b"{3}\r\na\x80b")
        self.assertEqual(responses.astring(b"nil"), b'"nil"')
        self.assertEqual(responses.astring(b""), b'""')

    def test_mailbox_list(self):
        """A name is in modified UTF-7, quoted where it must be."""
        line = responses.mailbox_list(b"LIST", (b"\\HasChildren", b"\\Sent"), 'Sent "ü"')
        self.assertEqual(line, b'* LIST (\\HasChildren \\Sent) "/" "Sent \\"&APw-\\""\r\n')

    def test_status_line(self):
        """Text cannot break out of its line."""
        self.assertEqual(
            responses.status_line(b"OK", "a\r\nb \u00fc", "UIDNEXT 3"), b"* OK [UIDNEXT 3] a??b ?\r\n"
        )
        self.assertEqual(responses.status_line(b"BAD", "", tag=b"t"), b"t BAD -\r\n")

    def test_refusal(self):
        """A status becomes NO with its word."""
        self.assertEqual(
            responses.refusal(b"t", NO_SUCH_MAILBOX), b"t NO [NONEXISTENT] No such mailbox here\r\n"
        )
        self.assertEqual(responses.refusal(b"t", OK), b"t OK OK\r\n")
