"""Filters of mailboxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.mailbox_filters import (
    NAMES_LIMIT,
    SELECTED,
    WITH_NAMES,
    WITHOUT_NAMES,
    MailboxFilter,
    sources,
)
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import MailframeError, ProtocolError

names = st.lists(
    st.from_regex(r"[a-z](/?[a-z]){0,8}", fullmatch=True).filter(lambda name: not name.startswith("inbox")),
    min_size=1,
)
anything = st.one_of(
    st.builds(MailboxFilter, st.sampled_from(sorted(WITHOUT_NAMES))),
    st.builds(MailboxFilter, st.sampled_from(sorted(WITH_NAMES)), names.map(tuple)),
)


def parse(octets):
    return sources(Parser(octets))


def written(each):
    return " ".join([each.word.lower(), *([f"({' '.join(each.names)})"] if each.names else [])])


class SourcesTests(SynchronousTestCase):
    """``IN (...)``."""

    def test_default(self):
        """Without it the selected mailbox is searched."""
        self.assertEqual(parse(b"RETURN () ALL"), (MailboxFilter(SELECTED),))

    def test_one_name(self):
        """One name needs no parentheses."""
        self.assertEqual(parse(b"IN (subtree inbox) ALL"), (MailboxFilter("SUBTREE", ("INBOX",)),))

    @given(st.lists(anything, min_size=1, max_size=5))
    def test_round_trip(self, wanted):
        """All filters, one after another."""
        octets = f"in ({' '.join(map(written, wanted))}) ALL".encode()
        self.assertEqual(list(parse(octets)), wanted)

    def test_refused(self):
        """Unknown filters, options of scope, and too many names."""
        many = b" ".join([b"a"] * (NAMES_LIMIT + 1))
        for octets in (
            b"IN", b"IN ()", b"IN (", b"IN (colours)", b"IN (mailboxes)", b"IN (mailboxes ())", b"IN (mailboxes (a)",
            b"IN (selected-delayed) ALL", b"IN (personal (depth 1)) ALL", b"IN (personal)", b"IN personal ALL",
            b"IN (mailboxes (" + many + b")) ALL", b"IN (" + many.replace(b"a", b"mailboxes a") + b") ALL",
        ):  # fmt: skip
            self.assertRaises(ProtocolError, parse, octets)
        self.assertRaises(MailframeError, parse, b"IN (mailboxes &bad) ALL")

    @given(st.binary(max_size=30))
    def test_garbage(self, octets):
        """Garbage is refused as such."""
        try:
            parse(b"IN (" + octets)
        except (ProtocolError, MailframeError):
            pass
