"""Tests of `mailframe.store.names`, `mailframe.store.flags` and `mailframe.store.refusals`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import MailframeError
from mailframe.store import flags, names
from mailframe.store.values import SEEN, FlagChange

levels = st.text(st.sampled_from("abINBOX.~ é\u0301/\n\ud800"), max_size=8)


class NameTests(SynchronousTestCase):
    """Mailbox names."""

    def refused(self, word, function, *arguments):
        error = self.assertRaises(MailframeError, function, *arguments)
        self.assertEqual(error.status.word, word)

    def test_canonical(self):
        """One mailbox has one spelling."""
        for given_name, wanted in {
            "iNbOx": "INBOX",
            "inbox/Post/": "INBOX/Post",
            "Work/inbox": "Work/inbox",
            "inboxes": "inboxes",
            "Cafe\u0301": "Caf\u00e9",
            "a//": "a/",
        }.items():
            self.assertEqual(names.canonical(given_name), wanted)

    def test_limits(self):
        """Levels and their octets are limited."""
        self.assertEqual(
            names.check_new("/".join("a" * names.DEPTH_LIMIT)), "/".join("a" * names.DEPTH_LIMIT)
        )
        self.refused("CANNOT", names.check_new, "/".join("a" * (names.DEPTH_LIMIT + 1)))
        self.assertEqual(names.check_new("é" * 127), "é" * 127)
        self.refused("CANNOT", names.check_new, "é" * 128)
        self.refused("LIMIT", names.check_count, names.MAILBOXES_LIMIT + 1)
        names.check_count(names.MAILBOXES_LIMIT)

    def test_special_use(self):
        """Special uses are taken in any case, and only those there are."""
        self.assertEqual(names.check_special_use("\\SENT"), "\\Sent")
        self.assertIsNone(names.check_special_use(None))
        for use in ("Sent", "", "\\", "\\All", "\\Flagged", "\\Nonsense"):
            self.refused("USEATTR", names.check_special_use, use)

    def test_family(self):
        """Superiors and inferiors are told apart by levels, not by letters."""
        self.assertEqual(names.superiors("a/b/c"), ["a", "a/b"])
        self.assertEqual(names.superiors("a"), [])
        self.assertTrue(names.is_inferior("a/b", "a"))
        self.assertFalse(names.is_inferior("ab", "a"))
        self.assertEqual(names.renamed("a/b", "a", "x/y"), "x/y/b")

    def test_order(self):
        """INBOX comes first, and inferiors right behind their superior."""
        given_names = ["b", "a b", "a/c", "INBOX/x", "INBOX", "a"]
        self.assertEqual(names.in_order(given_names), ["INBOX", "INBOX/x", "a", "a/c", "a b", "b"])

    @given(st.lists(levels, max_size=4).map("/".join))
    def test_any_name(self, name):
        """A name is refused, or is fine for ever: in UTF-8, without empty levels, and its own canonical form."""
        try:
            made = names.check_new(name)
        except MailframeError as error:
            self.assertEqual(error.status.word, "CANNOT")
            return
        made.encode("utf-8")
        self.assertEqual(names.check_new(made), made)
        self.assertEqual(names.canonical(made), made)
        self.assertTrue(all(0 < len(level.encode()) <= 255 for level in made.split("/")))


class FlagTests(SynchronousTestCase):
    """Flags and keywords."""

    def test_spelling(self):
        """System flags have the RFC's spelling, keywords the first one; what cannot be kept is left out."""
        keywords = {}
        self.assertEqual(flags.spelled(["\\SEEN", "Word"], keywords), {SEEN, "Word"})
        self.assertEqual(flags.spelled(["wORD", "\\Recent", "\\x", "", "y" * 256], keywords), {"Word"})
        self.assertEqual(keywords, {"word": "Word"})

    def test_known(self):
        """Only what is known is found."""
        self.assertEqual(flags.known(["\\seen", "WORD", "other"], {"word": "Word"}), {SEEN, "Word"})

    def test_limit(self):
        """A keyword too many is refused, and none of its companions stays."""
        keywords = {"a": "a"}
        error = self.assertRaises(MailframeError, flags.spelled, ["A", "b", "c"], keywords, 2)
        self.assertEqual(error.status.word, "LIMIT")
        self.assertEqual(keywords, {"a": "a"})
        self.assertEqual(flags.spelled(["A", "b"], keywords, 2), {"a", "b"})

    def test_changes(self):
        """Flags are added, taken away, replaced."""
        current, given_flags = frozenset("ab"), frozenset("bc")
        self.assertEqual(flags.changed(current, FlagChange.ADD, given_flags), set("abc"))
        self.assertEqual(flags.changed(current, FlagChange.REMOVE, given_flags), {"a"})
        self.assertEqual(flags.changed(current, FlagChange.REPLACE, given_flags), set("bc"))
