"""Tests of `mailframe.dns.wire`, with dnspython as the oracle."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailframe.dns.questions import normal_name
from mailframe.dns.values import MXRecord, RecordType, SRVRecord
from mailframe.dns.wire import MalformedReply, Question, Record, decode_reply, encode_query

LABELS = st.from_regex(r"\A[a-z0-9_-]{1,20}\Z")
NAMES = st.lists(LABELS, min_size=1, max_size=6).map(".".join)
QUESTIONS = st.builds(Question, NAMES, st.sampled_from(RecordType))
IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.ip_addresses(v=6).map(str)
SMALL = st.integers(0, 65535)
RECORDS = st.one_of(
    st.tuples(st.just(RecordType.A), IPV4),
    st.tuples(st.just(RecordType.AAAA), IPV6),
    st.tuples(st.sampled_from((RecordType.NS, RecordType.CNAME, RecordType.PTR)), NAMES),
    st.tuples(st.just(RecordType.MX), st.builds(MXRecord, SMALL, NAMES)),
    st.tuples(st.just(RecordType.SRV), st.builds(SRVRecord, SMALL, SMALL, SMALL, NAMES)),
    st.tuples(st.just(RecordType.TXT), st.binary(max_size=600)),
    st.tuples(
        st.just(RecordType.TLSA), st.binary(min_size=32, max_size=32).map(lambda end: b"\x03\x01\x01" + end)
    ),
)


def written(kind: RecordType, value: object) -> str:
    """A record as zone files have it."""
    if isinstance(value, MXRecord):
        return f"{value.preference} {value.exchange}."
    if isinstance(value, SRVRecord):
        return f"{value.priority} {value.weight} {value.port} {value.target}."
    if isinstance(value, bytes):
        if kind is RecordType.TXT:
            pieces = [value[place : place + 255] for place in range(0, len(value), 255)] or [b""]
            return " ".join('"' + "".join(f"\\{octet:03d}" for octet in piece) + '"' for piece in pieces)
        return f"{value[0]} {value[1]} {value[2]} {value[3:].hex()}"
    return str(value) if kind in (RecordType.A, RecordType.AAAA) else f"{value}."


def oracle(
    question: Question, *records: tuple[str, RecordType, object], number: int = 7
) -> dns.message.Message:
    """A reply as dnspython makes it; each record stands alone, so nothing is put together or sorted."""
    query = dns.message.make_query(f"{question.name}.", question.kind.name, use_edns=0, id=number)
    reply = dns.message.make_response(query, recursion_available=True)
    for owner, kind, value in records:
        reply.answer.append(dns.rrset.from_text(f"{owner}.", 300, "IN", kind.name, written(kind, value)))
    return reply


GOOD = oracle(
    Question("a.test", RecordType.MX),
    ("a.test", RecordType.CNAME, "b.test"),
    ("b.test", RecordType.MX, MXRecord(10, "mx.b.test")),
    ("b.test", RecordType.TXT, b"v=spf1 -all"),
    ("b.test", RecordType.SRV, SRVRecord(1, 2, 3, "s.b.test")),
    ("b.test", RecordType.A, "192.0.2.1"),
    ("b.test", RecordType.AAAA, "2001:db8::1"),
    ("b.test", RecordType.TLSA, b"\x03\x01\x01" + bytes(32)),
).to_wire()


class QueryTests(TestCase):
    """What is asked."""

    @given(QUESTIONS, st.integers(0, 65535), st.booleans())
    @settings(deadline=None, max_examples=60)
    def test_query(self, question: Question, number: int, edns: bool) -> None:
        """Another DNS library reads our queries as they are meant."""
        query = dns.message.from_wire(encode_query(number, question, edns))
        self.assertEqual(number, query.id)
        self.assertEqual(question.name + ".", query.question[0].name.to_text())
        self.assertEqual(question.kind, query.question[0].rdtype)
        self.assertEqual(dns.flags.RD | dns.flags.AD, query.flags)
        self.assertEqual((0, 1232) if edns else (-1, 0), (query.edns, query.payload))

    def test_root(self) -> None:
        """The root can be asked about."""
        query = dns.message.from_wire(encode_query(1, Question("", RecordType.NS)))
        self.assertEqual(".", query.question[0].name.to_text())

    def test_longest_name(self) -> None:
        """The longest name that there can be fits into a query, and comes back."""
        name = normal_name(".".join(["x" * 63] * 3 + ["y" * 61]))
        question = Question(name, RecordType.A)
        reply = decode_reply(oracle(question, (name, RecordType.A, "192.0.2.1")).to_wire())
        self.assertTrue(reply.is_to(7, question))
        self.assertEqual(name, reply.answers[0].name)


class ReplyTests(TestCase):
    """What is read."""

    @given(QUESTIONS, st.lists(st.tuples(NAMES, RECORDS), max_size=8))
    @settings(deadline=None, max_examples=60)
    def test_records(self, question: Question, found: list[tuple[str, tuple[RecordType, object]]]) -> None:
        """All records that another DNS library writes come as they were meant, in their order."""
        records = [(owner, kind, value) for owner, (kind, value) in found]
        reply = decode_reply(oracle(question, *records).to_wire(max_size=65535))
        self.assertTrue(reply.is_to(7, question))
        self.assertEqual(
            tuple(Record(owner, kind, 300, value) for owner, kind, value in records), reply.answers
        )

    @given(st.binary(max_size=600))
    @example(b"")
    @example(b"\xc0\x0c" * 100)
    @settings(deadline=None, max_examples=300)
    def test_random(self, packet: bytes) -> None:
        """Random octets are malformed, and nothing else happens."""
        self.quietly(packet)
        self.quietly(b"\x00\x07\x81\x80\x00\x01\x00\x02\x00\x01\x00\x01" + packet)

    @given(st.lists(st.tuples(st.integers(2, 10**6), st.integers(0, 255)), min_size=1, max_size=6))
    @settings(deadline=None, max_examples=300)
    def test_damaged(self, damages: list[tuple[int, int]]) -> None:
        """A good packet with some octets changed is read or malformed; nothing else happens."""
        packet = bytearray(GOOD)
        for place, octet in damages:
            packet[2 + place % (len(packet) - 2)] = octet
        self.quietly(bytes(packet))

    def quietly(self, packet: bytes) -> None:
        """Reads; nothing but our own error comes of it."""
        try:
            decode_reply(packet)
        except MalformedReply:
            return

    @given(QUESTIONS, st.lists(st.tuples(NAMES, RECORDS), min_size=1, max_size=4), st.data())
    @settings(deadline=None, max_examples=60)
    def test_cut(
        self, question: Question, found: list[tuple[str, tuple[RecordType, object]]], chosen: st.DataObject
    ) -> None:
        """No part of a reply is taken for the whole."""
        reply = oracle(question, *((owner, *each) for owner, each in found))
        reply.use_edns(False)
        packet = reply.to_wire(max_size=65535)
        with self.assertRaises(MalformedReply):
            decode_reply(packet[: chosen.draw(st.integers(0, len(packet) - 1))])

    def test_flags(self) -> None:
        """The code, with its upper bits in EDNS, truncation and AD are seen."""
        question = Question("a.test", RecordType.A)
        message = oracle(question)
        self.assertEqual((0, False, False), self.flags_of(message))
        message.flags |= dns.flags.AD | dns.flags.TC
        message.set_rcode(dns.rcode.BADVERS)
        self.assertEqual((16, True, True), self.flags_of(message))

    def flags_of(self, message: dns.message.Message) -> tuple[int, bool, bool]:
        """Those of a packet."""
        reply = decode_reply(message.to_wire())
        return reply.code, reply.truncated, reply.authentic

    def test_whose(self) -> None:
        """A reply with another id, name or type answers something else; only failures may leave the question out."""
        question = Question("a.test", RecordType.A)
        good = oracle(question)
        self.assertTrue(decode_reply(good.to_wire()).is_to(7, question))
        self.assertFalse(decode_reply(good.to_wire()).is_to(8, question))
        self.assertFalse(decode_reply(good.to_wire()).is_to(7, Question("b.test", RecordType.A)))
        self.assertFalse(decode_reply(good.to_wire()).is_to(7, Question("a.test", RecordType.MX)))
        good.question.clear()
        self.assertFalse(decode_reply(good.to_wire()).is_to(7, question))
        good.set_rcode(dns.rcode.FORMERR)
        self.assertTrue(decode_reply(good.to_wire()).is_to(7, question))

    def test_not_a_reply(self) -> None:
        """A query is no reply."""
        with self.assertRaises(MalformedReply):
            decode_reply(encode_query(7, Question("a.test", RecordType.A)))

    def test_pointers(self) -> None:
        """Names that point in circles, or that are put together to great length, are malformed, and cost little."""
        head = b"\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
        with self.assertRaises(MalformedReply):
            decode_reply(
                head + b"\xc0\x0c\x00\x01\x00\x01" + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04abcd"
            )
        many = b"\x00\x07\x81\x80\x00\x01\x03\xe8\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"
        record = b"\x00\x00\x05\x00\x01\x00\x00\x00\x00\x02\x00" + b"\x01x" * 256
        with self.assertRaises(MalformedReply):
            decode_reply(many + record + b"\x00" + b"\xc0\x1c" * 1000)

    def test_long_names(self) -> None:
        """A name beyond 255 octets is malformed wherever it stands, and good up to there."""
        head, question = b"\x00\x07\x81\x80\x00\x01", b"\x01a\x00\x00\x01\x00\x01"
        one, none = b"\x00\x01\x00\x00\x00\x00", b"\x00\x00\x00\x00\x00\x00"
        for labels, good in ((3, True), (4, False)):
            name = (b"\x3f" + b"x" * 63) * labels + b"\x00"
            length = len(name).to_bytes(2, "big")
            for packet in (
                head + none + name + b"\x00\x01\x00\x01",
                head + one + question + name + b"\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01",
                head + one + question + b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x05" + length + name,
            ):
                if good:
                    self.assertEqual(7, decode_reply(packet).id)
                else:
                    self.assertRaises(MalformedReply, decode_reply, packet)

    def test_lengths(self) -> None:
        """A record that is longer or shorter than it says is malformed."""
        head = b"\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"
        for length, good in ((4, True), (5, False), (3, False)):
            octets = (
                b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00" + bytes((length,)) + b"\xc0\x00\x02\x01\x00"
            )
            if good:
                self.assertEqual("192.0.2.1", decode_reply(head + octets).answers[0].value)
            else:
                self.assertRaises(MalformedReply, decode_reply, head + octets)

    def test_odd_octets(self) -> None:
        """Octets of a name that would harm a log are escaped."""
        question = Question("a.test", RecordType.MX)
        head = b"\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x0f\x00\x01"
        record = b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x05\x00\x09\x00\x01\x05\nX\\ \xff\x00"
        reply = decode_reply(head + record)
        self.assertTrue(reply.is_to(7, question))
        self.assertEqual(MXRecord(1, "\\010x\\092\\032\\255"), reply.answers[0].value)

    def test_lifetime(self) -> None:
        """A lifetime beyond 2**31 is none (RFC 2181 section 8)."""
        head = b"\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"
        reply = decode_reply(head + b"\xc0\x0c\x00\x01\x00\x01\xff\xff\xff\xff\x00\x04\xc0\x00\x02\x01")
        self.assertEqual((0, "192.0.2.1"), (reply.answers[0].lifetime, reply.answers[0].value))
