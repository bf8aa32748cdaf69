"""What POP3 servers called messages: courierpop3dsizelist, and Dovecot's pop3_uidl_format."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store import uidl_format
from mailframe.store.adoption import pop3_sizes
from mailframe.store.adoption.pop3_sizes import Sized
from mailframe.store.uidl_format import Named

files = st.text(
    st.characters(codec="utf-8", exclude_characters="/:\n\x00", exclude_categories=("Cs",)), min_size=1
).filter(lambda name: not name.startswith("/"))
sizes = st.integers(0, 1 << 40)


class Pop3SizesTests(SynchronousTestCase):
    """Courier's list."""

    def test_versions(self) -> None:
        """All four versions of the list tell what UIDL answered."""
        for octets, uidl in {
            b"/3 5 1700000000\n1.a.host:2,S 120 3:1600000000:0\n": "UID3-1600000000",
            b"/2 5 1700000000\n1.a.host:2,S 120 3:1600000000\n": "UID3-1600000000",
            b"/1 5\n1.a.host 120 3\n": "UID3",
            b"1.a.host 120\n": "1.a.host",
        }.items():
            (found,) = pop3_sizes.read(octets)
            self.assertEqual((found.file, found.size, found.uidl), ("1.a.host", 120, uidl))

    def test_quoted(self) -> None:
        """A file's name that is no UIDL is quoted."""
        self.assertEqual(pop3_sizes.quoted("1.a+b 'c'"), "1.a+2Bb+20+27c+27")

    def test_spaces(self) -> None:
        """A file's name may have spaces in it."""
        self.assertEqual(pop3_sizes.read(b"/2 5 1\na b 12 3:4\n"), [Sized("a b", 12, 3, 4)])

    @given(st.lists(st.builds(Sized, files, sizes, st.integers(1, 1 << 31), st.integers(1, 1 << 31))))
    def test_round_trip(self, messages: list[Sized]) -> None:
        """What is written is read again."""
        self.assertEqual(pop3_sizes.read(pop3_sizes.write(messages, 5, 6)), messages)

    @given(st.binary(), st.sampled_from([b"", b"/2 1 1\n"]))
    def test_any_octets(self, octets: bytes, head: bytes) -> None:
        """Whatever a file has in it, it is read."""
        for one in pop3_sizes.read(head + octets):
            self.assertTrue(one.file and one.uidl)


class UidlFormatTests(SynchronousTestCase):
    """Dovecot's names."""

    NAMED = Named(26, 0x4B9E2B3C, "1276533073.M2.host,S=5", "")

    def test_formats(self) -> None:
        """Formats that people use give what Dovecot gives."""
        for text, uidl in {
            "%08Xu%08Xv": "0000001a4b9e2b3c",
            "%u-%v": "26-1268656956",
            "%v.%u": "1268656956.26",
            "%f": "1276533073.M2.host,S=5",
            "%g": "1276533073.M2.host,S=5",
            "UID%u-%v": "UID26-1268656956",
            "%Mf": "fd0b989a46d2e2d34300ce1286e1685b",
            "%{filename | md5}": "fd0b989a46d2e2d34300ce1286e1685b",
            "%%%5u": "%   26",
            "%{uid | hex(8)}%{uidvalidity | hex(8)}": "0000001a4b9e2b3c",
            "%{uidvalidity}.%{uid}": "1268656956.26",
            "%{guid}": "1276533073.M2.host,S=5",
        }.items():
            self.assertEqual(uidl_format.parse(text)(self.NAMED), uidl)

    def test_guid(self) -> None:
        """A message that has a GUID of its own is called by it."""
        self.assertEqual(uidl_format.parse("%g")(Named(1, 2, "file", "guid")), "guid")

    def test_refused(self) -> None:
        """A variable that is not known, or a format that tells no messages apart, is an error."""
        for text in ("%m", "%x", "%", "%{header}", "%v", "mail", "%{uid | upper}"):
            self.assertRaises(ValueError, uidl_format.parse, text)

    @given(st.text(st.sampled_from("%{}|08XMuvfg hexuid()")))
    def test_any_text(self, text: str) -> None:
        """Any text is a format or refused, and two messages never have one name."""
        try:
            name = uidl_format.parse(text)
        except ValueError:
            return
        self.assertNotEqual(name(self.NAMED), name(Named(27, 0x4B9E2B3C, "1276533073.M3.host,S=5", "")))
