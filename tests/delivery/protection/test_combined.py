"""The policy that comes of the configuration, DANE and MTA-STS together."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.protection.combined import TLSPolicies
from mailframe.delivery.protection.mta_sts.cache import MemoryPolicyCache
from mailframe.delivery.protection.mta_sts.policy import parse_policy
from mailframe.delivery.protection.mta_sts.source import MTASTS
from mailframe.delivery.protection.overrides import Overrides
from mailframe.dns.values import RecordType
from mailframe.message.status import MailframeError
from mailframe.tls.interfaces import ITLSPolicySource
from mailframe.tls.policies import ClientPolicy, Level, TLSARecord

from .mta_sts.test_policy import TEXT
from .mta_sts.test_source import NAME, Fetcher
from .test_dane import MX, RECORD
from .test_overrides import rule
from .zone import Told, Zone

UNUSABLE = TLSARecord(1, 1, 1, b"x" * 32)


class TLSPoliciesTests(SynchronousTestCase):
    """What counts more than what."""

    def setUp(self) -> None:
        self.zone, self.fetcher, self.told = Zone(), Fetcher(), Told()
        self.zone.put(MX, RecordType.A, "192.0.2.1")

    def with_dane(self, record: TLSARecord = RECORD) -> None:
        self.zone.put(f"_25._tcp.{MX}", RecordType.TLSA, record.to_wire())

    def with_sts(self, mode: bytes = b"enforce") -> None:
        self.zone.put(NAME, RecordType.TXT, b"v=STSv1; id=1;")
        self.fetcher.outcome = parse_policy(
            TEXT.replace(b"enforce", mode).replace(b"mx: *.Example.test\r\n", b"")
        )

    def source(self, *rules: object, **more: object) -> TLSPolicies:
        sts = MTASTS(self.zone, self.fetcher, MemoryPolicyCache(), lambda: 0.0, reports=self.told)
        return TLSPolicies(self.zone, Overrides(rules), mta_sts=sts, reports=self.told, **more)  # type: ignore[arg-type]

    def asking(
        self, source: TLSPolicies | None = None, host: str = MX, secure: bool = True
    ) -> Deferred[ClientPolicy]:
        return Deferred.fromCoroutine((source or self.source()).policy("example.test", host, secure=secure))

    def policy(self, source: TLSPolicies | None = None, host: str = MX, secure: bool = True) -> ClientPolicy:
        return self.successResultOf(self.asking(source, host, secure))

    def refused(self, source: TLSPolicies | None = None, host: str = MX, secure: bool = True) -> None:
        failure = self.failureResultOf(self.asking(source, host, secure), MailframeError)
        self.assertTrue(failure.value.status.temporary)

    def test_interface(self) -> None:
        """It is a source of policies."""
        verifyObject(ITLSPolicySource, self.source())

    def test_nothing(self) -> None:
        """Where nothing is known, TLS is used where it is offered, or demanded where so configured."""
        self.assertIs(Level.OPPORTUNISTIC, self.policy().level)
        self.assertIs(Level.ENCRYPT, self.policy(self.source(otherwise=Level.ENCRYPT)).level)

    def test_port(self) -> None:
        """Records count for the port that mail goes to, and for no other."""
        self.with_dane()
        asked = self.source().policy("example.test", MX, port=2525, secure=True)
        self.assertIs(Level.OPPORTUNISTIC, self.successResultOf(Deferred.fromCoroutine(asked)).level)

    def test_dane_first(self) -> None:
        """Records that can be used alone count, whatever MTA-STS says."""
        self.with_dane()
        for mode in (b"enforce", b"testing", b"none"):
            self.with_sts(mode)
            self.assertIs(Level.DANE, self.policy().level)

    def test_dane_fails(self) -> None:
        """When DNSSEC finds a forgery the host is not used, and MTA-STS does not open a way round."""
        self.with_sts()
        self.zone.fail(f"_25._tcp.{MX}", RecordType.TLSA)
        self.refused()
        self.assertEqual(["dnssec-invalid"], self.told.results)

    def test_unusable_records(self) -> None:
        """Records of which none can be used promise TLS; MTA-STS may ask for more, and never for less."""
        self.with_dane(UNUSABLE)
        self.assertIs(Level.ENCRYPT, self.policy().effective().level)
        self.with_sts()
        self.assertIs(Level.VERIFY, self.policy().level)
        self.with_sts(b"testing")
        self.assertIs(Level.ENCRYPT, self.policy().effective().level)
        self.assertTrue(self.policy().testing)

    def test_testing_and_encrypt(self) -> None:
        """A policy under test asks for no less than the configuration does of everybody."""
        self.with_sts(b"testing")
        self.assertIs(Level.ENCRYPT, self.policy(self.source(otherwise=Level.ENCRYPT)).level)

    def test_insecure_exchangers(self) -> None:
        """Where nothing proves that the host is the domain's, its records have no say."""
        self.with_dane()
        self.assertIs(Level.OPPORTUNISTIC, self.policy(secure=False).level)
        self.with_sts()
        self.assertIs(Level.VERIFY, self.policy(secure=False).level)

    def test_switched_off(self) -> None:
        """DANE can be switched off; then nobody is asked for records."""
        self.with_dane()
        self.assertIs(Level.OPPORTUNISTIC, self.policy(self.source(dane=False)).level)
        self.assertNotIn(RecordType.TLSA, [kind for _, kind in self.zone.asked])

    def test_enforce(self) -> None:
        """A policy that is enforced wants the host's certificate, and passes over hosts that it does not list."""
        self.with_sts()
        found = self.policy()
        self.assertEqual((Level.VERIFY, (MX,), "mta-sts"), (found.level, found.names, found.source))
        self.assertIn("mode: enforce", found.text)
        self.refused(host="mx.evil.test")
        self.assertEqual(["validation-failure"], self.told.results)

    def test_testing(self) -> None:
        """A policy under test stops no mail: what is wrong is told to reports only."""
        self.with_sts(b"testing")
        found = self.policy()
        self.assertEqual((Level.OPPORTUNISTIC, True, (MX,)), (found.level, found.testing, found.names))
        self.assertIs(Level.OPPORTUNISTIC, self.policy(host="mx.evil.test").level)
        self.assertEqual(["validation-failure"], self.told.results)

    def test_override(self) -> None:
        """What the configuration says of a domain counts more than all that it publishes."""
        self.with_dane()
        self.with_sts()
        for level in ("none", "opportunistic", "encrypt", "verify"):
            found = self.policy(self.source(rule("example.test", level=level)))
            self.assertEqual((level, "configuration"), (found.level.value, found.source))

    def test_dane_demanded(self) -> None:
        """Where the configuration demands DANE, a host without records, or not proved to be the right one, gets no mail."""
        source = self.source(rule("example.test", level="dane"), dane=False)
        self.refused(source)
        self.with_dane(UNUSABLE)
        self.refused(source)
        self.with_dane()
        self.refused(source, secure=False)
        self.assertEqual(["dane-required"] * 3, self.told.results)
        self.assertIs(Level.DANE, self.policy(source).level)

    def test_waived(self) -> None:
        """TLS-Required: No sets aside what domains publish, and nothing that the configuration demands."""
        self.with_dane()
        self.with_sts()

        def waived(source: TLSPolicies) -> Deferred[ClientPolicy]:
            return Deferred.fromCoroutine(source.policy("example.test", MX, secure=True, waived=True))

        self.assertIs(Level.OPPORTUNISTIC, self.successResultOf(waived(self.source())).level)
        self.assertEqual([], self.zone.asked)
        encrypt = self.source(otherwise=Level.ENCRYPT)
        self.assertIs(Level.ENCRYPT, self.successResultOf(waived(encrypt)).level)
        demanded = self.source(rule("example.test", level="dane"))
        self.assertIs(Level.DANE, self.successResultOf(waived(demanded)).level)
        self.zone.forget(f"_25._tcp.{MX}", RecordType.TLSA)
        self.failureResultOf(waived(demanded), MailframeError)

    def test_explained(self) -> None:
        """Each thing that was found out can be told."""
        self.with_sts()
        told: list[str] = []
        self.successResultOf(
            Deferred.fromCoroutine(self.source().explain("example.test", MX, secure=True, tell=told.append))
        )
        self.assertEqual(2, len(told))
        self.assertIn("enforce", told[1])

    def test_literal(self) -> None:
        """Mail to an address instead of a domain has no policy, and nobody is asked for one."""
        asking = Deferred.fromCoroutine(self.source().policy("[192.0.2.1]", "192.0.2.1"))
        self.assertIs(Level.OPPORTUNISTIC, self.successResultOf(asking).level)
        self.assertEqual([], self.zone.asked)

    def test_long_name(self) -> None:
        """A host whose name is too long to have records is not used where they count."""
        host = ".".join(["a" * 61] * 4)
        self.zone.put(host, RecordType.A, "192.0.2.1")
        self.refused(host=host)
