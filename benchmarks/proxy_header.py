"""What a listener behind a balancer costs, and that one without costs nothing.

Run: ``python benchmarks/proxy_header.py``. Connections are in memory, with the server's own protocol. A session has
a greeting, EHLO, two NOOPs and QUIT. Figures are microseconds of processor time, the best of several rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mailframe.dialogue.fronted import FrontedFactory
from mailframe.dialogue.proxy_header import ProxyHeader, encode_v1, encode_v2, parse_header
from mailframe.message.networks import Networks
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import fake_reception

ROUNDS, SESSIONS = 7, 300
SAID = (b"EHLO client.test\r\n", b"NOOP\r\n", b"NOOP\r\n", b"QUIT\r\n")
HEADER = ProxyHeader(2, False, "inet", "203.0.113.7", 56324, "198.51.100.25", 25)
BALANCER = IPv4Address("TCP", "192.0.2.10", 50000)


def session(factory: IProtocolFactory, header: bytes) -> Callable[[], None]:
    """One whole session."""

    def run() -> None:
        transport = StringTransport(peerAddress=BALANCER)
        protocol = factory.buildProtocol(BALANCER)
        assert protocol is not None
        protocol.makeConnection(transport)
        if header:
            protocol.dataReceived(header)
            # As Twisted's transports do: whoever is there now gets what comes.
            protocol = getattr(protocol, "_inner", None) or protocol
        for octets in SAID:
            protocol.dataReceived(octets)
        from twisted.internet.protocol import connectionDone

        protocol.connectionLost(connectionDone)

    return run


def microseconds(work: Callable[[], object]) -> float:
    """The time of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(SESSIONS):
            work()
        best = min(best, time.process_time() - began)
    return best / SESSIONS * 1e6


def main() -> None:
    """Measure and print."""
    clock = Clock()
    plain = SMTPServerFactory(fake_reception(), SMTPSettings(), clock)
    fronted = FrontedFactory(plain, Networks(["192.0.2.0/28"]), clock)
    one, two = encode_v1(HEADER), encode_v2(HEADER)
    checked = encode_v2(HEADER, checksum=True)
    for name, work in (
        ("a session, no balancer", session(plain, b"")),
        ("a session, version 1", session(fronted, one)),
        ("a session, version 2", session(fronted, two)),
        ("a session, version 2 with checksum", session(fronted, checked)),
        ("header of version 1 alone", lambda: parse_header(one)),
        ("header of version 2 alone", lambda: parse_header(two)),
        ("header of version 2 with checksum alone", lambda: parse_header(checked)),
    ):
        print(f"{name:42}{microseconds(work):9.1f} us")


if __name__ == "__main__":
    main()
