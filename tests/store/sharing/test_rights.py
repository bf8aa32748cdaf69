"""Rights on mailboxes, and names of annotations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import MailframeError
from mailframe.store.sharing.entries import entry, fits
from mailframe.store.sharing.rights import ALL, ORDER, effective, identifier, parse, written

RIGHTS = st.frozensets(st.sampled_from(ORDER))
NAMES = st.sampled_from(["alice", "bob", "anyone", "owner", "-alice", "-bob", "-anyone", "-owner"])


class RightsTests(SynchronousTestCase):
    """RFC 4314."""

    @given(RIGHTS)
    def test_round_trip(self, rights) -> None:
        """Rights are read as they were written, in the order of the standard."""
        self.assertEqual(parse(written(rights)), rights)
        self.assertEqual(written(rights), "".join(sorted(rights, key=ORDER.index)))

    def test_old(self) -> None:
        """What older clients know stands for the newer rights, both ways."""
        self.assertEqual(parse("cd"), frozenset("kxet"))
        self.assertEqual(written(frozenset("lk"), old=True), "lkc")
        self.assertEqual(written(frozenset("e"), old=True), "ed")

    def test_unknown(self) -> None:
        """A right that there is not is refused."""
        for text in ("q", "L", "lr ", "0"):
            self.assertRaises(MailframeError, parse, text)

    @given(st.dictionaries(NAMES, RIGHTS), st.sampled_from(["alice", "bob", "carol"]))
    def test_effective(self, entries, user) -> None:
        """Nobody but the owner has a right that no entry gives, or that one takes; the owner can take back."""
        owner = user == "alice"
        found = effective(entries, user, owner)
        mine = {user, "anyone"} | ({"owner"} if owner else set())
        given_to = frozenset().union(*(entries.get(name, frozenset()) for name in mine))
        taken = frozenset().union(*(entries.get("-" + name, frozenset()) for name in mine))
        if owner:
            self.assertGreaterEqual(found, {"l", "a"})
            self.assertFalse((found & taken) - {"l", "a"})
        else:
            self.assertEqual(found, given_to - taken)

    def test_owner_of_nothing_said(self) -> None:
        """An owner about whom nothing is said may do everything, whatever others may."""
        self.assertEqual(effective({"bob": frozenset("l"), "anyone": frozenset("r")}, "alice", True), ALL)

    def test_identifier(self) -> None:
        """Names compare without regard to case."""
        self.assertEqual(identifier("-Bob@Example.Test"), "-bob@example.test")


class EntryTests(SynchronousTestCase):
    """RFC 5464."""

    @given(st.text(max_size=300))
    def test_any_text(self, text) -> None:
        """Any text is either an entry's name or refused."""
        try:
            name = entry(text)
        except MailframeError:
            return
        self.assertEqual(entry(name), name)
        self.assertTrue(fits(name, text, 0))
        self.assertTrue(fits(name, "/" + name.split("/")[1], -1))

    def test_vendor(self) -> None:
        """Names of vendors are names."""
        self.assertEqual(
            entry("/shared/vendor/cmu/Cyrus-IMAPD/expire"), "/shared/vendor/cmu/cyrus-imapd/expire"
        )
