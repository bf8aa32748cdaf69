"""Tests of `mailframe.dns.answers`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailframe.dns.answers import NO_SOA_LIFETIME, Reading, read_answer
from mailframe.dns.values import Found, RecordType
from mailframe.dns.wire import NOERROR, NXDOMAIN, SERVFAIL, MalformedReply, Question, Record, Reply

QUESTION = Question("a.test", RecordType.A)
SOA = Record("test", RecordType.SOA, 900, 300)


def alias(name: str, target: str, lifetime: int = 600) -> Record:
    """A CNAME record."""
    return Record(name, RecordType.CNAME, lifetime, target)


def address(name: str, text: str, lifetime: int = 600) -> Record:
    """An A record."""
    return Record(name, RecordType.A, lifetime, text)


def read(*answers: Record, code: int = NOERROR, authority: tuple[Record, ...] = (), **words: bool) -> Reading:
    """Reads a reply to the question."""
    reply = Reply(1, QUESTION, code, False, words.get("authentic", False), answers, authority)
    return read_answer(QUESTION, reply, words.get("believed", False))


class ReadAnswerTests(TestCase):
    """What a reply says."""

    def test_records(self) -> None:
        """Only records of that name and type count, each once, for the least of their lifetimes."""
        reading = read(
            address("a.test", "192.0.2.1"),
            address("a.test", "192.0.2.1"),
            address("b.test", "192.0.2.66", 1),
            Record("a.test", RecordType.AAAA, 1, "2001:db8::66"),
            address("a.test", "192.0.2.2", 60),
        )
        self.assertEqual((("192.0.2.1", "192.0.2.2"), 60.0), (reading.answer.texts, reading.lifetime))
        self.assertEqual("a.test", reading.answer.canonical)

    def test_aliases(self) -> None:
        """Aliases are followed in any order of the records; the least lifetime on the way counts."""
        reading = read(
            address("c.test", "192.0.2.1"), alias("b.test", "c.test", 30), alias("a.test", "b.test")
        )
        self.assertEqual(
            (("192.0.2.1",), "c.test", 30.0),
            (
                reading.answer.texts,
                reading.answer.canonical,
                reading.lifetime,
            ),
        )

    def test_nothing(self) -> None:
        """That there is nothing is good for as long as the SOA record says, or for a moment."""
        for code, found in ((NOERROR, Found.NO_RECORDS), (NXDOMAIN, Found.NO_NAME)):
            reading = read(code=code, authority=(SOA,))
            self.assertEqual(
                (found, 300.0, ()), (reading.answer.found, reading.lifetime, reading.answer.records)
            )
            self.assertEqual(NO_SOA_LIFETIME, read(code=code).lifetime)

    def test_alias_to_nothing(self) -> None:
        """NXDOMAIN speaks of the last name of the aliases (RFC 6604)."""
        reading = read(alias("a.test", "gone.test"), code=NXDOMAIN, authority=(SOA,))
        self.assertEqual(
            (Found.NO_NAME, "gone.test", False),
            (reading.answer.found, reading.answer.canonical, reading.unfinished),
        )

    def test_unfinished(self) -> None:
        """An alias whose target is left out is told from one whose target has no records."""
        self.assertTrue(read(alias("a.test", "b.test")).unfinished)
        self.assertFalse(read(alias("a.test", "b.test"), authority=(SOA,)).unfinished)
        self.assertFalse(read().unfinished)

    def test_circle(self) -> None:
        """Aliases in circles, or without an end, are no answer."""
        with self.assertRaises(MalformedReply):
            read(alias("a.test", "b.test"), alias("b.test", "a.test"))
        with self.assertRaises(MalformedReply):
            read(alias("a.test", "a.test"))
        names = ["a.test", *(f"n{number}.test" for number in range(40))]
        with self.assertRaises(MalformedReply):
            read(*map(alias, names, names[1:]))

    def test_secure(self) -> None:
        """AD counts where the server is believed, and nowhere else."""
        for authentic in (True, False):
            for believed in (True, False):
                reading = read(address("a.test", "192.0.2.1"), authentic=authentic, believed=believed)
                self.assertEqual(authentic and believed, reading.answer.secure)

    def test_failure(self) -> None:
        """Another code is no answer."""
        with self.assertRaises(MalformedReply):
            read(code=SERVFAIL)

    @given(
        st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcdef"), st.booleans()), max_size=12)
    )
    @settings(deadline=None)
    def test_any_aliases(self, found: list[tuple[str, str, bool]]) -> None:
        """Whatever aliases come, there is an answer of their last name, or none."""
        records = [
            alias(f"{name}.test", f"{target}.test")
            if is_alias
            else address(f"{name}.test", f"192.0.2.{ord(target)}")
            for name, target, is_alias in found
        ]
        try:
            answer = read(*records).answer
        except MalformedReply:
            return
        self.assertNotIn(answer.canonical, {each.name for each in records if each.kind is RecordType.CNAME})
        wanted = {
            each.value for each in records if (each.name, each.kind) == (answer.canonical, RecordType.A)
        }
        self.assertEqual(wanted, set(answer.records))
        self.assertEqual(bool(wanted), answer.found is Found.RECORDS)
