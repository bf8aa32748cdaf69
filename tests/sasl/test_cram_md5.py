"""CRAM-MD5 from both sides."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.sasl import cram_md5
from mailframe.sasl.client_mechanisms import ClientCramMD5, ClientCredentials
from mailframe.sasl.cram_md5 import CramMD5
from mailframe.sasl.values import Challenge, Digest


class CramMD5Tests(SynchronousTestCase):
    """RFC 2195."""

    def test_example(self) -> None:
        """The dialogue of RFC 2195 section 2."""
        challenge = b"<1896.697170952@postoffice.reston.mci.net>"
        server, client = CramMD5(challenge), ClientCramMD5(ClientCredentials("tim", "tanstaaftanstaaf"))
        self.assertEqual(server.step(None), Challenge(challenge))
        answer = client.step(challenge)
        self.assertEqual(answer, b"tim b913a602c7eda7a495b4e6e7334d3890")
        self.assertEqual(server.step(answer), Digest("tim", challenge, b"b913a602c7eda7a495b4e6e7334d3890"))
        kept = cram_md5.kept(b"tanstaaftanstaaf")
        self.assertEqual(cram_md5.digest(kept, challenge), b"b913a602c7eda7a495b4e6e7334d3890")

    def test_fresh_challenges(self) -> None:
        """A challenge never comes again."""
        challenges = {CramMD5().step(None) for _ in range(100)}
        self.assertEqual(len(challenges), 100)

    def test_malformed(self) -> None:
        """An initial response answers nothing; an answer is a name and a digest."""
        self.assertRaises(ProtocolError, CramMD5().step, b"tim b913a602c7eda7a495b4e6e7334d3890")
        for answer in (None, b"", b"tim", b"tim x", b" " + b"0" * 32, b"\xff " + b"0" * 32, b"0" * 2000):
            server = CramMD5()
            server.step(None)
            self.assertRaises(ProtocolError, server.step, answer)

    def test_client(self) -> None:
        """The client answers one challenge."""
        client = ClientCramMD5(ClientCredentials("tim", "x"))
        self.assertRaises(ProtocolError, client.step, b"")
        client.step(b"<1>")
        self.assertRaises(ProtocolError, client.step, b"<2>")

    @given(st.binary(max_size=200), st.binary(max_size=300))
    def test_digest(self, password: bytes, challenge: bytes) -> None:
        """From what is kept comes the same digest as from the password."""
        expected = hmac.digest(password, challenge, "md5").hex().encode()
        self.assertEqual(cram_md5.digest(cram_md5.kept(password), challenge), expected)

    def test_bad_secret(self) -> None:
        """What is no state of MD5 is told."""
        self.assertRaises(ValueError, cram_md5.digest, b"x", b"y")
