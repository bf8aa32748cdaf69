"""CPU time of one inbound message in the SMTP server alone: in memory, with a delivery that only says yes.

Run: ``python benchmarks/smtp_inbound.py [--messages N]``. Each shape is measured several times in one run and the
best is told, since other work on the machine only ever makes it slower. Octets are those of the content.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from mailframe.delivery.interfaces import IDelivery
from mailframe.filters.trace import TraceFilter
from mailframe.message.mail import MailObject
from mailframe.message.status import OK, Status
from mailframe.policy.loops import LoopPolicy
from mailframe.routing.interfaces import Route
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import FixedRouter

LINE = b"The quick brown fox jumps over the lazy dog, and does so once more.\r\n"
HEADER = b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: a measure\r\n\r\n"
SEGMENT = 65536


@implementer(IDelivery)
class Accepting:
    """Says yes."""

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        return [OK] * len(routes)


def server() -> tuple[SMTPServerFactory, Clock]:
    clock = Clock()
    reception = Reception(
        FixedRouter(unknown=None), Accepting(), [LoopPolicy()], [TraceFilter("mx.example.test", clock)]
    )
    return SMTPServerFactory(reception, SMTPSettings(hostname="mx.example.test"), clock), clock


def session(factory: SMTPServerFactory, clock: Clock, segments: Iterator[bytes]) -> bytes:
    """One connection; every segment is one read from a socket."""
    transport = StringTransport()
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(transport)
    for segment in segments:
        protocol.dataReceived(segment)
        clock.advance(0)
    answers: bytes = transport.value()
    protocol.connectionLost()
    return answers


def lasting(content: bytes, count: int) -> Iterator[bytes]:
    yield b"EHLO client.example.test\r\n"
    for _ in range(count):
        yield b"MAIL FROM:<alice@example.test> SIZE=5000\r\n"
        yield b"RCPT TO:<bob@example.test>\r\n"
        yield b"DATA\r\n"
        yield from data(content)
    yield b"QUIT\r\n"


def pipelined(content: bytes, count: int) -> Iterator[bytes]:
    yield b"EHLO client.example.test\r\n"
    for _ in range(count):
        yield b"MAIL FROM:<alice@example.test> SIZE=5000\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
        yield from data(content)
    yield b"QUIT\r\n"


def data(content: bytes) -> Iterator[bytes]:
    octets = content + b".\r\n"
    for begin in range(0, len(octets), SEGMENT):
        yield octets[begin : begin + SEGMENT]


def measure(shape: str, size: int, messages: int) -> None:
    content = (HEADER + LINE * (size // len(LINE) + 1))[: size - 2] + b"\r\n"
    best = float("inf")
    for _ in range(5):
        factory, clock = server()
        began = time.process_time()
        if shape == "a session each":
            answers = b"".join(session(factory, clock, lasting(content, 1)) for _ in range(messages))
        else:
            make = pipelined if shape == "pipelined" else lasting
            answers = session(factory, clock, make(content, messages))
        best = min(best, time.process_time() - began)
        assert answers.count(b"250 2.0.0 OK, id") == messages
    print(
        f"{shape:16} {size:>9} octets: {best / messages * 1e6:8.1f} µs CPU a message, "
        f"{messages / best:8.0f} messages/s, {size * messages / best / 1e6:7.1f} MB/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    count = parser.parse_args().messages
    for shape in ("lasting session", "pipelined", "a session each"):
        measure(shape, 5000, count)
    measure("lasting session", 1_000_000, max(1, count // 50))


if __name__ == "__main__":
    main()
