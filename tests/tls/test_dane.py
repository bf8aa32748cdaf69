"""DANE: every usage, selector and matching against every kind of chain (RFC 7672)."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from mailframe.tls.dane import associated, authenticate
from mailframe.tls.errors import Result, TLSRefused
from mailframe.tls.names import identities
from mailframe.tls.policies import ClientPolicy, Level, TLSARecord

from .authorities import (
    NAME,
    authority,
    certificate_octets,
    intermediate,
    issue,
    key_octets,
    root,
    self_signed,
    stranger,
)
from .test_client import ClientCase

OCTETS = {0: certificate_octets, 1: key_octets}
DIGESTS: dict[int, Any] = {
    0: lambda octets: octets,
    1: lambda octets: hashlib.sha256(octets).digest(),
    2: lambda octets: hashlib.sha512(octets).digest(),
}
FORMS = [(selector, matching) for selector in OCTETS for matching in DIGESTS]


def tlsa(usage: int, certificate: x509.Certificate, selector: int = 1, matching: int = 1) -> TLSARecord:
    """The record of a certificate."""
    return TLSARecord(usage, selector, matching, DIGESTS[matching](OCTETS[selector](certificate)))


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
        issued = self_signed(NAME)
        policy = self.dane(tlsa(2, issued.chain[0]))
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
