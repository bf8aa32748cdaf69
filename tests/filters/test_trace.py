"""The Received field."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.filters.interfaces import IFilter
from mailframe.filters.trace import TraceFilter, address_literal, transmission
from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin, ProxyFacts, ProxyTLS, TLSFacts
from mailframe.testing.smtp import run

TLS = TLSFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
BOB = Recipient(Address("bob", "example.test"))


class TraceFilterTests(SynchronousTestCase):
    """Who gave us the message, how and when."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.filter = TraceFilter("mx.example.test", self.clock)

    def field(self, origin: Origin, *recipients: Recipient) -> str:
        mail = MailObject("0123456789ABCDEF", Envelope(None, list(recipients)), Content.of(b"x\r\n"), origin)
        return self.filter.field(mail).decode("ascii")

    def test_in_front(self) -> None:
        """The field comes first; the rest stays as it is."""
        verifyObject(IFilter, self.filter)
        origin = Origin("S", "192.0.2.1", helo="client.example.test", extended=True)
        mail = MailObject("ID", Envelope(None, [BOB]), Content.of(b"x\r\n"), origin)
        filtered = run(self.filter.filter(mail))
        assert isinstance(filtered, MailObject)
        self.assertEqual(filtered.content.octets(), self.filter.field(mail) + b"x\r\n")

    def test_whole_field(self) -> None:
        """It has the client's name and address, ours, TLS, protocol, id, the recipient and the time."""
        origin = Origin("S", "192.0.2.1", helo="client.example.test", extended=True, tls=TLS, login="bob")
        self.assertEqual(
            self.field(origin, BOB),
            "Received: from client.example.test ([192.0.2.1]) by mx.example.test\r\n"
            "\t(TLSv1.3 cipher TLS_AES_256_GCM_SHA384 bits 256) with ESMTPSA\r\n"
            "\tid 0123456789ABCDEF for <bob@example.test>; Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        )

    def test_internationalised(self) -> None:
        """An internationalised message is said to have come so, and its recipient is named in UTF-8."""
        origin = Origin("S", "192.0.2.1", helo="client.example.test", extended=True, tls=TLS)
        recipient = Recipient(Address("üse", "bücher.test"))
        envelope = Envelope(None, [recipient], {"SMTPUTF8": None})
        field = self.filter.field(MailObject("ID", envelope, Content.of(b"x\r\n"), origin)).decode()
        self.assertIn("with UTF8SMTPS", field)
        self.assertIn("for <üse@bücher.test>;", field)
        lmtp = Origin("S", "unix", protocol="lmtp", extended=True, login="x")
        self.assertEqual(transmission(lmtp, True), "UTF8LMTPA")

    def test_domain_in_ascii(self) -> None:
        """In any other message the field is ASCII: a domain is named by its A-labels, an address not at all."""
        origin = Origin("S", "192.0.2.1", helo="client.example.test", extended=True)
        self.assertIn(
            "for <bob@xn--bcher-kva.test>;", self.field(origin, Recipient(Address("bob", "bücher.test")))
        )
        self.assertNotIn(" for ", self.field(origin, Recipient(Address("üse", "bücher.test"))))

    def test_hidden_client(self) -> None:
        """Where clients are hidden, neither address nor name is told; all the rest is."""
        origin = Origin("S", "192.0.2.1", helo="client.example.test", extended=True, tls=TLS, login="bob")
        mail = MailObject("0123456789ABCDEF", Envelope(None, [BOB]), Content.of(b"x\r\n"), origin)
        self.assertEqual(
            self.filter.hiding().field(mail).decode("ascii"),
            "Received: by mx.example.test (TLSv1.3 cipher TLS_AES_256_GCM_SHA384 bits 256)\r\n"
            "\twith ESMTPSA id 0123456789ABCDEF for <bob@example.test>;\r\n"
            "\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
        )

    def test_ended_in_front(self) -> None:
        """TLS that ended at a balancer is named where it is trusted, as a fact of another hop: not by ESMTPS."""
        for tls, trusted, said in (
            (
                ProxyTLS(True, "TLSv1.3", "TLS_X"),
                True,
                "(TLS ended at a balancer: TLSv1.3 cipher TLS_X) with ESMTPA",
            ),
            (ProxyTLS(True), True, "(TLS ended at a balancer) with ESMTPA"),
            (
                ProxyTLS(True, "1) x", "a\r\nb"),
                True,
                "(TLS ended at a balancer) with",
            ),
            (
                ProxyTLS(True, "TLSv1.3", "X" * 100),
                True,
                "(TLS ended at a balancer: TLSv1.3) with",
            ),
            (ProxyTLS(True, "TLSv1.3", "TLS_X"), False, "by mx.example.test with ESMTPA"),
            (ProxyTLS(False, "TLSv1.3", "TLS_X"), True, "by mx.example.test with ESMTPA"),
        ):
            proxy = ProxyFacts("192.0.2.10", tls=tls, tls_trusted=trusted)
            origin = Origin("S", "192.0.2.1", extended=True, login="bob", proxy=proxy)
            self.assertIn(said, " ".join(self.field(origin).split()))
            origin.tls = TLS
            self.assertIn("bits 256) with ESMTPSA", " ".join(self.field(origin).split()))

    def test_several_recipients(self) -> None:
        """Of several recipients none is named: they need not know of each other."""
        self.assertNotIn(" for ", self.field(Origin("S", "192.0.2.1"), BOB, BOB))

    def test_transmission(self) -> None:
        """The protocol is told as RFC 3848 wants it."""
        for protocol, extended, tls, login, word in (
            ("smtp", False, None, None, "SMTP"),
            ("smtp", True, None, None, "ESMTP"),
            ("smtp", True, TLS, None, "ESMTPS"),
            ("smtp", True, None, "bob", "ESMTPA"),
            ("smtp", True, TLS, "bob", "ESMTPSA"),
            ("lmtp", True, None, None, "LMTP"),
            ("lmtp", True, TLS, "bob", "LMTPSA"),
        ):
            origin = Origin("S", "unix", protocol=protocol, extended=extended, tls=tls, login=login)
            self.assertEqual(transmission(origin), word)

    def test_literals(self) -> None:
        """Addresses are written as address literals."""
        self.assertEqual(address_literal("192.0.2.1"), "[192.0.2.1]")
        self.assertEqual(address_literal("2001:db8::1"), "[IPv6:2001:db8::1]")
        self.assertEqual(address_literal("::ffff:192.0.2.1"), "[192.0.2.1]")
        self.assertEqual(address_literal("fe80::1%eth0"), "[IPv6:fe80::1]")
        self.assertIsNone(address_literal("unix"))
        self.assertIn("from localhost (local socket)", self.field(Origin("S", "unix")))

    @given(
        st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255),
        st.sampled_from(["192.0.2.1", "2001:db8::1", "unix"]),
        st.booleans(),
    )
    def test_any_name(self, helo: str | None, peer: str, secure: bool) -> None:
        """Whatever the client calls itself, the field is one field, and its date can be read."""
        origin = Origin("S", peer, helo=helo, extended=True, tls=TLS if secure else None)
        lines = self.field(origin, BOB).split("\r\n")
        self.assertEqual(lines.pop(), "")
        self.assertTrue(lines[0].startswith("Received: from "))
        self.assertTrue(all(line.startswith("\t") and line.strip() for line in lines[1:]))
        self.assertLessEqual(max(map(len, lines)), max(78, len(helo or "") + 45))
        parsedate_to_datetime(lines[-1].rpartition(";")[2])
        self.assertEqual(" ".join(lines).count(";"), 1)
