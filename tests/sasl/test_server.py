"""Which mechanisms a connection is offered."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailframe.sasl.server import CLEAR, ORDER, PASSWORDS, Channel, make, offered
from mailframe.sasl.server_scram import Scram
from mailframe.sasl.values import Certificate, Challenge

ABLE = ("PLAIN", "LOGIN", "SCRAM-SHA-256", "EXTERNAL", "XOAUTH2")
TLS = Channel(b"\1" * 32, "alice@example.test")


class OfferedTests(SynchronousTestCase):
    """What can be done, in the administrator's order."""

    def test_channel(self) -> None:
        """-PLUS needs a channel to bind to, EXTERNAL a certificate."""
        self.assertEqual(offered(ABLE, CLEAR), ("SCRAM-SHA-256", "XOAUTH2", "PLAIN", "LOGIN"))
        self.assertEqual(
            offered(ABLE, TLS),
            ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "XOAUTH2", "PLAIN", "LOGIN"),
        )
        self.assertEqual(offered((), TLS), ())
        self.assertEqual(offered([*ABLE, *ORDER], TLS), ORDER)

    def test_selection(self) -> None:
        """Some of it, in another order; what cannot be done is not offered all the same."""
        self.assertEqual(offered(ABLE, TLS, ("LOGIN", "CRAM-MD5", "EXTERNAL")), ("LOGIN", "EXTERNAL"))

    def test_make(self) -> None:
        """Only what is offered can be used."""
        self.assertRaises(KeyError, make, "CRAM-MD5", TLS, PASSWORDS)
        self.assertRaises(KeyError, make, "X", TLS, PASSWORDS)
        for name in ORDER:
            make(name, TLS, ORDER)
        self.assertIsInstance(make("SCRAM-SHA-1", CLEAR, ["SCRAM-SHA-1"]), Scram)

    def test_external(self) -> None:
        """The certificate's name is what is claimed, and whom the client wants to be."""
        external = make("EXTERNAL", TLS, ORDER)
        self.assertEqual(external.step(None), Challenge(b""))
        self.assertEqual(external.step(b""), Certificate("alice@example.test"))
        self.assertEqual(external.step("zoë".encode()), Certificate("alice@example.test", "zoë"))
