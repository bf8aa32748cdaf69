"""What asking the DNS costs: reading a reply, an answer from memory, and questions to a server on loopback.

Run: ``python benchmarks/dns.py``. Beside Twisted's own resolver (``twisted.names.client``: no EDNS, no AD, nothing
remembered) and, for reading, dnspython. The server is an unbound, started for this (Debian: ``unbound`` and
``ldnsutils``). Each figure is the best of several rounds; all questions are of different names.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
# This file's own name would hide dnspython.
sys.path[0] = str(ROOT)

from dns import message as dnspython  # noqa: E402
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults  # noqa: E402
from twisted.internet.task import react  # noqa: E402
from twisted.names import client, dns  # noqa: E402

from mailframe.dns.options import DNSOptions  # noqa: E402
from mailframe.dns.servers import Server  # noqa: E402
from mailframe.dns.stub import StubResolver  # noqa: E402
from mailframe.dns.values import RecordType  # noqa: E402
from mailframe.dns.wire import Question, decode_reply, encode_query  # noqa: E402
from tests.interop.unbound import Unbound  # noqa: E402

QUESTIONS = 2000
ROUNDS = 5
Ask = Callable[[str], Awaitable[object]]


def typical_reply() -> bytes:
    """Three MX records of one domain."""
    message = dns.Message(id=7, answer=1, recDes=1, recAv=1, maxSize=0)
    message.addQuery("example.test", dns.MX)
    for preference in (10, 20, 30):
        record = dns.Record_MX(preference, f"mx{preference}.example.test", ttl=300)
        message.answers.append(dns.RRHeader("example.test", dns.MX, ttl=300, payload=record))
    return bytes(message.toStr())


def microseconds(step: Callable[[], object], times: int = 2000) -> float:
    """Of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            step()
        best = min(best, time.perf_counter() - began)
    return best / times * 1e6


def tell(what: str, figure: str) -> None:
    """One line."""
    print(f"{what:<58} {figure:>18}", flush=True)


def codec() -> None:
    """Octets alone."""
    packet, question = typical_reply(), Question("example.test", RecordType.MX)
    theirs = dns.Message()
    tell("write a query", f"{microseconds(lambda: encode_query(7, question)):.1f} us")
    tell("read a reply with three MX records", f"{microseconds(lambda: decode_reply(packet)):.1f} us")
    tell("  the same by twisted.names.dns alone", f"{microseconds(lambda: theirs.fromStr(packet)):.1f} us")
    tell("  the same by dnspython", f"{microseconds(lambda: dnspython.from_wire(packet)):.1f} us")


async def rate(ask: Ask, together: int, label: str) -> tuple[float, float]:
    """Questions a second, and microseconds of processor time for each."""
    slots = DeferredSemaphore(together)
    best, spent = 0.0, 0.0
    for turn in range(ROUNDS):
        names = [f"n{number}-{turn}-{together}-{label}.wild.signed.test" for number in range(QUESTIONS)]
        began, used = time.perf_counter(), time.process_time()

        def one(name: str) -> Deferred[Any]:
            return slots.run(lambda: Deferred.fromCoroutine(_whole(ask, name)))

        await gatherResults([one(name) for name in names], consumeErrors=True)
        figure = QUESTIONS / (time.perf_counter() - began)
        if figure > best:
            best, spent = figure, (time.process_time() - used) / QUESTIONS * 1e6
    return best, spent


async def _whole(ask: Ask, name: str) -> object:
    return await ask(name)


async def network(reactor: Any, server: Server) -> None:
    """Questions to the server, and to memory."""
    ours = StubResolver(reactor, DNSOptions(servers=[str(server)], cache_size=64 * 1024 * 1024))
    theirs = client.Resolver(servers=[(server.address, server.port)], reactor=reactor)
    subjects: dict[str, Ask] = {
        "mailframe": lambda name: ours.lookup(name, RecordType.MX),
        "twisted": lambda name: theirs.lookupMailExchange(name),
    }
    for together in (1, 50):
        for label, ask in subjects.items():
            figure, spent = await rate(ask, together, label)
            tell(f"ask unbound, {together} at a time: {label}", f"{figure:.0f} /s, {spent:.0f} us")
    name = "n0-0-1-mailframe.wild.signed.test"
    await ours.lookup(name, RecordType.MX)
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(20000):
            await ours.lookup(name, RecordType.MX)
        best = min(best, time.perf_counter() - began)
    tell("an answer from memory", f"{best / 20000 * 1e6:.2f} us")


def main() -> None:
    """All of it."""
    codec()
    with tempfile.TemporaryDirectory(prefix="mf-dns-") as place:
        unbound = Unbound(Path(place))
        unbound.start()
        try:
            react(lambda reactor: Deferred.fromCoroutine(network(reactor, unbound.server)), [])
        finally:
            unbound.stop()


if __name__ == "__main__":
    main()
