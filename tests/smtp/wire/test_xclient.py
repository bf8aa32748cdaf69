"""Tests of the grammar of XCLIENT and XFORWARD."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.esmtp import encode_xtext
from mailframe.message.status import ProtocolError
from mailframe.smtp.wire.xclient import Absent, parse_xclient, parse_xforward


class XClientTests(SynchronousTestCase):
    """Attributes of a client."""

    def test_all(self) -> None:
        """Every attribute is read; addresses in one spelling, names in capitals."""
        read = parse_xclient(
            b"name=spike.example.test ADDR=IPv6:2001:DB8::7 Port=0025 PROTO=esmtp HELO=[192.0.2.7]"
            b" LOGIN=alice+2Btag@example.test DESTADDR=192.0.2.25 DESTPORT=25"
        )
        self.assertEqual(
            read.attributes,
            {
                "NAME": "spike.example.test",
                "ADDR": "2001:db8::7",
                "PORT": "25",
                "PROTO": "ESMTP",
                "HELO": "[192.0.2.7]",
                "LOGIN": "alice+tag@example.test",
                "DESTADDR": "192.0.2.25",
                "DESTPORT": "25",
            },
        )
        self.assertEqual(parse_xclient(b"ADDR=2001:db8::7").attributes, {"ADDR": "2001:db8::7"})

    def test_absent(self) -> None:
        """What is not available, in any case and encoded or not."""
        for value in (b"[UNAVAILABLE]", b"[unavailable]", b"[Un+41vailable]"):
            self.assertEqual(parse_xclient(b"ADDR=" + value).attributes, {"ADDR": Absent.UNAVAILABLE})
        self.assertEqual(parse_xclient(b"NAME=[TEMPUNAVAIL]").attributes, {"NAME": Absent.TEMPUNAVAIL})

    def test_not_encoded(self) -> None:
        """What is no xtext stands for itself: some programs do not encode."""
        self.assertEqual(parse_xclient(b"LOGIN=bob+tag@x.test").attributes, {"LOGIN": "bob+tag@x.test"})

    def test_refused(self) -> None:
        """Anything else is refused, with nothing believed of the whole line."""
        for line in (
            b"",
            b"ADDR",
            b"ADDR=",
            b"=x",
            b"IDENT=x",
            b"ADDR=192.0.2",
            b"ADDR=[192.0.2.7]",
            b"ADDR=fe80::1%eth0",
            b"ADDR=spike.example.test",
            b"PORT=65536",
            b"PORT=-1",
            b"PORT=3x",
            b"PROTO=LMTP",
            b"DESTADDR=x",
            b"NAME=a+0D+0Ab",
            b"NAME=a+20b",
            b"NAME=a+00b",
            b"NAME=\xc3\xa4",
            b"NAME=\xff",
            b"HELO=" + b"x" * 256,
            b"ADDR=192.0.2.7 ADDR=192.0.2.8",
            b"NAME=x nonsense",
        ):
            error = self.assertRaises(ProtocolError, parse_xclient, line)
            self.assertEqual((error.status.reply_code, error.status.code), (501, "5.5.4"), line)

    @given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80))
    def test_logins(self, text: str) -> None:
        """A name is read as it was encoded, or refused, whatever is in it."""
        try:
            read = parse_xclient(b"LOGIN=" + encode_xtext(text).encode()).attributes["LOGIN"]
        except ProtocolError:
            self.assertTrue(not text.isprintable() or " " in text or len(text.split()) != 1)
            return
        self.assertEqual(read if isinstance(read, str) else read.value, text)

    @given(st.binary(max_size=200))
    def test_garbage(self, octets: bytes) -> None:
        """Garbage is refused; nothing else happens."""
        for parse in (parse_xclient, parse_xforward):
            for argument in (octets, b"NAME=" + octets, b"ADDR=" + octets):
                try:
                    read = parse(argument)
                except ProtocolError:
                    continue
                for value in read.attributes.values():
                    if isinstance(value, str):
                        self.assertTrue(value.isprintable() and " " not in value)


class XForwardTests(SynchronousTestCase):
    """Attributes of a message's client."""

    def test_all(self) -> None:
        """Every attribute is read; the address may be one of another kind of network."""
        read = parse_xforward(
            b"NAME=spike.example.test ADDR=192.0.2.7 PORT=4711 PROTO=UUCP HELO=spike IDENT=4XyZ SOURCE=remote"
        )
        self.assertEqual(
            read.attributes,
            {
                "NAME": "spike.example.test",
                "ADDR": "192.0.2.7",
                "PORT": "4711",
                "PROTO": "UUCP",
                "HELO": "spike",
                "IDENT": "4XyZ",
                "SOURCE": "REMOTE",
            },
        )
        self.assertEqual(parse_xforward(b"ADDR=node!uucp").attributes, {"ADDR": "node!uucp"})

    def test_refused(self) -> None:
        """XCLIENT's own attributes and bad values are refused."""
        for line in (
            b"",
            b"LOGIN=alice",
            b"DESTADDR=192.0.2.1",
            b"SOURCE=here",
            b"PROTO=" + b"x" * 65,
            b"PORT=x",
        ):
            self.assertRaises(ProtocolError, parse_xforward, line)
