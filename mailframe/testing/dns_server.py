"""A name server on loopback for tests of resolvers: UDP and TCP, zones written by hand, faults where wanted."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver

from mailframe.dns.servers import Server
from mailframe.dns.values import MXRecord, RecordType, SRVRecord
from mailframe.dns.wire import FORMERR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL

from .dns import ALIASES, FakeZones

ADDRESS: Final = "127.0.0.1"


class Behaviour(enum.Enum):
    """What a `FakeNameServer` does to a query, instead of answering it or besides."""

    SERVFAIL = "says that it failed"
    REFUSED = "says that it will not"
    NO_EDNS = "says FORMERR, without the question, to a query with EDNS"
    SILENT = "says nothing"
    TRUNCATE = "says nothing by UDP but that there is more by TCP"
    GARBAGE = "by UDP, sends octets that are no reply, with the right id"
    SHORT = "cuts the reply short, without saying so"
    WRONG_ID = "first sends a forged reply with another id, by UDP"
    FLOOD = "first sends a hundred of them"
    WRONG_QUESTION = "answers another question, by UDP"
    HALF = "leaves out what an alias leads to"
    NO_SOA = "does not say for how long there is nothing"
    CLOSE = "closes the connection of TCP without a reply"
    LIE = "sets AD whatever DNSSEC says"


_CODES: Final = {Behaviour.SERVFAIL: SERVFAIL, Behaviour.REFUSED: REFUSED}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that came: ``udp`` or ``tcp``, the name in lower case, the type, the id, with EDNS, and the port."""

    transport: str
    name: str
    kind: int
    number: int
    edns: bool
    port: int


class FakeNameServer:
    """Answers as a recursive resolver would that knows the zones.

    Args:
        reactor: of Twisted, a real one.
        zones: what is there; empty ones unless given.

    Attributes:
        zones: to write in, at any time.
        asked: all queries so far.
        server: where it listens, after `start`.
        delay: seconds before each reply.
    """

    def __init__(self, reactor: Any, zones: FakeZones | None = None) -> None:
        self.zones = FakeZones() if zones is None else zones
        self.asked: list[Asked] = []
        self.server = Server(ADDRESS, 0)
        self.delay = 0.0
        self._reactor = reactor
        self._behaviours: dict[str | None, frozenset[Behaviour]] = {}
        self._ports: list[Any] = []
        self._delayed: set[Any] = set()
        self._connections: set[_Connection] = set()

    def start(self) -> None:
        """Listens on a free port of loopback, by UDP and TCP."""
        for _ in range(20):
            stream = self._reactor.listenTCP(0, _Connections(self), interface=ADDRESS)
            number = stream.getHost().port
            try:
                self._ports = [stream, self._reactor.listenUDP(number, _Datagrams(self), interface=ADDRESS)]
            except CannotListenError:
                stream.stopListening()
                continue
            self.server = replace(self.server, port=number)
            return
        raise AssertionError("no port is free for both UDP and TCP")

    async def stop(self) -> None:
        """Ends everything."""
        for call in self._delayed:
            if call.active():
                call.cancel()
        for connection in list(self._connections):
            connection.abort()
        ports, self._ports = self._ports, []
        for port in ports:
            await port.stopListening()

    def behave(self, *behaviours: Behaviour, name: str | None = None) -> None:
        """From now on it does so for one name, or for all that have nothing of their own; none: it is good again."""
        self._behaviours[name] = frozenset(behaviours)

    def packets(self, query: bytes, transport: str, port: int) -> Iterator[bytes]:
        """What is sent back for a query, in its order; b"" closes a connection."""
        asked, message = self._read(query, transport, port)
        behaviours = self._behaviours.get(asked.name, self._behaviours.get(None, frozenset()))
        if Behaviour.SILENT in behaviours:
            return
        if transport == "tcp" and Behaviour.CLOSE in behaviours:
            yield b""
            return
        if transport == "udp":
            yield from self._forgeries(asked, behaviours)
        yield self._limited(self._reply(asked, message, behaviours), asked, behaviours)

    def _read(self, query: bytes, transport: str, port: int) -> tuple[Asked, dns.Message]:
        message = dns.Message()
        message.fromStr(query)
        question = message.queries[0]
        edns = any(header.type == 41 for header in message.additional)
        asked = Asked(transport, question.name.name.decode().lower(), question.type, message.id, edns, port)
        self.asked.append(asked)
        return asked, message

    def _forgeries(self, asked: Asked, behaviours: frozenset[Behaviour]) -> Iterator[bytes]:
        """What an attacker, or a broken server, sends before."""
        count = 100 if Behaviour.FLOOD in behaviours else int(Behaviour.WRONG_ID in behaviours)
        for number in range(1, count + 1):
            forged = self._message((asked.number + number) % 65536, asked)
            forged.answers.append(dns.RRHeader(asked.name, dns.A, payload=dns.Record_A("203.0.113.66")))
            yield forged.toStr()
        if Behaviour.GARBAGE in behaviours:
            yield asked.number.to_bytes(2, "big") + b"\xc0" * 40
        if Behaviour.WRONG_QUESTION in behaviours:
            yield self._message(asked.number, replace(asked, name="other.test")).toStr()

    def _message(self, number: int, asked: Asked) -> dns.Message:
        message = dns.Message(id=number, answer=1, recDes=1, recAv=1, maxSize=0)
        message.addQuery(asked.name, asked.kind)
        return message

    def _reply(self, asked: Asked, query: dns.Message, behaviours: frozenset[Behaviour]) -> dns.Message:
        reply = self._message(asked.number, asked)
        if asked.edns and Behaviour.NO_EDNS in behaviours:
            reply.rCode, reply.queries = FORMERR, []
            return reply
        for behaviour, code in _CODES.items():
            if behaviour in behaviours:
                reply.rCode = code
                return reply
        if asked.kind not in {int(kind) for kind in RecordType}:
            reply.rCode = NOTIMP
            return reply
        secure = self._fill(reply, asked, behaviours)
        reply.authenticData = int((secure or Behaviour.LIE in behaviours) and query.authenticData)
        return reply

    def _fill(self, reply: dns.Message, asked: Asked, behaviours: frozenset[Behaviour]) -> bool:
        """Puts records in; is all of it signed?"""
        kind, name = RecordType(asked.kind), asked.name
        secure = self.zones.signed(name or ".")
        for _ in range(ALIASES):
            alias = self.zones.find(name or ".", RecordType.CNAME)
            if not alias or kind is RecordType.CNAME:
                break
            reply.answers.append(self._record(name, RecordType.CNAME, alias[0]))
            name = str(alias[0])
            secure = secure and self.zones.signed(name)
            if Behaviour.HALF in behaviours:
                return secure
        records = self.zones.find(name or ".", kind)
        reply.answers.extend(self._record(name, kind, record) for record in records)
        if not records:
            reply.rCode = 0 if not name or self.zones.exists(name) else NXDOMAIN
            if Behaviour.NO_SOA not in behaviours:
                lifetime = int(self.zones.lifetime(name or ".", kind))
                soa = dns.Record_SOA(b"ns.test", b"hostmaster.test", 1, 1, 1, 1, lifetime, ttl=lifetime)
                reply.authority.append(dns.RRHeader(b"", dns.SOA, ttl=lifetime, payload=soa))
        return secure

    def _record(self, name: str, kind: RecordType, record: object) -> dns.RRHeader:
        lifetime = int(self.zones.lifetime(name or ".", kind))
        return dns.RRHeader(name, int(kind), ttl=lifetime, payload=_payload(kind, record, lifetime))

    def _limited(self, reply: dns.Message, asked: Asked, behaviours: frozenset[Behaviour]) -> bytes:
        packet = bytes(reply.toStr())
        if Behaviour.SHORT in behaviours:
            return packet[:-3]
        limit = (1232 if asked.edns else 512) if asked.transport == "udp" else 65535
        if len(packet) > limit or (asked.transport == "udp" and Behaviour.TRUNCATE in behaviours):
            short = self._message(asked.number, asked)
            short.trunc = 1
            return bytes(short.toStr())
        return packet

    def later(self, send: Any, packet: bytes) -> None:
        """Sends, after the delay if there is one."""
        if self.delay <= 0:
            send(packet)
            return
        self._delayed.add(self._reactor.callLater(self.delay, send, packet))

    def opened(self, connection: _Connection) -> None:
        """A connection began."""
        self._connections.add(connection)

    def closed(self, connection: _Connection) -> None:
        """It ended."""
        self._connections.discard(connection)


def _tlsa(octets: bytes, lifetime: int) -> Any:
    """A record of TLSA, which Twisted does not know."""
    unknown: Any = dns.UnknownRecord
    record = unknown(octets, ttl=lifetime)
    record.TYPE = int(RecordType.TLSA)
    return record


def _payload(kind: RecordType, record: object, lifetime: int) -> Any:
    if isinstance(record, MXRecord):
        return dns.Record_MX(record.preference, record.exchange, ttl=lifetime)
    if isinstance(record, SRVRecord):
        return dns.Record_SRV(record.priority, record.weight, record.port, record.target, ttl=lifetime)
    if isinstance(record, bytes) and kind is RecordType.TXT:
        strings = [record[place : place + 255] for place in range(0, len(record), 255)] or [b""]
        return dns.Record_TXT(*strings, ttl=lifetime)
    if isinstance(record, bytes):
        return _tlsa(record, lifetime)
    made: dict[RecordType, Any] = {
        RecordType.A: dns.Record_A,
        RecordType.AAAA: dns.Record_AAAA,
        RecordType.NS: dns.Record_NS,
        RecordType.CNAME: dns.Record_CNAME,
        RecordType.PTR: dns.Record_PTR,
    }
    return made[kind](str(record), ttl=lifetime)


class _Datagrams(DatagramProtocol):
    def __init__(self, owner: FakeNameServer) -> None:
        self._owner = owner

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        def send(packet: bytes) -> None:
            if self.transport is not None:
                self.transport.write(packet, addr)

        for packet in self._owner.packets(datagram, "udp", addr[1]):
            self._owner.later(send, packet)


class _Connection(Int16StringReceiver):
    def __init__(self, owner: FakeNameServer) -> None:
        self._owner = owner

    def connectionMade(self) -> None:
        self._owner.opened(self)

    def stringReceived(self, string: bytes) -> None:
        wire: Any = self.transport

        def send(packet: bytes) -> None:
            if packet:
                wire.write(len(packet).to_bytes(2, "big") + packet)
            else:
                wire.loseConnection()

        for packet in self._owner.packets(string, "tcp", wire.getPeer().port):
            self._owner.later(send, packet)

    def connectionLost(self, reason: Any = None) -> None:
        self._owner.closed(self)

    def abort(self) -> None:
        wire: Any = self.transport
        wire.abortConnection()


class _Connections(Factory):
    def __init__(self, owner: FakeNameServer) -> None:
        self._owner = owner

    def buildProtocol(self, addr: Any) -> _Connection:
        return _Connection(self._owner)
