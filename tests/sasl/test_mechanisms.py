"""SASL mechanisms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.sasl.mechanisms import LIMIT, External, Login, Plain
from mailframe.sasl.server import ORDER, Channel, make
from mailframe.sasl.values import Challenge, Digest, KeysWanted, Password


class PlainTests(SynchronousTestCase):
    """PLAIN (RFC 4616)."""

    def test_initial_response(self) -> None:
        """The message may come with the command."""
        self.assertEqual(Password("tim", b"tanstaaftanstaaf"), Plain().step(b"\0tim\0tanstaaftanstaaf"))

    def test_challenge(self) -> None:
        """Without it the server asks with an empty challenge."""
        plain = Plain()
        self.assertEqual(Challenge(b""), plain.step(None))
        self.assertEqual(Password("Kurt", b"xipj3plmq", "Ursel"), plain.step(b"Ursel\0Kurt\0xipj3plmq"))

    def test_utf8(self) -> None:
        """Names are UTF-8; passwords stay octets."""
        self.assertEqual(Password("zoë", b"\xff"), Plain().step("\0zoë\0".encode() + b"\xff"))

    def test_malformed(self) -> None:
        """Anything else is the client's mistake."""
        for response in (
            b"",
            b"tim",
            b"\0tim",
            b"\0tim\0",
            b"\0\0password",
            b"a\0b\0c\0d",
            b"\0\xff\0password",
        ):
            error = self.assertRaises(ProtocolError, Plain().step, response)
            self.assertEqual((5, 5, 2), error.status.enhanced)
            self.assertFalse(error.fatal)

    def test_limit(self) -> None:
        """Names and passwords have a bound."""
        self.assertRaises(ProtocolError, Plain().step, b"\0tim\0" + b"x" * LIMIT)

    @given(
        st.text(min_size=1, max_size=60).filter(lambda t: "\0" not in t and t.isprintable()),
        st.binary(min_size=1, max_size=60).filter(lambda octets: b"\0" not in octets),
        st.text(max_size=60).filter(lambda t: "\0" not in t and t.isprintable()),
    )
    def test_any(self, authcid: str, password: bytes, authzid: str) -> None:
        """What a client puts together is taken apart the same."""
        message = b"\0".join((authzid.encode(), authcid.encode(), password))
        self.assertEqual(Password(authcid, password, authzid), Plain().step(message))


class LoginTests(SynchronousTestCase):
    """LOGIN, by custom."""

    def test_dialogue(self) -> None:
        """The server asks for the name, then for the password."""
        login = Login()
        self.assertEqual(Challenge(b"Username:"), login.step(None))
        self.assertEqual(Challenge(b"Password:"), login.step(b"tim"))
        self.assertEqual(Password("tim", b"secret"), login.step(b"secret"))

    def test_initial_response(self) -> None:
        """Some clients send the name with the command."""
        login = Login()
        self.assertEqual(Challenge(b"Password:"), login.step(b"tim"))
        self.assertEqual(Password("tim", b"secret"), login.step(b"secret"))

    def test_malformed(self) -> None:
        """Empty or endless responses, or a name that is no text, are refused."""
        self.assertRaises(ProtocolError, Login().step, b"")
        self.assertRaises(ProtocolError, Login().step, b"x" * (LIMIT + 1))
        login = Login()
        login.step(b"\xff")
        self.assertRaises(ProtocolError, login.step, b"secret")
        login = Login()
        login.step(b"tim")
        self.assertRaises(ProtocolError, login.step, b"")


class MechanismsTests(SynchronousTestCase):
    """All of them."""

    @given(st.sampled_from(ORDER), st.lists(st.none() | st.binary(max_size=40), max_size=4))
    def test_any_dialogue(self, name: str, responses: list[bytes | None]) -> None:
        """Whatever a client says: a challenge, a question, a claim, or its mistake; never a fault of ours."""
        mechanism = make(name, Channel(b"\1" * 32, "alice"), ORDER)
        for response in responses:
            try:
                answer = mechanism.step(response)
            except ProtocolError:
                return
            if isinstance(answer, Password):
                self.assertTrue(answer.authcid)
                self.assertTrue(answer.password)
            if not isinstance(answer, Challenge | KeysWanted):
                return

    def test_passwords_are_not_shown(self) -> None:
        """A password does not get into a log by accident."""
        self.assertNotIn("secret", repr(Password("tim", b"secret")))
        self.assertNotIn("0a0a", repr(Digest("tim", b"<1>", b"0a0a")))

    def test_external(self) -> None:
        """Whom a client wants to be is text, and bounded."""
        for response in (b"\0", b"\xff", b"x" * (LIMIT + 1)):
            self.assertRaises(ProtocolError, External("alice").step, response)
