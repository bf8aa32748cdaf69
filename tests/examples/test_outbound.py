"""The example of a router of one's own runs."""

from __future__ import annotations

import io
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from examples.outbound import service


def send(port: int) -> None:
    """One message by Python's own client."""
    from smtplib import SMTP

    with SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("alice@example.test", ["bob@example.org"], "Subject: hello\r\n\r\nA line.\r\n")


class OutboundTests(TestCase):
    """Mail goes in by SMTP and comes out where the example says."""

    def test_sent(self) -> Deferred[None]:
        """What the router takes is handed to the example's own way."""
        return Deferred.fromCoroutine(self.run_example())

    async def run_example(self) -> None:
        """Start it, send, wait for the line, stop it."""
        screen = io.StringIO()
        self.patch(sys, "stdout", screen)
        running = service(reactor, "tcp:0:interface=127.0.0.1")
        running.startService()
        role = running.getServiceNamed("router")
        await role.ready()
        try:
            await deferToThread(send, role._ports[0].getHost().port)
            for _ in range(100):
                if screen.getvalue():
                    break
                await deferLater(reactor, 0.05)
        finally:
            await running.stopService()
        self.assertIn(" to bob@example.org, ", screen.getvalue())
