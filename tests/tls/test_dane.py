"""DANE: every usage, selector and matching against every kind of chain (RFC 7672)."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from mailframe.tls.dane import CHAIN_LIMIT, RECORDS_LIMIT, _anchors, associated, authenticate
from mailframe.tls.dane import key_octets as octets_of_key
from mailframe.tls.errors import Result, TLSRefused
from mailframe.tls.names import identities
from mailframe.tls.policies import ClientPolicy, Level, TLSARecord

from .authorities import (
    NAME,
    authority,
    intermediate,
    issue,
    key_octets,
    root,
    self_signed,
    signed_for,
    stranger,
    tlsa,
    unknown_key,
)
from .test_client import ClientCase

FORMS = [(selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]


class MatrixTests(ClientCase):
    """Over real handshakes."""

    def dane(self, *records: TLSARecord, names: tuple[str, ...] = (NAME,)) -> ClientPolicy:
        return ClientPolicy(Level.DANE, names, records, source="dane")

    def test_own_certificate(self) -> None:
        """DANE-EE: the right certificate in every form; names, dates and authorities do not matter."""
        for issued in (
            issue(NAME),
            issue(NAME, expired=True),
            issue("other.test"),
            issue(NAME, ca=stranger()),
            self_signed(),
        ):
            for selector, matching in FORMS:
                policy = self.dane(tlsa(3, issued.chain[0], selector, matching))
                self.accepted(self.meet(issued, policy), "dane-ee")

    def test_another_certificate(self) -> None:
        """DANE-EE: any other is refused, though a public authority may have signed it."""
        for selector, matching in FORMS:
            policy = self.dane(tlsa(3, issue("other.test").chain[0], selector, matching))
            self.refused(self.meet(issue(NAME), policy), Result.CERTIFICATE_NOT_TRUSTED, "TLSA")

    def test_authority_shown(self) -> None:
        """DANE-TA: an authority in the chain, in every form."""
        for selector, matching in FORMS:
            policy = self.dane(tlsa(2, authority(intermediate()), selector, matching))
            self.accepted(self.meet(issue(NAME), policy), "dane-ta")

    def test_authority_not_shown(self) -> None:
        """DANE-TA: a root that the server leaves out works where the record has all of it, else it does not."""
        for selector, matching in FORMS:
            meeting = self.meet(issue(NAME), self.dane(tlsa(2, authority(root()), selector, matching)))
            if matching == 0:
                self.accepted(meeting, "dane-ta")
            else:
                self.refused(meeting, Result.CERTIFICATE_NOT_TRUSTED, "TLSA")

    def test_authority_needs_the_name(self) -> None:
        """DANE-TA: an authority signs for many, so the name counts; one of several is enough."""
        record = tlsa(2, authority(intermediate()))
        meeting = self.meet(issue("other.test"), self.dane(record))
        self.refused(meeting, Result.CERTIFICATE_HOST_MISMATCH, "other.test")
        self.accepted(
            self.meet(issue("other.test"), self.dane(record, names=(NAME, "other.test"))), "dane-ta"
        )

    def test_authority_needs_dates(self) -> None:
        """DANE-TA: an expired certificate is refused."""
        meeting = self.meet(issue(NAME, expired=True), self.dane(tlsa(2, authority(intermediate()))))
        self.refused(meeting, Result.CERTIFICATE_EXPIRED, "expired")

    def test_authority_of_somebody_else(self) -> None:
        """DANE-TA: an authority shown but not above the certificate is none."""
        borrowed = issue(NAME, ca=stranger())
        liar = type(borrowed)([*borrowed.chain, authority(intermediate())], borrowed.key)
        for matching in (0, 1):
            policy = self.dane(tlsa(2, authority(intermediate()), 0, matching))
            self.refused(self.meet(liar, policy), Result.CERTIFICATE_NOT_TRUSTED, "authority")

    def test_own_certificate_is_no_authority(self) -> None:
        """DANE-TA does not mean the certificate itself (RFC 7671 section 5.2)."""
        for issued in (self_signed(NAME), issue(NAME)):
            for selector, matching in FORMS:
                policy = self.dane(tlsa(2, issued.chain[0], selector, matching))
                self.refused(self.meet(issued, policy), Result.CERTIFICATE_NOT_TRUSTED, "TLSA")

    def test_one_record_is_enough(self) -> None:
        """While keys change, records of the old and the new one stand together."""
        issued = issue(NAME)
        wrong = tlsa(3, issue("other.test").chain[0])
        right = tlsa(3, issued.chain[0])
        for records in ((wrong, right), (right, wrong), (tlsa(2, authority(stranger())), right)):
            self.accepted(self.meet(issued, self.dane(*records)), "dane-ee")

    def test_strongest_digest(self) -> None:
        """A matching SHA2-256 does not help where SHA2-512 does not match (RFC 7671 section 9)."""
        issued = issue(NAME)
        weak, strong = tlsa(3, issued.chain[0], 1, 1), tlsa(3, issue("other.test").chain[0], 1, 2)
        self.refused(self.meet(issued, self.dane(weak, strong)), Result.CERTIFICATE_NOT_TRUSTED, "TLSA")

    def test_nothing_usable(self) -> None:
        """PKIX usages and unknown numbers are as if there was no record, but TLS there must be."""
        for record in (
            tlsa(0, authority(root())),
            tlsa(1, issue(NAME).chain[0]),
            TLSARecord(3, 9, 1, b"x" * 32),
        ):
            self.accepted(self.meet(self_signed(), self.dane(record)), None)

    def test_no_short_cut(self) -> None:
        """The second connection looks at the certificate again."""
        issued = issue(NAME)
        self.meet(issued, self.dane(tlsa(3, issued.chain[0]))).close()
        self.assertEqual({}, dict(self.contexts._sessions))


class AuthenticateTests(ClientCase):
    """The decision itself."""

    def test_common_name(self) -> None:
        """With DANE-TA a certificate without DNS names is known by its common name (RFC 7672 section 3.2.3)."""
        ca = intermediate()
        issued = issue("192.0.2.1", common_name=NAME)
        record = tlsa(2, authority(ca))
        self.assertEqual("dane-ta", authenticate(issued.chain, [record], identities([NAME])))

    def test_purpose(self) -> None:
        """With DANE-TA a certificate for clients only is no server's."""
        issued = issue(NAME)
        record = tlsa(2, authority(intermediate()))
        for purposes, good in (
            ([ExtendedKeyUsageOID.CLIENT_AUTH], False),
            ([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH], True),
            ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
            ([], True),
        ):
            chain = [signed_for(issued.chain[0], purposes), *issued.chain[1:]]
            if good:
                self.assertEqual("dane-ta", authenticate(chain, [record], identities([NAME])))
                continue
            error = self.assertRaises(TLSRefused, authenticate, chain, [record], identities([NAME]))
            self.assertIn("not for servers", error.reason)

    def test_keys_of_unknown_kinds(self) -> None:
        """A key that nobody here knows can be told by a record; beside it the others are looked at as ever."""
        known, unknown = issue(NAME), unknown_key(NAME)
        digest = hashlib.sha256(octets_of_key(unknown)).digest()
        self.assertEqual("dane-ee", authenticate([unknown], [TLSARecord(3, 1, 1, digest)], ()))
        self.assertRaises(TLSRefused, authenticate, [unknown], [tlsa(3, known.chain[0])], ())
        chain = [*known.chain, unknown]
        for matching in (0, 1):
            record = tlsa(2, authority(intermediate()), 1, matching)
            self.assertEqual("dane-ta", authenticate(chain, [record], identities([NAME])))

    def test_key_as_written(self) -> None:
        """The key is compared as it stands in the certificate."""
        for issued in (issue(NAME), issue(NAME, key="RSA"), self_signed(NAME), self_signed()):
            for certificate in issued.chain:
                self.assertEqual(key_octets(certificate), octets_of_key(certificate))

    def test_key_of_version_1(self) -> None:
        """So it is in certificates of version 1, which do not say their version."""
        whole = self_signed().chain[0].public_bytes(Encoding.DER)
        fields = self_signed().chain[0].tbs_certificate_bytes[4:]
        self.assertEqual(bytes.fromhex("a003020102"), fields[:5])
        inner = b"\x30\x82" + len(fields[5:]).to_bytes(2) + fields[5:]
        outer = inner + whole[4 + 4 + len(fields) :]
        old = x509.load_der_x509_certificate(b"\x30\x82" + len(outer).to_bytes(2) + outer)
        self.assertEqual(x509.Version.v1, old.version)
        self.assertEqual(key_octets(old), octets_of_key(old))

    def test_long_chain(self) -> None:
        """A chain is not followed for ever."""
        chain = [
            *issue(NAME).chain[:1],
            *[authority(stranger())] * (CHAIN_LIMIT - 2),
            authority(intermediate()),
        ]
        record = tlsa(2, authority(intermediate()))
        self.assertEqual("dane-ta", authenticate(chain, [record], identities([NAME])))
        chain.insert(1, authority(stranger()))
        self.assertRaises(TLSRefused, authenticate, chain, [record], identities([NAME]))

    def test_thousands_of_records(self) -> None:
        """A zone with thousands of records costs no more than one with some: the rest is not looked at."""
        issued = issue(NAME)
        chain = [issued.chain[0], *[authority(intermediate())] * 100]
        right = tlsa(2, authority(intermediate()))
        wrong = [TLSARecord(2, 1, 1, number.to_bytes(32)) for number in range(2000)]
        self.assertEqual("dane-ta", authenticate(chain, [right] * 2000, identities([NAME])))
        self.assertEqual(1, len(_anchors(chain[:CHAIN_LIMIT], [right])))
        records = [*wrong[: RECORDS_LIMIT - 1], right]
        self.assertEqual("dane-ta", authenticate(chain, records, identities([NAME])))
        self.assertRaises(TLSRefused, authenticate, chain, [*wrong, right], identities([NAME]))

    def test_no_certificate(self) -> None:
        """A host that shows nothing is refused."""
        error = self.assertRaises(TLSRefused, authenticate, [], [TLSARecord(3, 1, 1, b"x" * 32)], ())
        self.assertEqual(Result.CERTIFICATE_NOT_TRUSTED, error.result)

    def test_no_usable_record(self) -> None:
        """Asked without a record to go by, it does not say yes."""
        error = self.assertRaises(TLSRefused, authenticate, issue(NAME).chain, [], ())
        self.assertEqual(Result.TLSA_INVALID, error.result)

    @given(
        st.lists(
            st.builds(TLSARecord, st.integers(2, 3), st.integers(0, 1), st.just(0), st.binary(min_size=1))
        )
    )
    def test_any_record(self, records: list[TLSARecord]) -> None:
        """Whatever the records hold, it ends in no for a chain they do not tell of."""
        self.assertRaises(TLSRefused, authenticate, issue(NAME).chain, records, identities([NAME]))

    @given(st.integers(0, 1), st.integers(0, 2), st.data())
    def test_one_bit(self, selector: int, matching: int, data: Any) -> None:
        """One wrong bit is enough."""
        certificate = issue(NAME).chain[0]
        right = tlsa(3, certificate, selector, matching)
        bit = data.draw(st.integers(0, len(right.association) * 8 - 1))
        octets = bytearray(right.association)
        octets[bit // 8] ^= 1 << bit % 8
        self.assertTrue(associated(right, certificate))
        self.assertFalse(associated(TLSARecord(3, selector, matching, bytes(octets)), certificate))
