"""SASL exchanges in lines of base64."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.sasl.exchange import CANCELLED, NOT_BASE64, Exchange
from mailframe.sasl.mechanisms import MALFORMED, Password

PLAIN = b64encode(b"\0bob\0secret")


class ExchangeTests(SynchronousTestCase):
    """What a server reads and says between the command and the check."""

    def test_initial_response(self) -> None:
        """A response that comes with the command spares a challenge."""
        self.assertEqual(Exchange("PLAIN").begin(PLAIN), Password("bob", b"secret"))

    def test_challenges(self) -> None:
        """Challenges are base64, and so are the responses to them."""
        exchange = Exchange("LOGIN")
        self.assertEqual(exchange.begin(None), b64encode(b"Username:"))
        self.assertEqual(exchange.answer(b64encode(b"bob")), b64encode(b"Password:"))
        self.assertEqual(exchange.answer(b64encode(b"secret")), Password("bob", b"secret"))

    def test_refused(self) -> None:
        """A cancelled exchange, what is not base64, and what is not the mechanism's each have their own status."""
        for line, status in ((b"*", CANCELLED), (b"=", NOT_BASE64), (b"a b", NOT_BASE64), (b"", MALFORMED)):
            exchange = Exchange("PLAIN")
            exchange.begin(None)
            error = self.assertRaises(ProtocolError, exchange.answer, line)
            self.assertEqual((error.status, error.fatal), (status, False))

    def test_empty_initial_response(self) -> None:
        """Only with the command "=" stands for no octets, and "*" is no cancelling."""
        self.assertEqual(self.assertRaises(ProtocolError, Exchange("PLAIN").begin, b"=").status, MALFORMED)
        self.assertEqual(self.assertRaises(ProtocolError, Exchange("PLAIN").begin, b"*").status, NOT_BASE64)

    @given(st.sampled_from(["PLAIN", "LOGIN"]), st.lists(st.binary(max_size=30), min_size=1, max_size=3))
    def test_anything(self, mechanism: str, lines: list[bytes]) -> None:
        """Whatever is sent, the exchange goes on, ends in a password, or is refused as the client's mistake."""
        exchange = Exchange(mechanism)
        try:
            said = exchange.begin(lines[0])
            for line in lines[1:]:
                if isinstance(said, Password):
                    break
                said = exchange.answer(line)
        except ProtocolError as error:
            self.assertTrue(error.status.permanent)
