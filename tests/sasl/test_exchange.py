"""SASL exchanges in lines of base64."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.sasl.client import ClientCredentials, ClientLines
from mailframe.sasl.client import make as make_client
from mailframe.sasl.exchange import CANCELLED, NOT_BASE64, Exchange
from mailframe.sasl.scram import MALFORMED, derive
from mailframe.sasl.server import CLEAR, ORDER, Channel, make
from mailframe.sasl.values import KeysWanted, Password, Proof

PLAIN = b64encode(b"\0bob\0secret")


def exchange_of(mechanism: str) -> Exchange:
    """A new exchange."""
    return Exchange(make(mechanism, CLEAR, ORDER))


class ExchangeTests(SynchronousTestCase):
    """What a server reads and says between the command and the check."""

    def test_initial_response(self) -> None:
        """A response that comes with the command spares a challenge."""
        self.assertEqual(exchange_of("PLAIN").begin(PLAIN), Password("bob", b"secret"))

    def test_challenges(self) -> None:
        """Challenges are base64, and so are the responses to them."""
        exchange = exchange_of("LOGIN")
        self.assertEqual(exchange.begin(None), b64encode(b"Username:"))
        self.assertEqual(exchange.answer(b64encode(b"bob")), b64encode(b"Password:"))
        self.assertEqual(exchange.answer(b64encode(b"secret")), Password("bob", b"secret"))

    def test_refused(self) -> None:
        """A cancelled exchange, what is not base64, and what is not the mechanism's each have their own status."""
        for line, status in ((b"*", CANCELLED), (b"=", NOT_BASE64), (b"a b", NOT_BASE64), (b"", MALFORMED)):
            exchange = exchange_of("PLAIN")
            exchange.begin(None)
            error = self.assertRaises(ProtocolError, exchange.answer, line)
            self.assertEqual((error.status, error.fatal), (status, False))

    def test_empty_initial_response(self) -> None:
        """Only with the command "=" stands for no octets, and "*" is no cancelling."""
        self.assertEqual(self.assertRaises(ProtocolError, exchange_of("PLAIN").begin, b"=").status, MALFORMED)
        self.assertEqual(
            self.assertRaises(ProtocolError, exchange_of("PLAIN").begin, b"*").status, NOT_BASE64
        )

    @given(st.sampled_from(ORDER), st.lists(st.binary(max_size=30), min_size=1, max_size=3))
    def test_anything(self, mechanism: str, lines: list[bytes]) -> None:
        """Whatever is sent, the exchange goes on, ends in a claim, or is refused as the client's mistake."""
        exchange = exchange_of(mechanism)
        try:
            said = exchange.begin(lines[0])
            for line in lines[1:]:
                if not isinstance(said, bytes):
                    break
                said = exchange.answer(line)
        except ProtocolError as error:
            self.assertTrue(error.status.permanent)

    def test_final(self) -> None:
        """What goes with success is one more challenge, and an empty line answers it."""
        exchange = exchange_of("SCRAM-SHA-256")
        client = ClientLines(make_client("SCRAM-SHA-256", ClientCredentials("bob", "secret")))
        self.assertEqual(exchange.begin(client.initial()), KeysWanted("bob", "SCRAM-SHA-256"))
        challenge = exchange.keys(derive("sha256", b"secret", b"salt", 4096))
        assert isinstance(challenge, bytes)
        self.assertEqual(exchange.answer(client.answer(challenge)), Proof("bob", True, "", "SCRAM-SHA-256"))
        line = client.answer(exchange.final)
        self.assertEqual(line, b"")
        exchange.confirm(line)
        self.assertRaises(ProtocolError, exchange.confirm, b"*")
        self.assertRaises(ProtocolError, exchange.confirm, b64encode(b"x"))

    def test_nothing_more(self) -> None:
        """Other mechanisms have nothing to say with success or failure, but for those with tokens."""
        self.assertEqual(exchange_of("PLAIN").final, b"")
        self.assertIsNone(exchange_of("PLAIN").refusal(b""))
        self.assertIsNotNone(Exchange(make("XOAUTH2", Channel(), ORDER)).refusal(b""))
