"""Where domains want their reports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.tlsrpt.records import PLACES_LIMIT, parse_record

START = b"v=TLSRPTv1;"


class RecordTests(SynchronousTestCase):
    """The TXT record."""

    def test_places(self) -> None:
        """Mailboxes and URLs are read in their order, each once."""
        record = (
            START
            + b" rua=mailto:reports@Example.test , https://reports.example.test/v1?x=y,mailto:a%2Bb@example.test;"
        )
        self.assertEqual(
            (
                Address("reports", "example.test"),
                "https://reports.example.test/v1?x=y",
                Address("a+b", "example.test"),
            ),
            parse_record([b"v=spf1", record]),
        )

    def test_nobody(self) -> None:
        """No record, two records, and records without a place that is one mean no reports."""
        good = START + b"rua=mailto:a@example.test"
        for records in (
            [],
            [good, good],
            [b"v=TLSRPTv2;rua=mailto:a@example.test"],
            [START],
            [START + b"rua=http://example.test/"],
            [START + b"rua=mailto:postmaster"],
            [START + b"rua=mailto:a@b@c,ftp:x,https:///x,https://user:pw@example.test/,https://a:99999/"],
            [START + b"rua=mailto:a%0d%0ab@example.test"],
            [START + b"rua=https://example.test/\r\nX: y"],
        ):
            self.assertEqual((), parse_record(records), records)

    def test_bounded(self) -> None:
        """Of very many places the first few count."""
        places = b",".join(b"mailto:a%d@example.test" % number for number in range(50))
        self.assertEqual(PLACES_LIMIT, len(parse_record([START + b"rua=" + places])))

    @given(st.binary(max_size=80))
    def test_any(self, octets: bytes) -> None:
        """Whatever a record says, what is read is a mailbox or a URL of HTTPS in one line."""
        for place in parse_record([START + b"rua=" + octets]) + parse_record(
            [START + b"rua=https://" + octets]
        ):
            if isinstance(place, str):
                self.assertTrue(place.startswith("https://") and place.isprintable())
            else:
                self.assertIsInstance(place, Address)
