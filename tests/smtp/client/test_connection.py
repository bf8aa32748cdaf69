"""TLS by policy, timeouts, slow servers, cancelled waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailframe.smtp.client.errors import TLSFailed
from mailframe.smtp.client.sender import SMTPClient
from mailframe.testing.smtp_server import SILENCE, Delayed
from mailframe.testing.wires import settle
from mailframe.tls.policies import ClientPolicy, Level

from .harness import MESSAGE, ClientCase, message

LARGE = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 30_000


class SlowCase(ClientCase):
    """Tests of servers that stop reading."""

    def pause_after(self, octets: int) -> Callable[[int], None]:
        """Let the server of the last connection read so much, and then no more until it is told so."""
        end = self.endpoint.wires[-1].server
        read, left = end.protocol.dataReceived, [octets]

        def reading(data: bytes) -> None:
            read(data)
            left[0] -= len(data)
            if left[0] <= 0:
                end.pauseProducing()

        def resume(more: int) -> None:
            left[0] = more
            end.resumeProducing()

        end.protocol.dataReceived = reading
        return resume


class TLSTests(ClientCase):
    """What each level of TLS does with each kind of server."""

    def begin(
        self, level: Level, *keywords: str, broken: str | None = None, **answers: Any
    ) -> Deferred[SMTPClient]:
        """Begin to connect."""
        self.serve(keywords, answers)
        self.endpoint.broken_tls = broken
        names = ("mx.example.test",) if level.authenticated else ()
        return self.start(self.connector().connect(self.target(policy=ClientPolicy(level, names))))

    def connect_with(self, level: Level, *keywords: str, **options: Any) -> SMTPClient:
        """A client, where one comes about."""
        return self.successResultOf(self.begin(level, *keywords, **options))

    def refused(self, level: Level, *keywords: str, **options: Any) -> str:
        """What connecting failed with."""
        error: Any = self.failureResultOf(self.begin(level, *keywords, **options), TLSFailed).value
        return str(error.status)

    def test_none(self) -> None:
        """Without TLS it is not begun, even where it is offered."""
        client = self.connect_with(Level.NONE, "STARTTLS")
        self.assertEqual(self.server.said, ["EHLO client.example.test"])
        self.assertIsNone(client.tls)

    def test_begun(self) -> None:
        """Where it is offered it is begun, and all that was said before is asked again."""
        for level in (Level.OPPORTUNISTIC, Level.ENCRYPT, Level.VERIFY):
            client = self.connect_with(level, "STARTTLS", "SIZE 5")
            self.assertEqual(
                self.server.said, ["EHLO client.example.test", "STARTTLS", "EHLO client.example.test"]
            )
            assert client.tls is not None
            self.assertEqual(client.tls.version, "TLSv1.3")
            self.assertEqual(client.verified, level is Level.VERIFY)
            self.assertNotIn("STARTTLS", client.capabilities)
            self.assertEqual(self.contexts.asked[-1][1], "mx.example.test")

    def test_not_offered(self) -> None:
        """Who demands TLS says nothing to a server without; an opportunist goes on in clear."""
        self.assertIn("4.7.4", self.refused(Level.ENCRYPT))
        self.assertIn("4.7.4", self.refused(Level.VERIFY))
        self.assertIsNone(self.connect_with(Level.OPPORTUNISTIC).tls)

    def test_refused(self) -> None:
        """A server that offers TLS and then does not begin it has none."""
        answers = {"STARTTLS": "454 4.7.0 Not now"}
        self.assertIn("4.7.4", self.refused(Level.ENCRYPT, "STARTTLS", **answers))
        self.assertIsNone(self.connect_with(Level.OPPORTUNISTIC, "STARTTLS", **answers).tls)

    def test_broken(self) -> None:
        """When the handshake fails an opportunist begins anew in clear; who demands TLS does not."""
        text = self.refused(Level.VERIFY, "STARTTLS", broken="the certificate has expired")
        self.assertEqual(text, "4.7.5 No TLS with mx.example.test: the certificate has expired")
        client = self.connect_with(Level.OPPORTUNISTIC, "STARTTLS", broken="no shared cipher")
        self.assertIsNone(client.tls)
        self.assertEqual(len(self.server.sessions), 2)
        self.assertEqual(self.server.said[-1], "EHLO client.example.test")

    def test_injected(self) -> None:
        """Octets behind the go-ahead for TLS were put there by somebody: the connection ends."""
        answers = {"STARTTLS": "220 Go on\r\n250 mx.example.test\r\n250 sneaked"}
        self.serve(["STARTTLS"], answers)
        policy = ClientPolicy(Level.OPPORTUNISTIC)
        connecting = self.start(self.connector().connect(self.target(policy=policy)))
        error: Any = self.failureResultOf(connecting).value
        self.assertEqual(error.status.code, "4.7.0")
        self.assertEqual(self.server.said, ["EHLO client.example.test", "STARTTLS"])

    def test_handshake_timeout(self) -> None:
        """A handshake that takes too long has failed."""
        self.serve(["STARTTLS"])
        self.server.tls = None
        policy = ClientPolicy(Level.ENCRYPT)
        connecting = self.start(self.connector().connect(self.target(policy=policy)))
        self.clock.advance(59)
        self.assertNoResult(connecting)
        self.clock.advance(1)
        settle(self.clock)
        self.failureResultOf(connecting, TLSFailed)


class TimeoutTests(SlowCase):
    """RFC 5321 section 4.5.3.2."""

    def test_opening(self) -> None:
        """The greeting and the hello may take five minutes each."""
        for step in ("CONNECT", "EHLO"):
            self.serve(answers={step: SILENCE})
            connecting = self.start(self.connector().connect(self.target()))
            self.clock.advance(299)
            settle(self.clock)
            self.assertNoResult(connecting)
            self.clock.advance(1)
            settle(self.clock)
            error: Any = self.failureResultOf(connecting).value
            self.assertEqual(error.status.code, "4.4.2")

    def test_each_phase(self) -> None:
        """Each phase has its own time; what ends by it is temporary, and only after the end it may have arrived."""
        for step, seconds, phase in (
            ("MAIL", 300, "mail"),
            ("RCPT", 300, "rcpt"),
            ("DATA", 120, "data"),
            ("END", 600, "end"),
        ):
            for keywords in ((), ("PIPELINING",)):
                self.serve(keywords, {step: SILENCE})
                client = self.connect()
                mail = message()
                sending = self.start(client.send(mail, mail.envelope.recipients))
                self.clock.advance(seconds - 1)
                settle(self.clock)
                self.assertNoResult(sending)
                self.clock.advance(1)
                settle(self.clock)
                (result,) = self.successResultOf(sending).recipients
                self.assertEqual(result.status.code, "4.4.2")
                self.assertIn(f"({phase})", result.status.text)
                self.assertEqual(result.possibly_delivered, step == "END")
                self.assertFalse(client.usable)

    def test_block(self) -> None:
        """A server that reads nothing of the message for three minutes is given up; one that reads slowly is not."""
        self.serve()
        client = self.connect()
        mail = message(LARGE)
        resume = self.pause_after(100_000)
        sending = self.start(client.send(mail, mail.envelope.recipients))
        self.clock.advance(179)
        resume(200_000)
        settle(self.clock)
        self.clock.advance(179)
        settle(self.clock)
        self.assertNoResult(sending)
        self.clock.advance(1)
        settle(self.clock)
        (result,) = self.successResultOf(sending).recipients
        self.assertEqual((result.status.code, result.possibly_delivered), ("4.4.2", False))

    def test_slow_answers(self) -> None:
        """The time begins anew with each answer."""
        self.serve(answers={step: Delayed(100, reply) for step, reply in
                            (("MAIL", "250 OK"), ("RCPT", "250 OK"), ("DATA", "354 Go"), ("END", "250 OK"))})  # fmt: skip
        client = self.connect()
        mail = message()
        sending = self.start(client.send(mail, mail.envelope.recipients))
        for _ in range(4):
            self.clock.advance(100)
            settle(self.clock)
        self.assertEqual(self.codes(self.successResultOf(sending)), ["2.0.0"])

    def test_idle(self) -> None:
        """An idle client waits for ever, and no timer is left when it is gone."""
        self.serve()
        client = self.connect()
        self.clock.advance(100_000)
        settle(self.clock)
        self.assertTrue(client.usable)
        self.run_now(client.quit())
        settle(self.clock)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_quit(self) -> None:
        """The goodbye is not waited for long."""
        self.serve(answers={"QUIT": SILENCE})
        client = self.connect()
        quitting = self.start(client.quit())
        self.clock.advance(10)
        settle(self.clock)
        self.successResultOf(quitting)
        self.clock.advance(10)
        settle(self.clock)
        self.assertTrue(self.server.sessions[0].lost)


class StreamTests(SlowCase):
    """Large messages."""

    def test_back_pressure(self) -> None:
        """A server that does not read holds back the message: little of it is in memory."""
        self.serve()
        client = self.connect()
        mail = message(LARGE)
        resume = self.pause_after(100_000)
        sending = self.start(client.send(mail, mail.envelope.recipients))
        self.assertNoResult(sending)
        self.assertLess(self.endpoint.wires[-1].server.waiting, 300_000)
        resume(len(LARGE))
        settle(self.clock)
        self.assertEqual(self.codes(self.successResultOf(sending)), ["2.0.0"])
        self.assertEqual(self.server.messages[0].octets, LARGE)

    def test_cancelled(self) -> None:
        """When nobody waits any more the connection ends: its answers belong to nobody."""
        self.serve(answers={"RCPT": SILENCE})
        client = self.connect()
        mail = message(MESSAGE)
        sending = self.start(client.send(mail, mail.envelope.recipients))
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        settle(self.clock)
        self.assertFalse(client.usable)
        self.assertTrue(self.server.sessions[0].lost)
