"""What the server's connections share."""

from __future__ import annotations

import gc
import sys
import weakref

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, RecordingDelivery, fake_reception


class LimitedServerTests(SynchronousTestCase):
    """One client, or all of them, cannot take every connection."""

    def test_in_the_server(self) -> None:
        """The connection too many gets 421 and ends; when another ends there is room again."""
        clock = Clock()
        factory = SMTPServerFactory(fake_reception(), SMTPSettings(connections_limit_per_network=1), clock)
        first, second = Client(factory, clock), Client(factory, clock)
        self.assertTrue(first.greeting[0].startswith("220"))
        self.assertTrue(second.greeting[0].startswith("421 4.7.0"))
        self.assertTrue(second.closed)
        second.lose()
        self.assertTrue(Client(factory, clock, "192.0.2.2").greeting[0].startswith("220"))
        first.lose()
        self.assertTrue(Client(factory, clock).greeting[0].startswith("220"))


class LeftoverTests(SynchronousTestCase):
    """Connections that are over."""

    def test_thrown_away(self) -> None:
        """A connection that is thrown away while it waits, as in tests and at exit, ends without a word."""
        told: list[object] = []
        self.patch(sys, "unraisablehook", told.append)
        for _ in range(20):
            delivery = RecordingDelivery()
            delivery.waiting = Deferred()
            Client(SMTPServerFactory(fake_reception(delivery), SMTPSettings(), Clock()), Clock()).message(
                b"x\r\n", "bob@example.test"
            )
        gc.collect()
        self.assertEqual(told, [])

    def test_no_circles(self) -> None:
        """A connection that is over is gone at once, so that many short ones make no work for the garbage collector."""
        gc.disable()
        self.addCleanup(gc.enable)
        client = Client(SMTPServerFactory(fake_reception(), SMTPSettings(), Clock()), Clock())
        client.message(b"x\r\n", "bob@example.test")
        client.say("WHAT", "RCPT TO:x", "QUIT")
        protocol = weakref.ref(client.protocol)
        client.lose()
        del client
        self.assertIsNone(protocol())
