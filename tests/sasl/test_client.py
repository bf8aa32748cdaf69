"""The client's mechanisms, and which it takes."""

from __future__ import annotations

from base64 import b64decode, b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import MailframeError, ProtocolError
from mailframe.sasl.client import ORDER, ClientCredentials, ClientLines, choose, make
from mailframe.sasl.server import ORDER as SERVERS_ORDER

ALL = ClientCredentials("alice", "secret", "token", certificate=True)
PASSWORD = ClientCredentials("alice", "secret")
BINDING = b"\1" * 32


class ChooseTests(SynchronousTestCase):
    """The strongest that both have."""

    def chosen(self, offered: str, credentials: ClientCredentials = PASSWORD, **named: object) -> str:
        arguments = {"secure": True, "binding": BINDING, **named}
        return choose(offered.split(), credentials, **arguments).name  # type: ignore[arg-type]

    def test_order(self) -> None:
        """Without the one, the next."""
        names = list(ORDER)
        while names:
            self.assertEqual(self.chosen(" ".join(reversed(names)), ALL), names[0])
            names.pop(0)

    def test_same_names(self) -> None:
        """Client and server have the same mechanisms."""
        self.assertEqual(sorted(ORDER), sorted(SERVERS_ORDER))

    def test_any_case(self) -> None:
        """Servers write the names as they like."""
        self.assertEqual(self.chosen("plain Login"), "PLAIN")

    def test_in_clear(self) -> None:
        """A password or a token is not sent in clear, unless that is wanted; SCRAM sends neither."""
        everything = "PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER EXTERNAL"
        for credentials in (PASSWORD, ALL):
            error = self.assertRaises(MailframeError, choose, everything.split(), credentials, secure=False)
            self.assertTrue(error.status.temporary)
        self.assertEqual(self.chosen("PLAIN SCRAM-SHA-1", secure=False, binding=None), "SCRAM-SHA-1")
        self.assertEqual(self.chosen("PLAIN", secure=False, clear=True), "PLAIN")

    def test_possible(self) -> None:
        """Only what there are credentials for."""
        self.assertEqual(self.chosen("EXTERNAL OAUTHBEARER SCRAM-SHA-1-PLUS PLAIN", binding=None), "PLAIN")
        token = ClientCredentials("alice", token="x")
        self.assertEqual(self.chosen("PLAIN XOAUTH2", token), "XOAUTH2")
        self.assertRaises(MailframeError, self.chosen, "PLAIN", token)
        self.assertRaises(MailframeError, self.chosen, "")
        self.assertRaises(MailframeError, self.chosen, "GSSAPI NTLM")
        self.assertRaises(ValueError, make, "PLAIN", token)
        self.assertRaises(KeyError, make, "GSSAPI", PASSWORD)

    def test_for_another(self) -> None:
        """A mechanism that cannot say whom we want to be is not taken then."""
        credentials = ClientCredentials("alice", "secret", authzid="bob")
        self.assertEqual(self.chosen("LOGIN CRAM-MD5 PLAIN", credentials), "PLAIN")
        self.assertRaises(MailframeError, self.chosen, "LOGIN CRAM-MD5", credentials)

    def test_channel_binding(self) -> None:
        """With it, -PLUS; where the server does not offer it, it is told that we could have."""
        first = choose(["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], PASSWORD, True, BINDING).start()
        assert first is not None
        self.assertTrue(first.startswith(b"p=tls-exporter,,"))
        for offered, binding, flag in (
            (["SCRAM-SHA-256"], BINDING, b"y,,"),
            (["SCRAM-SHA-256"], None, b"n,,"),
            (["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], None, b"n,,"),
        ):
            first = choose(offered, PASSWORD, True, binding).start()
            assert first is not None
            self.assertEqual(first[:3], flag)
        first = choose(
            ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], PASSWORD, True, BINDING, order=["SCRAM-SHA-256"]
        ).start()
        assert first is not None
        self.assertEqual(first[:3], b"n,,")


class LinesTests(SynchronousTestCase):
    """In base64."""

    def test_plain(self) -> None:
        """Everything at once, prepared; a name for another in front."""
        lines = ClientLines(make("PLAIN", ClientCredentials("al\u00adice", "se\u00a0cret", authzid="bob")))
        self.assertEqual(b64decode(lines.initial() or b""), b"bob\0alice\0se cret")
        self.assertRaises(ProtocolError, lines.answer, b"")
        lines.mechanism.finish()
        self.assertRaises(ValueError, make("PLAIN", ClientCredentials("a", "b\0c")).start)

    def test_login(self) -> None:
        """Name and password, whatever the server calls them; a third question is one too many."""
        lines = ClientLines(make("LOGIN", PASSWORD))
        self.assertIsNone(lines.initial())
        self.assertEqual(lines.answer(b64encode(b"User Name\0")), b64encode(b"alice"))
        self.assertEqual(lines.answer(b64encode(b"Kennwort")), b64encode(b"secret"))
        self.assertRaises(ProtocolError, lines.answer, b"")

    def test_external(self) -> None:
        """An initial response of no octets is written as such."""
        self.assertEqual(ClientLines(make("EXTERNAL", ALL)).initial(), b"=")
        credentials = ClientCredentials("", certificate=True, authzid="bob")
        self.assertEqual(ClientLines(make("EXTERNAL", credentials)).initial(), b64encode(b"bob"))

    @given(st.sampled_from(ORDER), st.lists(st.binary(max_size=40), max_size=3))
    def test_anything(self, name: str, challenges: list[bytes]) -> None:
        """Whatever a server says is answered in base64, or is the server's mistake."""
        lines = ClientLines(make(name, ALL, BINDING))
        lines.initial()
        for challenge in challenges:
            try:
                b64decode(lines.answer(challenge), validate=True)
            except ProtocolError as error:
                self.assertTrue(error.status.permanent)
