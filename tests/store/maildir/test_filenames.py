"""Names of message files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.maildir.filenames import flags_of, info_for, order, sizes, split, with_sizes


class PartsTests(SynchronousTestCase):
    """What a name tells."""

    @given(st.integers(0, 10**12), st.integers(0, 10**12))
    def test_sizes(self, disk_size: int, size: int) -> None:
        """Sizes written are sizes read."""
        name = with_sizes("1.2.host", disk_size, size)
        self.assertEqual(sizes(name), (disk_size, size))
        self.assertEqual(split(name + ":2,S"), (name, ":2,S"))

    def test_no_sizes(self) -> None:
        """A name that does not tell both sizes tells none."""
        for name in ("1.2.host", "1.2.host,S=5", "1.2.host,S=x,W=y", "1.2.host,S=5,W=6x", ""):
            self.assertIsNone(sizes(name))
        self.assertEqual(split("1.2.host"), ("1.2.host", ""))

    def test_infos_of_others(self) -> None:
        """The info begins at the last separator that a version follows; anything else is a part of the name."""
        for name, info in (
            ("1.2.host", ":2,"), ("1.2.host", ":1,x"), ("1.2.host", ";2,S"), ("1.2.host", "!2,FS,a=b"),
            ("1.host:8080", ":2,S"), ("1.host:2,S", ":2,F"), ("1.host:7", ""), ("1.host:", ""), ("", ":2,S"),
        ):  # fmt: skip
            self.assertEqual(split(name + info), (name, info))

    def test_separators(self) -> None:
        """A file keeps the separator that it has."""
        self.assertEqual(info_for(1, ";2,F"), ";2,S")
        self.assertEqual(info_for(4, "!2,xS,a=b"), "!2,Fx,a=b")
        self.assertEqual(flags_of("!2,FS"), flags_of(":2,FS"))
        self.assertEqual((flags_of(":1,FS"), info_for(1, ":1,FS")), (0, ":2,S"))

    @given(st.text(min_size=1), st.sampled_from(("", ":2,", ";2,S", "!2,FS", ":1,a", ":2,S,W=5")))
    def test_any_name(self, name: str, info: str) -> None:
        """A name comes apart and together again, and no two files have one name."""
        file, found = split(name + info)
        self.assertEqual(file + found, name + info)
        if info:
            self.assertEqual((file, found), (name, info))

    def test_order(self) -> None:
        """Names sort by their seconds, as numbers."""
        self.assertEqual(sorted(["100.a", "20.b", "x", "3.c"], key=order), ["x", "3.c", "20.b", "100.a"])

    @given(st.integers(0, 31))
    def test_flags(self, flags: int) -> None:
        """Flags written are flags read, in the order of letters."""
        info = info_for(flags, None)
        self.assertEqual(flags_of(info), flags)
        self.assertEqual(list(info[3:]), sorted(info[3:]))

    def test_unknown_letters(self) -> None:
        """Letters of other programs are no flags of ours, and stay."""
        self.assertEqual(flags_of(":2,PSab"), 1)
        self.assertEqual(info_for(4, ":2,PSab"), ":2,FPab")
        self.assertEqual(flags_of(":1,S"), 0)
        self.assertEqual(info_for(1, ":1,x"), ":2,S")
        self.assertEqual(flags_of(""), 0)

    def test_fields_behind_the_letters(self) -> None:
        """What another program has put behind the letters, after a comma, is no flag, and stays as it is."""
        self.assertEqual(flags_of(":2,S,size=F"), 1)
        self.assertEqual(flags_of(":2,,F"), 0)
        self.assertEqual(info_for(4, ":2,PS,size=FT,x"), ":2,FP,size=FT,x")
        self.assertEqual(info_for(0, ":2,,F"), ":2,,F")

    @given(
        st.integers(0, 31),
        st.integers(0, 31),
        st.text("abPxyz", max_size=5),
        st.text("DFRSTab,=", max_size=9),
    )
    def test_others_keep_theirs(self, before: int, after: int, letters: str, fields: str) -> None:
        """However flags change, the flags are those, and what other programs wrote is there as before."""
        info = info_for(before, f":2,{letters},{fields}")
        changed = info_for(after, info)
        self.assertEqual(flags_of(changed), after)
        self.assertEqual(set(changed[3:].partition(",")[0]) - set("DFRST"), set(letters))
        self.assertEqual(changed[3:].partition(",")[2], fields)
        self.assertEqual(info_for(before, changed), info)
