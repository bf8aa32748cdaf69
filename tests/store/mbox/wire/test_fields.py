"""Fields in which mbox programs keep UIDs and flags."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.mbox.wire.fields import (
    HEADER_LIMIT,
    Base,
    Marks,
    compose,
    header_length,
    last_uid_digits,
    last_uid_place,
    parse,
    return_path,
    shown,
)
from mailframe.store.values import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

KEYWORDS = st.lists(st.sampled_from(["$Forwarded", "$Junk", "NonJunk", "ü"]), unique=True, max_size=4).map(
    tuple
)
BASES = st.builds(Base, st.integers(1, 2**32 - 1), st.integers(0, 2**31 - 1), KEYWORDS)
MARKS = st.builds(
    Marks,
    uid=st.integers(0, 2**31 - 1),
    flags=st.frozensets(st.sampled_from([SEEN, ANSWERED, FLAGGED, DELETED, DRAFT])),
    old=st.booleans(),
    keywords=KEYWORDS,
    base=st.none() | BASES,
    content_length=st.none() | st.integers(0, 2**40),
)


class FieldsTests(SynchronousTestCase):
    """What the fields tell, and what is shown."""

    @settings(deadline=None)
    @given(MARKS)
    def test_round_trip(self, marks: Marks) -> None:
        """What is written is read again, wherever it is in the header, and is not shown."""
        block = compose(marks)
        self.assertEqual(parse(b"Subject: x\n" + block + b"To: y\n\n"), marks)
        self.assertEqual(shown(b"Subject: x\n" + block + b"To: y\n\n"), b"Subject: x\nTo: y\n\n")
        self.assertEqual(parse(block + b"\n").state, marks.state)

    def test_as_dovecot_writes(self) -> None:
        """Padded fields, as Dovecot and UW-IMAP write them, are read."""
        header = (
            b"Subject: x\nX-IMAPbase: 1700000000 0000000042 $Forwarded NonJunk\nX-UID: 41    \n"
            b"Status: RO\nX-Status: AF\nX-Keywords: $Forwarded                    \nContent-Length: 12\n\n"
        )
        marks = parse(header)
        self.assertEqual(marks.base, Base(1_700_000_000, 42, ("$Forwarded", "NonJunk")))
        self.assertEqual((marks.uid, marks.old, marks.content_length), (41, True, 12))
        self.assertEqual(marks.flags, {SEEN, ANSWERED, FLAGGED})
        self.assertEqual(marks.keywords, ("$Forwarded",))
        self.assertEqual(shown(header), b"Subject: x\n\n")

    def test_as_mutt_writes(self) -> None:
        """mutt puts the count of lines behind the length; a count that stands elsewhere is the message's own."""
        self.assertEqual(shown(b"Content-Length: 1\nLines: 2\nSubject: x\n\n"), b"Subject: x\n\n")
        self.assertEqual(shown(b"Lines: 2\nSubject: x\n\n"), b"Lines: 2\nSubject: x\n\n")

    def test_internal_message(self) -> None:
        """The first message of UW-IMAP, which is no mail, is known."""
        header = (
            b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1700000000 0000000007\n\n"
        )
        self.assertTrue(parse(header).pseudo)
        self.assertEqual(parse(header).base, Base(1_700_000_000, 7))
        self.assertFalse(parse(b"X-IMAP: 1700000000 0000000007\nSubject: mail\n\n").pseudo)

    def test_broken(self) -> None:
        """Broken and forged numbers are passed over."""
        for field in (
            b"X-UID: x",
            b"X-UID: 4294967295",
            b"X-UID:",
            b"X-IMAPbase: 0 1",
            b"X-IMAPbase: 1",
            b"X-UID: -1",
        ):
            marks = parse(field + b"\n\n")
            self.assertEqual((marks.uid, marks.base), (0, None), field)

    def test_case_and_folding(self) -> None:
        """Names in any case and folded lines are hidden with all their lines."""
        header = b"a: 1\nx-keywords : b\n c\n\td\nstatus: R\nb: 2\n\n"
        self.assertEqual(shown(header), b"a: 1\nb: 2\n\n")
        self.assertEqual(parse(b"X-Keywords: b\n c\n\n").keywords, ("b", "c"))

    def test_last_uid(self) -> None:
        """The last UID can be written anew in its place."""
        block = compose(Marks(7, base=Base(5, 7)))
        place = last_uid_place(block)
        assert place is not None
        self.assertEqual(
            parse(block[:place] + last_uid_digits(8) + block[place + 10 :] + b"\n").base, Base(5, 8)
        )
        self.assertIsNone(last_uid_place(compose(Marks(7))))

    def test_header_length(self) -> None:
        """The header ends with the blank line, or with the text, or where it is too long."""
        self.assertEqual(header_length(b"a: 1\n\nbody"), 6)
        self.assertEqual(header_length(b"a: 1\r\n\r\nbody"), 8)
        self.assertEqual(header_length(b"\nbody"), 1)
        self.assertEqual(header_length(b"a: 1\n"), 5)
        self.assertEqual(header_length(b"a: 1\n" * HEADER_LIMIT), HEADER_LIMIT // 5 * 5)
        self.assertEqual(header_length(b"a" * 2 * HEADER_LIMIT), HEADER_LIMIT)

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_anything(self, octets: bytes) -> None:
        """No octets break it."""
        parse(octets)
        self.assertLessEqual(len(shown(octets)), len(octets))
        self.assertEqual(shown(shown(octets)), shown(octets))

    def test_return_path(self) -> None:
        """The separator's sender is the Return-Path."""
        self.assertEqual(return_path(b"Return-Path: <bob@example.test>\nA: b\n"), b"bob@example.test")
        self.assertEqual(return_path(b"A: b\nReturn-Path: <bob@example.test>\n"), b"")
