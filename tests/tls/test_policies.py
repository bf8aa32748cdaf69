"""TLSA records and policies as values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.tls.errors import Result
from mailframe.tls.policies import ClientPolicy, Level, TLSARecord, is_ip_address, usable_records

octet = st.integers(0, 255)
records = st.builds(TLSARecord, octet, octet, octet, st.binary(min_size=1, max_size=100))
likely = st.builds(
    TLSARecord,
    st.integers(0, 4),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from([b"", b"x", b"x" * 32, b"x" * 64]),
)


class TLSARecordTests(SynchronousTestCase):
    """Reading and writing."""

    @given(records)
    def test_round_trip(self, record: TLSARecord) -> None:
        """A record comes back as it was, from DNS and from a zone file."""
        self.assertEqual(record, TLSARecord.from_wire(record.to_wire()))
        self.assertEqual(record, TLSARecord.from_text(str(record)))

    @given(st.binary(max_size=80))
    def test_any_octets(self, octets: bytes) -> None:
        """Whatever a name server answers is a record or refused."""
        try:
            record = TLSARecord.from_wire(octets)
        except ValueError:
            self.assertLess(len(octets), 4)
        else:
            self.assertEqual(octets, record.to_wire())

    @given(st.text(max_size=80))
    def test_any_text(self, text: str) -> None:
        """So is whatever somebody writes."""
        try:
            TLSARecord.from_text(text)
        except ValueError:
            pass

    def test_zone_file(self) -> None:
        """Spaces in the digits, capitals, as zone files have them."""
        record = TLSARecord.from_text("3 1 1  AB cd\n12")
        self.assertEqual(TLSARecord(3, 1, 1, b"\xab\xcd\x12"), record)
        for wrong in ("3 1 1", "3 1 256 ab", "-1 1 1 ab", "3 1 1 abc", "3 1 1 xy", "٣ 1 1 ab"):
            self.assertRaises(ValueError, TLSARecord.from_text, wrong)

    @given(likely)
    def test_usable(self, record: TLSARecord) -> None:
        """Usages 2 and 3, known selectors, digests of the right length; nothing else."""
        length = len(record.association)
        expected = (
            record.usage in (2, 3)
            and record.selector in (0, 1)
            and (
                (record.matching == 0 and length > 0)
                or (record.matching == 1 and length == 32)
                or (record.matching == 2 and length == 64)
            )
        )
        self.assertEqual(expected, record.usable)

    @given(st.lists(likely, max_size=8))
    def test_strongest_digest(self, given_records: list[TLSARecord]) -> None:
        """Of several digests of one thing only the strongest counts; whole ones always do; order stays."""
        chosen = usable_records(given_records)
        self.assertEqual([r for r in given_records if r in chosen], list(chosen))
        for record in given_records:
            stronger = any(
                other.usable
                and (other.usage, other.selector) == (record.usage, record.selector)
                and other.matching > record.matching
                for other in given_records
            )
            kept = record.usable and (record.matching == 0 or not stronger)
            self.assertEqual(kept, record in chosen)


class ClientPolicyTests(SynchronousTestCase):
    """What a policy comes to."""

    def test_dane_without_usable_records(self) -> None:
        """TLSA records that nobody can use still promise TLS (RFC 7672 section 2.2)."""
        for tlsa in ((), (TLSARecord(1, 1, 1, b"x" * 32),), (TLSARecord(3, 1, 1, b"short"),)):
            policy = ClientPolicy(Level.DANE, ("a.test",), tlsa, source="dane").effective()
            self.assertEqual((Level.ENCRYPT, "dane"), (policy.level, policy.source))
        good = ClientPolicy(Level.DANE, (), (TLSARecord(3, 1, 1, b"x" * 32),))
        self.assertIs(good, good.effective())

    def test_values(self) -> None:
        """Policies can be compared and kept in caches."""
        self.assertEqual(
            1, len({ClientPolicy(Level.VERIFY, ("a.test",)), ClientPolicy(Level.VERIFY, ("a.test",))})
        )

    def test_addresses(self) -> None:
        """Addresses are told from names."""
        for text, answer in (
            ("192.0.2.1", True),
            ("2001:db8::1", True),
            ("fe80::1%eth0", True),
            ("a.test", False),
        ):
            self.assertEqual(answer, is_ip_address(text))

    def test_result_types(self) -> None:
        """Reports have the words of RFC 8460 section 4.3, all of them."""
        self.assertEqual(
            {
                "starttls-not-supported",
                "certificate-host-mismatch",
                "certificate-expired",
                "certificate-not-trusted",
                "validation-failure",
                "tlsa-invalid",
                "dnssec-invalid",
                "dane-required",
                "sts-policy-fetch-error",
                "sts-policy-invalid",
                "sts-webpki-invalid",
            },
            {result.value for result in Result},
        )
