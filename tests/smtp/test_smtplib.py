"""The standard library's client against our server, over real sockets and real TLS."""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.filters.trace import TraceFilter
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import FixedAuthenticator, FixedRouter, RecordingDelivery
from mailframe.tls.development import make_certificate
from mailframe.tls.server import Contexts, wrap

MESSAGE = "Subject: Grüße\r\n\r\n.a dot\r\n..two\r\nÄ\r\n".encode()


class SMTPLibTests(TestCase):
    """What a client in wide use sees."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        clock = cast(IReactorTime, reactor)
        files = make_certificate(self.mktemp(), ["localhost"])
        self.context = ssl.create_default_context(cafile=files.certificate)
        contexts = Contexts([files])
        self.delivery = RecordingDelivery()
        reception = Reception(
            FixedRouter(unknown=None),
            self.delivery,
            filters=[TraceFilter("mx.example.test", clock)],
            authenticator=FixedAuthenticator({"bob@example.test": "secret"}),
        )
        self.factories: list[SMTPServerFactory] = []
        settings = SMTPSettings(hostname="mx.example.test", spill_directory=self.mktemp_directory())
        explicit = SMTPServerFactory(reception, settings, clock, contexts)
        implicit = SMTPServerFactory(reception, settings, clock, None, implicit_tls=True)
        self.factories = [explicit, implicit]
        self.port = self.listen(cast(IProtocolFactory, explicit))
        self.tls_port = self.listen(wrap(cast(IProtocolFactory, implicit), contexts, clock))

    def mktemp_directory(self) -> str:
        path = self.mktemp()
        os.mkdir(path)
        return path

    def listen(self, factory: IProtocolFactory) -> int:
        port = cast(IListeningPort, self.reactor.listenTCP(0, factory, interface="127.0.0.1"))  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        return cast(int, port.getHost().port)  # type: ignore[attr-defined]

    async def speak(self, speak: Callable[[], None]) -> None:
        """Speak in a thread; wait until the server has no connection left."""
        await deferToThread(speak)
        while any(factory.limits.open for factory in self.factories):
            await deferLater(cast(IReactorTime, self.reactor), 0.01)

    async def test_starttls_and_login(self) -> None:
        """STARTTLS, AUTH and 8-bit content with dots; the Received field tells of it."""

        def speak() -> None:
            with smtplib.SMTP("localhost", self.port, timeout=20) as client:
                client.starttls(context=self.context)
                client.login("bob@example.test", "secret")
                client.sendmail("bob@example.test", ["eve@example.test"], MESSAGE, ["BODY=8BITMIME"])

        await self.speak(speak)
        message = self.delivery.messages[0]
        trace, content = message.octets.split(b"Subject:", 1)
        self.assertEqual(b"Subject:" + content, MESSAGE)
        self.assertIn(b"with ESMTPSA", trace)
        self.assertIn(b"TLSv1.3 cipher", trace)
        self.assertEqual(message.mail.origin.login, "bob@example.test")

    async def test_implicit_tls(self) -> None:
        """Five megabytes under implicit TLS arrive octet for octet."""
        large = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 * 80_000

        def speak() -> None:
            with smtplib.SMTP_SSL("localhost", self.tls_port, timeout=20, context=self.context) as client:
                client.sendmail("bob@example.test", ["eve@example.test"], large + b"\r\n")

        await self.speak(speak)
        octets = self.delivery.messages[0].octets
        self.assertTrue(octets.endswith(large[-5_000_000:] + b"\r\n"))
        self.assertRegex(octets[:1000], rb"with ESMTPS\s")

    async def test_many_in_one_session(self) -> None:
        """A lasting session carries message after message; a refused one does not end it."""

        def speak() -> None:
            with smtplib.SMTP("localhost", self.port, timeout=20) as client:
                for number in range(50):
                    client.sendmail("bob@example.test", ["eve@example.test"], b"Subject: %d\r\n\r\n" % number)
                with self.assertRaises(smtplib.SMTPSenderRefused):
                    client.sendmail("bob@example.test", ["eve@example.test"], b"x", ["SIZE=99999999"])
                client.sendmail("bob@example.test", ["eve@example.test"], b"Subject: last\r\n\r\n")

        await self.speak(speak)
        self.assertEqual(len(self.delivery.messages), 51)
