"""How a client reads replies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.smtp.wire.replies import Reply, ReplyReader, ascii_text


def read(octets: bytes, *cuts: int) -> list[Reply]:
    """All replies in some octets, cut into segments."""
    reader, found, start = ReplyReader(), [], 0
    for cut in [*sorted(cuts), len(octets)]:
        reader.feed(octets[start:cut])
        start = max(start, cut)
        while (reply := reader.next_reply()) is not None:
            found.append(reply)
    return found


class ReplyTests(SynchronousTestCase):
    """What servers say."""

    def one(self, octets: bytes) -> Reply:
        """The only reply, the same octet by octet."""
        (reply,) = read(octets)
        self.assertEqual(read(octets, *range(len(octets))), [reply])
        return reply

    def test_single_line(self) -> None:
        """A line has a code, perhaps an enhanced one, and a text."""
        self.assertEqual(self.one(b"250 2.1.0 Sender OK\r\n"), Reply(250, ("2.1.0 Sender OK",), (2, 1, 0)))
        self.assertEqual(self.one(b"250 OK\r\n"), Reply(250, ("OK",)))
        self.assertEqual(self.one(b"354 go on\r\n").intermediate, True)

    def test_several_lines(self) -> None:
        """A reply of several lines is one reply, and its enhanced code is told once."""
        reply = self.one(b"550-5.7.1 We do not\r\n550 5.7.1 like you\r\n")
        self.assertEqual((reply.code, reply.enhanced, reply.text), (550, (5, 7, 1), "We do not like you"))
        self.assertEqual(str(reply), "550 5.7.1 We do not like you")

    def test_oddities(self) -> None:
        """Real servers leave out the text or the CR, write tabs, and text that is no UTF-8."""
        self.assertEqual(self.one(b"250\r\n"), Reply(250, ("",)))
        self.assertEqual(self.one(b"250 \n").text, "")
        self.assertEqual(self.one(b"250-\n250\n"), Reply(250, ("", "")))
        self.assertEqual(self.one(b"250\tOK\r\n").text, "OK")
        self.assertEqual(self.one(b"550 caf\xe9 \x1b[2J \x00\r\n").text, "caf\ufffd ?[2J ?")
        self.assertEqual(self.one("550 Größe\r\n".encode()).text, "Größe")

    def test_enhanced_must_agree(self) -> None:
        """An enhanced code of another class than the reply is text."""
        reply = self.one(b"450 5.7.1 Later\r\n")
        self.assertEqual((reply.enhanced, reply.text), (None, "5.7.1 Later"))
        self.assertEqual(self.one(b"250 2.0.0.1 x\r\n").enhanced, None)
        self.assertEqual(self.one(b"550 5.1.1\r\n").enhanced, (5, 1, 1))

    def test_refused(self) -> None:
        """What is no reply, or has two codes, ends the dialogue."""
        for octets in (
            b"hello\r\n",
            b"25 x\r\n",
            b"150 x\r\n",
            b"650 x\r\n",
            b"250x\r\n",
            b"250-a\r\n251 b\r\n",
            b"\r\n",
        ):
            with self.assertRaises(ProtocolError) as caught:
                read(octets)
            self.assertTrue(caught.exception.fatal, octets)

    def test_bounds(self) -> None:
        """Endless lines and endless replies are given up, before they are whole."""
        for octets in (b"2" * 16384, b"250-x\r\n" * 256, b"250-" + b"x" * 1000 + b"\r\n"):
            with self.assertRaises(ProtocolError):
                read(octets * (100 if len(octets) < 2000 else 1))
        read(b"250 " + b"x" * (16384 - 6) + b"\r\n")
        with self.assertRaises(ProtocolError):
            read(b"250 " + b"x" * (16384 - 5) + b"\r\n")

    def test_status(self) -> None:
        """A reply becomes a status; without an enhanced code by what its code usually means."""
        self.assertEqual(Reply(550, ("5.1.1 no",), (5, 1, 1)).status("mx").enhanced, (5, 1, 1))
        self.assertEqual(Reply(550, ("5.1.1 no",), (5, 1, 1)).status("mx").text, "mx said: 550 5.1.1 no")
        self.assertEqual(Reply(421, ("bye",)).status().enhanced, (4, 3, 2))
        self.assertEqual(Reply(499, ("",)).status().enhanced, (4, 0, 0))
        self.assertEqual(Reply(250, ("",)).status().enhanced, (2, 0, 0))
        self.assertRaises(ValueError, Reply(354, ("",)).status)
        self.assertEqual(ascii_text("Größe\n" + "x" * 600)[:6], "Gr??e?")
        self.assertEqual(len(Reply(550, ("é" * 5000,)).status("mx").text), 500)

    def test_waiting(self) -> None:
        """What came behind a reply is known, so that nothing sneaks in before TLS."""
        reader = ReplyReader()
        reader.feed(b"220 go\r\n250 sneaked")
        self.assertEqual(reader.next_reply(), Reply(220, ("go",)))
        self.assertEqual(reader.waiting, 11)
        reader.clear()
        self.assertEqual(reader.waiting, 0)
        reader.feed(b"250-a\r\n")
        self.assertIsNone(reader.next_reply())
        self.assertEqual(reader.waiting, 7)

    @given(st.binary(max_size=400), st.lists(st.integers(0, 400)))
    def test_anything(self, octets: bytes, cuts: list[int]) -> None:
        """Whatever arrives gives replies or a protocol error, the same however it is cut."""

        def outcome(cuts: list[int]) -> object:
            try:
                return read(octets, *cuts)
            except ProtocolError as error:
                return str(error)

        self.assertEqual(outcome([cut for cut in cuts if cut <= len(octets)]), outcome([]))

    @given(
        st.lists(
            st.tuples(
                st.integers(200, 599),
                st.lists(
                    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
                    min_size=1,
                    max_size=4,
                ),
            ),
            max_size=6,
        ),
        st.lists(st.integers(0, 1500)),
    )
    def test_round_trip(self, replies: list[tuple[int, list[str]]], cuts: list[int]) -> None:
        """What a server writes is what is read, in order and in any segmentation."""
        octets = b"".join(
            b"".join(b"%d-%b\r\n" % (code, line.encode()) for line in lines[:-1])
            + b"%d %b\r\n" % (code, lines[-1].encode())
            for code, lines in replies
        )
        found = read(octets, *[cut for cut in cuts if cut <= len(octets)])
        self.assertEqual([(reply.code, list(reply.lines)) for reply in found], replies)
