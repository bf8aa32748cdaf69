"""The standard library's client reads mail over loopback, in clear and under TLS."""

from __future__ import annotations

import poplib
import ssl

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.pop3.server import POP3ServerFactory
from mailframe.pop3.settings import POP3Settings
from mailframe.tls.development import make_certificate
from mailframe.tls.server import Contexts, wrap

from .fixture import ALICE, make_factory

MESSAGES = (
    *(b"Subject: %d\r\n\r\n" % number + b".dot\r\n.\r\n8-bit \xff\r\n" * number for number in range(20)),
    b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n.\r\n") * 10_000,
)


class PoplibTests(TestCase):
    """Whole sessions over real sockets."""

    timeout = 30

    def setUp(self):
        self.certificate = make_certificate(self.mktemp(), ["localhost", "127.0.0.1"])
        contexts = Contexts([self.certificate])
        made = make_factory(reactor, POP3Settings(), messages=MESSAGES)
        self.factory = POP3ServerFactory(made.store, made.authenticator, made.settings, reactor, contexts)
        self.clear = self.listen(self.factory)
        self.encrypted = self.listen(wrap(self.factory, contexts, reactor))
        self.context = ssl.create_default_context(cafile=self.certificate.certificate)

    def listen(self, factory):
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port.getHost().port

    def read_all(self, client):
        """Log in, and compare all messages."""
        client.user(ALICE)
        client.pass_("secret word")
        self.assertEqual(client.stat(), (len(MESSAGES), sum(map(len, MESSAGES))))
        found = [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in range(1, len(MESSAGES) + 1)]
        self.assertEqual(found, list(MESSAGES))
        client.quit()
        return True

    async def test_stls(self):
        """STLS, login and every message octet for octet; without STLS there is no login."""

        def session():
            client = poplib.POP3("127.0.0.1", self.clear, timeout=20)
            self.assertIn("STLS", client.capa())
            self.assertRaises(poplib.error_proto, client.user, ALICE)
            client.stls(self.context)
            return self.read_all(client)

        self.assertTrue(await deferToThread(session))

    async def test_implicit_tls(self):
        """TLS from the first octet; messages can be deleted."""

        def session():
            client = poplib.POP3_SSL("127.0.0.1", self.encrypted, timeout=20, context=self.context)
            self.read_all(client)
            client = poplib.POP3_SSL("127.0.0.1", self.encrypted, timeout=20, context=self.context)
            client.user(ALICE)
            client.pass_("secret word")
            for number in range(1, len(MESSAGES)):
                client.dele(number)
            client.quit()
            client = poplib.POP3_SSL("127.0.0.1", self.encrypted, timeout=20, context=self.context)
            client.user(ALICE)
            client.pass_("secret word")
            left = client.stat()
            client.quit()
            return left

        self.assertEqual(await deferToThread(session), (1, len(MESSAGES[-1])))
