"""Before the first message: greeting, hello, and who does not answer."""

from __future__ import annotations

from mailframe.message.status import MailframeError
from mailframe.smtp.client.errors import Refused, TLSFailed, Unreachable
from mailframe.testing.smtp_server import DROP
from mailframe.tls.policies import ClientPolicy, Level

from .harness import ClientCase


class OpeningTests(ClientCase):
    """Before the first message."""

    def refused(self, kind: type[MailframeError], **settings: object) -> MailframeError:
        """What connecting is refused with."""
        failure = self.failureResultOf(self.start(self.connector(**settings).connect(self.target())), kind)
        error = failure.value
        assert isinstance(error, MailframeError)
        return error

    def test_greeting_refused(self) -> None:
        """A server may refuse by its greeting."""
        for answer, code in (("554 5.7.1 Not you", "5.7.1"), ("421 Busy", "4.3.2"), ("521 No mail", "5.3.2")):
            self.serve(answers={"CONNECT": answer})
            self.assertEqual(self.refused(MailframeError).status.code, code)

    def test_lost(self) -> None:
        """A connection that ends before the greeting or the hello is temporary."""
        for step in ("CONNECT", "EHLO"):
            self.serve(answers={step: DROP})
            self.assertEqual(self.refused(MailframeError).status.code, "4.4.2")

    def test_nobody_listens(self) -> None:
        """No connection is temporary."""
        self.serve()
        self.endpoint.server = None
        self.assertEqual(self.refused(Unreachable).status.code, "4.4.1")

    def test_connect_timeout(self) -> None:
        """A connection that does not come about is given up."""
        self.serve()
        self.endpoint.silent = True
        connecting = self.start(self.connector().connect(self.target()))
        self.clock.advance(29)
        self.assertNoResult(connecting)
        self.clock.advance(1)
        error = self.failureResultOf(connecting, Unreachable).value
        self.assertIn("too long", error.status.text)

    def test_helo(self) -> None:
        """Where EHLO is not known, HELO is said, and nothing is offered."""
        server = self.serve(answers={"EHLO": "500 What?"})
        self.assertEqual(self.codes(self.send(self.connect())), ["2.0.0"])
        self.assertEqual(
            server.said[:3],
            ["EHLO client.example.test", "HELO client.example.test", "MAIL FROM:<joe@sender.test>"],
        )
        self.serve(answers={"EHLO": "500 What?", "HELO": "550 5.7.1 No"})
        self.assertEqual(self.refused(Refused).status.code, "5.7.1")
        self.serve(answers={"EHLO": "451 4.3.0 Later"})
        self.assertEqual(self.refused(Refused).status.code, "4.3.0")

    def test_lmtp(self) -> None:
        """LMTP has LHLO, and no other word for it."""
        server = self.serve(protocol="lmtp")
        self.connect()
        self.assertEqual(server.said, ["LHLO client.example.test"])
        self.serve(answers={"LHLO": "500 What?"}, protocol="lmtp")
        self.refused(Refused)

    def test_no_tls_contexts(self) -> None:
        """Where TLS is demanded and not set up, nothing is sent."""
        self.serve(["STARTTLS"])
        connector = self.connector()
        connector._contexts = None
        target = self.target(policy=ClientPolicy(Level.ENCRYPT))
        self.failureResultOf(self.start(connector.connect(target)), TLSFailed)
