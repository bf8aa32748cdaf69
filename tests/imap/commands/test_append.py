"""APPEND when things go wrong, and what becomes of line ends."""

from __future__ import annotations

import os
import socket

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.dialogue.spill import Spill
from mailframe.imap.commands.uploads import Upload
from mailframe.message.status import MAILBOX_FULL, MailframeError
from mailframe.testing.imap import CLEAR
from tests.imap.interposed import failing, interposed
from tests.imap.mail import SessionCase
from tests.imap.strategies import cuts


class UploadTests(SynchronousTestCase):
    """The message while it comes in."""

    @given(st.data())
    def test_line_ends(self, data):
        """However it is cut, each bare LF becomes CRLF and the last line is ended."""
        octets = data.draw(st.lists(st.sampled_from([b"a", b"\r\n", b"\n", b"\r"]), min_size=1).map(b"".join))
        upload = Upload(frozenset(), None, Spill("/nonexistent"))
        for piece in data.draw(cuts(octets)):
            upload.write(piece)
        wanted = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if wanted.endswith(b"\r"):
            wanted += b"\n"
        elif not wanted.endswith(b"\r\n"):
            wanted += b"\r\n"
        self.assertEqual(upload.finish().octets(), wanted)


class AppendTests(SessionCase):
    """A message that comes in is kept whole or not at all."""

    def test_large(self):
        """A message of megabytes goes through a file."""
        self.serve(attrs.evolve(CLEAR, spill_directory=self.made()))
        client = self.select()
        message = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 100_000
        client.say(b"a APPEND INBOX {%d}" % len(message))
        for start in range(0, len(message), 10_000):
            client.send(message[start : start + 10_000])
        self.assertEqual(client.say(b"")[-1], b"a OK [APPENDUID 1 1] APPEND completed")
        client.send(b"b FETCH 1 BODY.PEEK[]\r\n")
        self.assertIn(message, client.transport.take())

    def made(self):
        path = self.mktemp()
        os.mkdir(path)
        return path

    def test_disk_full(self):
        """When the message cannot be kept, the client is told so after it, and may go on."""
        self.serve(attrs.evolve(CLEAR, spill_directory="/nonexistent", spill_limit=10))
        client = self.select()
        lines = client.say("a APPEND INBOX {30+}", "012345678901234567890123456789", "b NOOP")
        self.assertEqual(
            lines, [b"a NO [UNAVAILABLE] Out of storage; try again later", b"b OK NOOP completed"]
        )
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_acknowledged(self):
        """A client that holds back the last CRLF until its message is acknowledged is not kept waiting."""
        client = self.login()
        options = []

        class Socket:
            def setsockopt(self, *option):
                options.append(option)

        client.transport.socket = Socket()
        client.say("a APPEND INBOX {6}")
        client.send(b"hel")
        self.assertEqual(options, [])
        client.send(b"lo\n")
        self.assertEqual(options, [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)])
        self.assertIn(b"a OK", client.say("")[0])
        client.say("a APPEND INBOX {5+}", "hello")
        self.assertEqual(len(options), 1)

    def test_refused_by_store(self):
        """What the store refuses is told with its word."""
        self.serve(self.settings, interposed(self.store, {"append": failing(MailframeError(MAILBOX_FULL))}))
        lines = self.login().say("a APPEND INBOX {5+}", "hello")
        self.assertEqual(lines, [b"a NO [OVERQUOTA] The mailbox is full"])

    def test_lost_meanwhile(self):
        """A message that is being stored when the connection is lost is stored, and given back only then."""
        waiting, contents = Deferred(), []

        async def slowly(append, name, messages):
            contents.append(messages[0].content)
            await waiting
            contents.append(messages[0].content.octets())
            return await append(name, messages)

        spilled = attrs.evolve(CLEAR, spill_directory=self.made(), spill_limit=10)
        self.serve(spilled, interposed(self.store, {"append": slowly}))
        client = self.login()
        self.assertEqual(client.say("a APPEND INBOX {20+}", "01234567890123456789"), [])
        client.lose()
        waiting.callback(None)
        self.assertEqual(contents[1], b"01234567890123456789\r\n")
        self.assertRaises(ValueError, contents[0].octets)
        self.assertIn(b"* 1 EXISTS", self.login().say("b SELECT INBOX"))

    def test_takes_too_long(self):
        """A store that does not answer is not waited for for ever."""

        async def never(append, name, messages):
            await Deferred()

        self.serve(self.settings, interposed(self.store, {"append": never}))
        client = self.login()
        client.say("a APPEND INBOX {5+}", "hello")
        self.clock.advance(600)
        self.assertEqual(client.heard(), [b"a NO [UNAVAILABLE] Not available right now; try again later"])

    def test_lost_before(self):
        """A connection lost in the middle of a message leaves nothing behind."""
        client = self.login()
        client.say("a APPEND INBOX {20+}", "0123")
        client.lose()
        self.assertIn(b"* 0 EXISTS", self.login().say("b SELECT INBOX"))
