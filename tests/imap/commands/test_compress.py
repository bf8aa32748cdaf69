"""Compressed connections."""

from __future__ import annotations

import zlib

from tests.imap.mail import SessionCase


class CompressTests(SessionCase):
    """COMPRESS DEFLATE (RFC 4978)."""

    mail = "plain"

    def begin(self):
        """A client whose connection is compressed, with both directions of its compression."""
        client = self.login()
        self.assertEqual(client.say("a COMPRESS DEFLATE"), [b"a OK Compressed from here on"])
        return client, zlib.compressobj(wbits=-15), zlib.decompressobj(-15)

    def test_both_ways(self):
        """Commands and answers are compressed, however they come in segments."""
        client, out, back = self.begin()
        octets = out.compress(b"b NOOP\r\nc SELECT INBOX\r\n") + out.flush(zlib.Z_SYNC_FLUSH)
        for place in range(len(octets)):
            client.send(octets[place : place + 1])
        said = back.decompress(client.transport.take())
        self.assertIn(b"b OK NOOP completed\r\n", said)
        self.assertIn(b"* 1 EXISTS\r\n", said)

    def test_bomb(self):
        """What is a thousand times as large when it is expanded is expanded piece by piece, and refused."""
        client, out, back = self.begin()
        client.send(out.compress(b"x" * 100_000_000) + out.flush(zlib.Z_SYNC_FLUSH))
        self.assertIn(b"* BYE", back.decompress(client.transport.take()))

    def test_many_commands(self):
        """Thousands of commands in one small segment are all answered, in order."""
        client, out, back = self.begin()
        commands = b"".join(b"t%d NOOP\r\n" % number for number in range(9_000))
        client.send(out.compress(commands) + out.flush(zlib.Z_SYNC_FLUSH))
        for _ in range(200):
            self.clock.advance(0)
        said = back.decompress(client.transport.take())
        self.assertEqual(said.count(b"OK NOOP completed"), 9_000)

    def test_not_compressed(self):
        """A client that does not compress as it said is cut off."""
        client, _, _ = self.begin()
        client.send(b"\xff\xff\xff\xff")
        self.assertTrue(client.transport.disconnecting or client.transport.disconnected)

    def test_refused(self):
        """Not twice, not otherwise, and not with octets behind it."""
        client, out, back = self.begin()
        client.send(out.compress(b"b COMPRESS DEFLATE\r\nc CAPABILITY\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
        said = back.decompress(client.transport.take())
        self.assertIn(b"b NO [COMPRESSIONACTIVE]", said)
        self.assertNotIn(b"COMPRESS=DEFLATE", said)
        other = self.login()
        self.assertEqual(other.say("a COMPRESS LZMA"), [b"a BAD There is no such compression"])
        self.assertIn(b"* BYE", other.say("b COMPRESS DEFLATE", "c NOOP")[0])
