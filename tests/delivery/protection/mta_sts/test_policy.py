"""Records and policies of MTA-STS as domains write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.protection.mta_sts.policy import (
    MAX_AGE_LIMIT,
    Mode,
    PolicyInvalid,
    STSPolicy,
    parse_policy,
    parse_record,
)

TEXT = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmx: *.Example.test\r\nmax_age: 604800\r\n"
LABEL = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


class RecordTests(SynchronousTestCase):
    """The TXT record."""

    def test_id(self) -> None:
        """The id is read, white space or not, other fields or not."""
        for record in (
            b"v=STSv1; id=20260101T0;",
            b"v=STSv1;id=20260101T0",
            b"v=STSv1 ; x=y; id = 20260101T0 ",
        ):
            self.assertEqual("20260101T0", parse_record([b"v=spf1 -all", record]), record)

    def test_none(self) -> None:
        """No record, two of them, and one without a proper id are no policy."""
        good = b"v=STSv1; id=1;"
        for records in (
            [],
            [good, good],
            [b"v=STSv1"],
            [b"v=STSv1; id=a-b"],
            [b"v=STSv2; id=1"],
            [b"v=STSv1; id=\xff"],
        ):
            self.assertIsNone(parse_record(records), records)

    @given(st.lists(st.binary(max_size=60), max_size=3))
    def test_any(self, records: list[bytes]) -> None:
        """Whatever the DNS has, reading it raises nothing."""
        parse_record([b"v=STSv1;" + record for record in records])


class PolicyTests(SynchronousTestCase):
    """The policy."""

    def test_read(self) -> None:
        """A policy says what it wants of which hosts for how long."""
        policy = parse_policy(TEXT)
        self.assertEqual((Mode.ENFORCE, 604800), (policy.mode, policy.max_age))
        self.assertEqual(("mx.example.test", "*.example.test"), policy.mx)
        self.assertEqual(policy, parse_policy(policy.text.encode()))

    def test_hosts(self) -> None:
        """A wildcard stands for one label, no more and no less."""
        policy = parse_policy(TEXT.replace(b"mx: mx.example.test\r\n", b""))
        self.assertTrue(policy.lists("MX2.example.test."))
        self.assertFalse(policy.lists("example.test"))
        self.assertFalse(policy.lists("a.b.example.test"))
        self.assertFalse(policy.lists("mxexample.test"))
        self.assertTrue(parse_policy(TEXT).lists("mx.example.test"))

    def test_none(self) -> None:
        """A policy of mode none needs no hosts."""
        self.assertIs(Mode.NONE, parse_policy(b"version: STSv1\nmode: none\nmax_age: 1\n").mode)

    def test_first_counts(self) -> None:
        """Of two lines of one key the first counts; keys that nobody knows are passed over; ages have a bound."""
        policy = parse_policy(TEXT.replace(b"604800", b"9999999999") + b"mode: none\nfuture_key: x\n")
        self.assertEqual((Mode.ENFORCE, MAX_AGE_LIMIT), (policy.mode, policy.max_age))

    def test_wrong(self) -> None:
        """What is no policy is refused with the reason."""
        for wrong in (
            b"",
            b"<html>",
            b"\xff",
            TEXT.replace(b"STSv1", b"STSv2"),
            TEXT.replace(b"enforce", b"maybe"),
            TEXT.replace(b"604800", b"-1"),
            TEXT.replace(b"604800", "٣".encode()),
            b"version: STSv1\nmode: enforce\nmax_age: 1\n",
            TEXT.replace(b"mx.example.test", b"mx.*.test"),
            TEXT + b"mx: " + b"a" * 2000,
            TEXT + b"x: y\n" * 3000,
            TEXT + b"mx: a\x00b\n",
        ):
            with self.assertRaises(PolicyInvalid, msg=wrong[:60]):
                parse_policy(wrong)

    @given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
    def test_any(self, octets: bytes) -> None:
        """Whatever a host answers is a policy or refused, and nothing else happens."""
        for text in (octets, TEXT + octets):
            try:
                policy = parse_policy(text)
            except PolicyInvalid:
                continue
            self.assertEqual(policy, parse_policy(policy.text.encode()))

    @given(st.lists(LABEL, min_size=1, max_size=4), st.lists(LABEL, min_size=1, max_size=4))
    def test_wildcards(self, suffix: list[str], host: list[str]) -> None:
        """A wildcard lists exactly the hosts with one label before its suffix."""
        policy = STSPolicy(Mode.ENFORCE, 1, ("*." + ".".join(suffix),))
        self.assertEqual(host[1:] == suffix, policy.lists(".".join(host)))
        self.assertTrue(policy.lists(".".join(["x", *suffix])))
