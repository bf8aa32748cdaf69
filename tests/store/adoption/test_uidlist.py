"""dovecot-uidlist and courierimapuiddb."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.adoption.broken import LAST_UID, BrokenFile
from mailframe.store.adoption.uidlist import Record, UidList, lines, read, write, write_courier

VERSION_3 = b"""\
3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,
25017 W2481 P00001ab34b9e2b3c :1276533073.M242911P3632.kurkku:2,F
25018 S10 Gdeadbeef O3 :1276533074.M1P2.kurkku
"""
GUID = "3085f01b7f11094c501100008c4a11c1"

names = st.text(
    st.characters(codec="utf-8", exclude_characters="/:\n\x00", exclude_categories=("Cs",)), min_size=1
).filter(lambda name: not name.startswith(" "))
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
extensions = st.lists(st.tuples(st.sampled_from("PGWSO"), values), max_size=3, unique_by=lambda pair: pair[0])


@st.composite
def lists(draw: st.DrawFn) -> UidList:
    """A list as a program that keeps it may have it."""
    files = draw(st.lists(names, unique=True, max_size=8))
    uids = sorted(draw(st.sets(st.integers(1, LAST_UID), min_size=len(files), max_size=len(files))))
    records = [Record(uid, file, tuple(draw(extensions))) for uid, file in zip(uids, files, strict=True)]
    uidnext = draw(st.integers(uids[-1] + 1 if uids else 1, LAST_UID + 1))
    return UidList(draw(st.integers(1, LAST_UID)), uidnext, draw(st.sampled_from(["", GUID])), records)


class UidListTests(SynchronousTestCase):
    """UIDs that another server has given."""

    def test_version_3(self) -> None:
        """Numbers, the mailbox's GUID, files without flags and what is told of them are read."""
        found = read(VERSION_3)
        self.assertEqual((found.uidvalidity, found.uidnext, found.guid), (1275660208, 25022, GUID))
        self.assertEqual([record.uid for record in found.records], [25006, 25017, 25018])
        self.assertEqual(found.records[0].file, "1276528487.M364837P9451.kurkku,S=1355,W=1394")
        self.assertEqual(found.records[1].extension("P"), "00001ab34b9e2b3c")
        self.assertEqual(found.records[2].extensions, (("S", "10"), ("G", "deadbeef"), ("O", "3")))
        self.assertEqual(found.records[2].extension("P"), "")

    def test_old_versions(self) -> None:
        """Version 1, which Courier writes as well, has no extensions, and version 2 has flags."""
        found = read(b"1 1700000000 12\n5 1600000000.1.host\n11 1600000001.1.host:2,S\n")
        self.assertEqual((found.uidvalidity, found.uidnext), (1700000000, 12))
        expected = [Record(5, "1600000000.1.host"), Record(11, "1600000001.1.host")]
        self.assertEqual(list(found.records), expected)
        (record,) = read(b"2 1700000000 12\n5 FS 1600000000.1.host\n").records
        self.assertEqual(record, Record(5, "1600000000.1.host"))

    def test_next_uid(self) -> None:
        """Lines that were appended later count, whatever the first line says is next."""
        self.assertEqual(read(b"3 V1 N2\n1 :a\n7 :b\n").uidnext, 8)

    def test_file_that_came_back(self) -> None:
        """A file that is listed twice has the UID that it was given last."""
        self.assertEqual(list(read(b"3 V1 N9\n1 :a\n2 :b\n5 :a\n").records), [Record(2, "b"), Record(5, "a")])

    def test_half_a_line(self) -> None:
        """A line that its writer has not finished is no record: the name may be longer."""
        self.assertEqual(len(read(b"3 V1 N9\n1 :a\n2 :b").records), 1)

    def test_nonsense_between(self) -> None:
        """Lines that are none, and UIDs out of order, are left out."""
        octets = b"3 V1 N9\nx :a\n0 :b\n4294967295 :c\n5 :d\n3 :e\n6 \n7 :/f\n8 Pu:g :h\n"
        self.assertEqual([record.file for record in read(octets).records], ["d", "h"])

    def test_broken(self) -> None:
        """A file that is no such list is refused whole."""
        for octets in (b"", b"x", b"3 N5\n", b"3 V0 N5\n", b"1 5\n", b"1 5 x\n", b"4 V1 N1\n", b"1 1 2 3\n"):
            self.assertRaises(BrokenFile, read, octets)

    @given(lists())
    def test_round_trip(self, uids: UidList) -> None:
        """What is written is read again."""
        self.assertEqual(read(write(uids)), uids)

    @given(lists())
    def test_appended(self, uids: UidList) -> None:
        """A list whose records were appended one by one is the same list."""
        empty = write(UidList(uids.uidvalidity, uids.uidnext, uids.guid))
        self.assertEqual(read(empty + b"".join(lines([each]) for each in uids.records)), uids)

    @given(lists())
    def test_courier(self, uids: UidList) -> None:
        """Courier's list has the same UIDs and files."""
        found = read(write_courier(uids))
        self.assertEqual((found.uidvalidity, found.uidnext), (uids.uidvalidity, uids.uidnext))
        expected = [(record.uid, record.file) for record in uids.records]
        self.assertEqual([(record.uid, record.file) for record in found.records], expected)

    @given(st.binary(), st.sampled_from([b"", b"3 V1 N1\n", b"1 1 1\n", b"2 1 1\n"]))
    def test_any_octets(self, octets: bytes, head: bytes) -> None:
        """Whatever a file has in it, it is read or refused, and UIDs ascend."""
        try:
            found = read(head + octets)
        except BrokenFile:
            return
        uids = [record.uid for record in found.records]
        self.assertEqual(uids, sorted(set(uids)))
        self.assertTrue(all(0 < uid < found.uidnext for uid in uids))
