"""For tests of what asks the DNS: a resolver in memory whose zones are written by hand, and the contract suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.dns.interfaces import IResolver, LookupFailed
from mailframe.dns.questions import normal_name
from mailframe.dns.values import Answer, Found, MXRecord, RecordType, SRVRecord

ALIASES = 8
"""How many aliases are followed, one after the other."""


class FakeZones:
    """What the DNS of a test says: records by name and type, aliases, signed zones.

    Names are written in any case, with or without the last dot. All methods that add return the zones, so that calls
    can be chained.
    """

    def __init__(self) -> None:
        self._records: dict[tuple[str, RecordType], tuple[object, ...]] = {}
        self._lifetimes: dict[tuple[str, RecordType], float] = {}
        self._signed: set[str] = set()

    def add(self, name: str, kind: RecordType, *records: object, ttl: float = 300.0) -> FakeZones:
        """Sets the records of one name and type, in their order, in the form that `Answer` gives them."""
        self._records[normal_name(name), kind] = records
        self._lifetimes[normal_name(name), kind] = ttl
        return self

    def mx(self, name: str, *records: tuple[int, str] | str, ttl: float = 300.0) -> FakeZones:
        """Sets MX records: pairs of preference and exchange; a name alone has the preference 10; "" is Null MX."""
        pairs = [(10, each) if isinstance(each, str) else each for each in records]
        made = [MXRecord(0 if exchange == "" else preference, exchange) for preference, exchange in pairs]
        return self.add(name, RecordType.MX, *made, ttl=ttl)

    def host(self, name: str, *addresses: str, ttl: float = 300.0) -> FakeZones:
        """Sets the addresses of a host, both families: A and AAAA records."""
        four = [address for address in addresses if ":" not in address]
        six = [address for address in addresses if ":" in address]
        self.add(name, RecordType.A, *four, ttl=ttl)
        return self.add(name, RecordType.AAAA, *six, ttl=ttl)

    def txt(self, name: str, *records: bytes, ttl: float = 300.0) -> FakeZones:
        """Sets TXT records."""
        return self.add(name, RecordType.TXT, *records, ttl=ttl)

    def tlsa(self, name: str, *records: bytes, ttl: float = 300.0) -> FakeZones:
        """Sets TLSA records, each the octets of its data; ``name`` as ``_25._tcp.mx.example.org``."""
        return self.add(name, RecordType.TLSA, *records, ttl=ttl)

    def srv(self, name: str, *records: SRVRecord, ttl: float = 300.0) -> FakeZones:
        """Sets SRV records."""
        return self.add(name, RecordType.SRV, *records, ttl=ttl)

    def alias(self, name: str, target: str, ttl: float = 300.0) -> FakeZones:
        """Makes a name an alias of another (CNAME)."""
        return self.add(name, RecordType.CNAME, normal_name(target), ttl=ttl)

    def remove(self, name: str, kind: RecordType | None = None) -> FakeZones:
        """Takes away the records of one type, or all of a name."""
        for key in [key for key in self._records if key[0] == normal_name(name) and kind in (None, key[1])]:
            del self._records[key]
        return self

    def sign(self, *zones: str) -> FakeZones:
        """All at and below these names is proved by DNSSEC from now on, also that there is nothing; "." is all."""
        self._signed.update(map(normal_name, zones))
        return self

    def unsign(self, *zones: str) -> FakeZones:
        """Takes that back."""
        self._signed.difference_update(map(normal_name, zones))
        return self

    def find(self, name: str, kind: RecordType) -> tuple[object, ...]:
        """The records of one name and type alone; no alias is followed."""
        return self._records.get((normal_name(name), kind), ())

    def lifetime(self, name: str, kind: RecordType) -> float:
        """For how many seconds those are good; also that there are none."""
        return self._lifetimes.get((normal_name(name), kind), 300.0)

    def exists(self, name: str) -> bool:
        """Has the name, or any below it, been written of?"""
        plain = normal_name(name)
        return any(known == plain or known.endswith(f".{plain}") for known, _ in self._records)

    def signed(self, name: str) -> bool:
        """Is the name at or below one that was signed?"""
        plain = normal_name(name)
        return any(zone in ("", plain) or plain.endswith(f".{zone}") for zone in self._signed)

    def answer(self, name: str, kind: RecordType, now: float = 0.0) -> Answer:
        """What a resolver says, aliases followed.

        Raises:
            LookupFailed: aliases go round in circles.
        """
        asked = canonical = normal_name(name)
        secure, lifetime = self.signed(asked), self.lifetime(asked, kind)
        for _ in range(ALIASES + 1):
            alias = self.find(canonical, RecordType.CNAME)
            if kind is RecordType.CNAME or not alias:
                found = self._found(canonical, kind)
                records = self.find(canonical, kind)
                lifetime = min(lifetime, self.lifetime(canonical, kind))
                return Answer(asked, kind, found, records, canonical, secure, now + lifetime)
            lifetime = min(lifetime, self.lifetime(canonical, RecordType.CNAME))
            canonical = str(alias[0])
            secure = secure and self.signed(canonical)
        raise LookupFailed(f"too many aliases after {asked}", servfail=True)

    def _found(self, name: str, kind: RecordType) -> Found:
        if self.find(name, kind):
            return Found.RECORDS
        return Found.NO_RECORDS if self.exists(name) else Found.NO_NAME


@implementer(IResolver)
class FakeResolver:
    """Answers from zones that a test writes, with failures where it wants them.

    Args:
        zones: what is there; empty ones unless given.
        reactor: a clock; needed only for names that answer late.

    Attributes:
        zones: to write in, at any time: ``resolver.zones.mx("example.org", "mx.example.org")``.
        asked: name and type of all questions so far, in their order.
    """

    def __init__(self, zones: FakeZones | None = None, reactor: IReactorTime | None = None) -> None:
        self.zones = FakeZones() if zones is None else zones
        self.asked: list[tuple[str, RecordType]] = []
        self._reactor = reactor
        self._failures: dict[tuple[str, RecordType | None], bool] = {}
        self._delays: dict[str, float] = {}

    def servfail(self, name: str, kind: RecordType | None = None) -> None:
        """From now on a server says SERVFAIL of that name, for one type or all; of the names below it, too."""
        self._failures[normal_name(name), kind] = True

    def timeout(self, name: str, kind: RecordType | None = None) -> None:
        """From now on nobody answers for that name and those below it; with `delay`, only after that time."""
        self._failures[normal_name(name), kind] = False

    def delay(self, name: str, seconds: float) -> None:
        """From now on an answer to questions of that name takes so long by the clock."""
        self._delays[normal_name(name)] = seconds

    def heal(self, name: str | None = None) -> None:
        """Takes back all failures and delays, of one name or of all."""
        plain = None if name is None else normal_name(name)
        self._failures = {key: how for key, how in self._failures.items() if plain not in (None, key[0])}
        self._delays = {key: time for key, time in self._delays.items() if plain not in (None, key)}

    async def lookup(self, name: str, kind: RecordType) -> Answer:
        """See `IResolver.lookup`."""
        plain = normal_name(name)
        self.asked.append((plain, kind))
        if self._reactor is not None and (seconds := self._delays.get(plain, 0.0)) > 0:
            await deferLater(self._reactor, seconds)
        for failing in self._failing(plain, kind):
            raise LookupFailed(f"{plain} {kind.name} fails in this test", servfail=failing)
        return self.zones.answer(plain, kind, 0.0 if self._reactor is None else self._reactor.seconds())

    def _failing(self, name: str, kind: RecordType) -> list[bool]:
        """How the questions fail that this one is among."""
        return [
            servfail
            for (zone, only), servfail in self._failures.items()
            if (zone in ("", name) or name.endswith(f".{zone}")) and only in (None, kind)
        ]


class ResolverContract:
    """What every resolver must pass; mix with ``twisted.trial.unittest.TestCase``.

    A resolver's test overrides `make_resolver`.
    """

    async def make_resolver(self, zones: FakeZones) -> Any:
        """A resolver that answers from these zones; ending it is the test's business."""
        raise NotImplementedError

    async def filled(self) -> tuple[Any, FakeZones]:
        """A resolver, and zones with a bit of everything."""
        zones = FakeZones()
        zones.mx("example.test", (20, "b.example.test"), (10, "a.example.test"))
        zones.host("a.example.test", "192.0.2.1", "192.0.2.2", "2001:db8::1")
        zones.txt("example.test", b"v=spf1 -all", b"x" * 300)
        zones.alias("www.example.test", "a.example.test")
        zones.mx("never.test", "")
        zones.srv("_imaps._tcp.example.test", SRVRecord(0, 1, 993, "imap.example.test"))
        zones.add("1.2.0.192.in-addr.arpa", RecordType.PTR, "a.example.test")
        zones.tlsa("_25._tcp.a.signed.test", b"\x03\x01\x01" + bytes(range(32)))
        zones.host("a.signed.test", "192.0.2.9").sign("signed.test")
        return await self.make_resolver(zones), zones

    async def test_resolver_interface(self: Any) -> None:
        """It provides what it promises."""
        resolver, _ = await self.filled()
        self.assertTrue(verifyObject(IResolver, resolver))

    async def test_records_of_each_type(self: Any) -> None:
        """Each type of record comes in the form that its readers expect."""
        resolver, _ = await self.filled()
        ask: Callable[..., Any] = resolver.lookup
        answer = await ask("Example.TEST.", RecordType.MX)
        self.assertEqual(
            ("example.test", RecordType.MX, Found.RECORDS), (answer.name, answer.type, answer.found)
        )
        self.assertEqual(
            {MXRecord(10, "a.example.test"), MXRecord(20, "b.example.test")}, set(answer.exchanges)
        )
        self.assertEqual({"192.0.2.1", "192.0.2.2"}, set((await ask("a.example.test", RecordType.A)).texts))
        self.assertEqual(("2001:db8::1",), (await ask("a.example.test", RecordType.AAAA)).texts)
        self.assertEqual(
            {b"v=spf1 -all", b"x" * 300}, set((await ask("example.test", RecordType.TXT)).octets)
        )
        self.assertEqual((MXRecord(0, ""),), (await ask("never.test", RecordType.MX)).exchanges)
        service = await ask("_imaps._tcp.example.test", RecordType.SRV)
        self.assertEqual((SRVRecord(0, 1, 993, "imap.example.test"),), service.services)
        pointer = await ask("1.2.0.192.in-addr.arpa", RecordType.PTR)
        self.assertEqual(("a.example.test",), pointer.texts)

    async def test_nothing(self: Any) -> None:
        """It tells a name without such records from a name that is not there."""
        resolver, _ = await self.filled()
        self.assertIs(Found.NO_RECORDS, (await resolver.lookup("a.example.test", RecordType.MX)).found)
        self.assertIs(Found.NO_RECORDS, (await resolver.lookup("_tcp.example.test", RecordType.A)).found)
        answer = await resolver.lookup("nobody.example.test", RecordType.A)
        self.assertEqual((Found.NO_NAME, ()), (answer.found, answer.records))

    async def test_alias(self: Any) -> None:
        """An alias is followed, and the answer says to which name."""
        resolver, _ = await self.filled()
        answer = await resolver.lookup("www.example.test", RecordType.AAAA)
        self.assertEqual((("2001:db8::1",), "a.example.test"), (answer.texts, answer.canonical))
        nothing = await resolver.lookup("www.example.test", RecordType.MX)
        self.assertEqual((Found.NO_RECORDS, "a.example.test"), (nothing.found, nothing.canonical))
        alias = await resolver.lookup("www.example.test", RecordType.CNAME)
        self.assertEqual(("a.example.test",), alias.texts)

    async def test_secure(self: Any) -> None:
        """It says what DNSSEC proves, and of nothing else."""
        resolver, _ = await self.filled()
        answer = await resolver.lookup("_25._tcp.a.signed.test", RecordType.TLSA)
        self.assertEqual((True, (b"\x03\x01\x01" + bytes(range(32)),)), (answer.secure, answer.octets))
        self.assertTrue((await resolver.lookup("_26._tcp.a.signed.test", RecordType.TLSA)).secure)
        self.assertFalse((await resolver.lookup("a.example.test", RecordType.A)).secure)

    async def test_no_names(self: Any) -> None:
        """What can be no name is the asker's mistake, not a failure of the DNS."""
        resolver, _ = await self.filled()
        for name in (
            "",
            "a..test",
            ".test",
            "x" * 64 + ".test",
            "a." * 127 + "test",
            "b\xfccher.test",
            "a b.test",
        ):
            with self.assertRaises(ValueError, msg=name):
                await resolver.lookup(name, RecordType.A)
