"""OAUTHBEARER and XOAUTH2 as a server reads them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.sasl.client_mechanisms import ClientCredentials, ClientOAuthBearer, ClientXOAuth2
from mailframe.sasl.server_oauth import LIMIT, OAuthBearer, XOAuth2
from mailframe.sasl.values import Challenge, Token

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


class OAuthBearerTests(SynchronousTestCase):
    """RFC 7628."""

    def test_example(self) -> None:
        """The message of RFC 7628 section 4.1."""
        message = (
            b"n,a=user@example.com,\1host=server.example.com\1port=143\1auth=Bearer "
            + TOKEN.encode()
            + b"\1\1"
        )
        self.assertEqual(OAuthBearer().step(message), Token("user@example.com", TOKEN))
        client = ClientOAuthBearer(
            ClientCredentials("user@example.com", token=TOKEN, host="server.example.com", port=143)
        )
        self.assertEqual(client.start(), message)

    def test_challenge(self) -> None:
        """Without an initial response the server asks."""
        self.assertEqual(OAuthBearer().step(None), Challenge(b""))

    def test_questions(self) -> None:
        """A client may leave its name to the token, and ask without one what is wanted (section 4.3)."""
        self.assertEqual(OAuthBearer().step(b"y,,\1auth=bearer x\1\1"), Token("", "x"))
        self.assertEqual(OAuthBearer().step(b"n,,\1auth=\1\1"), Token("", ""))

    def test_refusal(self) -> None:
        """A refused token is explained in JSON; the client's dummy answer ends it."""
        refusal = OAuthBearer().refusal(b',"scope":"mail"')
        assert refusal is not None
        self.assertEqual(json.loads(refusal), {"status": "invalid_token", "scope": "mail"})
        client = ClientOAuthBearer(ClientCredentials("a", token="x"))
        self.assertEqual(client.step(refusal), b"\1")
        self.assertEqual(client.refusal, refusal)
        self.assertRaises(ProtocolError, client.step, refusal)
        self.assertRaises(ProtocolError, client.finish)

    def test_malformed(self) -> None:
        """Each of these is the client's mistake."""
        for message in (
            b"",
            b"\1",
            b"n,,\1\1",
            b"n,,auth=Bearer x\1\1",
            b"n,,\1auth=Bearer x\1",
            b"n,,\1auth=Basic x\1\1",
            b"n,,\1auth=Bearer \1\1",
            b"n,,\1auth=Bearer a b\1\1",
            b"n,,\1auth=Bearer x\1auth=Bearer y\1\1",
            b"n,,\1host\1auth=Bearer x\1\1",
            b"p=tls-exporter,,\1auth=Bearer x\1\1",
            b"n,b=x,\1auth=Bearer x\1\1",
            b"n,,x\1auth=Bearer x\1\1",
            b"n,a=\xff,\1auth=Bearer x\1\1",
            b"n,,\1auth=Bearer " + b"x" * LIMIT + b"\1\1",
        ):
            self.assertRaises(ProtocolError, OAuthBearer().step, message)

    @given(st.binary(max_size=80))
    def test_anything(self, message: bytes) -> None:
        """Whatever comes is a claim with a token of allowed characters, or refused."""
        for mechanism in (OAuthBearer(), XOAuth2()):
            try:
                said = mechanism.step(message)
            except ProtocolError:
                continue
            assert isinstance(said, Token)
            self.assertTrue(said.token.isascii())


class XOAuth2Tests(SynchronousTestCase):
    """What was there before it."""

    def test_message(self) -> None:
        """Name and token."""
        message = b"user=someuser@example.com\1auth=Bearer ya29.vF9d\1\1"
        self.assertEqual(XOAuth2().step(message), Token("someuser@example.com", "ya29.vF9d"))
        client = ClientXOAuth2(ClientCredentials("someuser@example.com", token="ya29.vF9d"))
        self.assertEqual(client.start(), message)
        self.assertEqual(XOAuth2().step(None), Challenge(b""))

    def test_refusal(self) -> None:
        """A refused token is explained as clients of this mechanism know it; their answer has no octets."""
        refusal = XOAuth2().refusal(b"")
        assert refusal is not None
        self.assertEqual(json.loads(refusal)["status"], "401")
        self.assertEqual(ClientXOAuth2(ClientCredentials("a", token="x")).step(refusal), b"")

    def test_tokens_are_not_shown(self) -> None:
        """A token does not get into a log by accident."""
        self.assertNotIn("ya29", repr(Token("a", "ya29")))
