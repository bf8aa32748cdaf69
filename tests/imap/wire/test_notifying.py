"""What NOTIFY asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.fetching import Fact
from mailframe.imap.wire.mailbox_filters import MailboxFilter
from mailframe.imap.wire.notifying import GROUPS_LIMIT, EventGroup, Wishes, wishes
from mailframe.imap.wire.parser import Parser
from mailframe.message.status import MailframeError, ProtocolError

filters = st.sampled_from(
    ["inboxes", "personal", "subscribed", "selected-delayed", "subtree a", "mailboxes (a b)"]
)
listed = st.sampled_from(
    ["NONE", "(MessageNew MessageExpunge)", "(MessageNew (UID FLAGS) MessageExpunge FlagChange)", "(MailboxName)",
     "(SubscriptionChange MailboxMetadataChange ServerMetadataChange)", "(MessageNew MessageExpunge AnnotationChange)"]
)  # fmt: skip


class WishesTests(SynchronousTestCase):
    """The arguments of NOTIFY."""

    def test_all(self) -> None:
        """Filters, events and attributes, in any case."""
        found = wishes(
            Parser(
                b"set Status (SELECTED (messagenew (uid) MessageExpunge)) (subtree (a b) (MailboxName)) (inboxes none)"
            )
        )
        self.assertEqual(
            found,
            Wishes(
                True,
                (
                    EventGroup(
                        MailboxFilter("SELECTED"), frozenset({"MESSAGENEW", "MESSAGEEXPUNGE"}), (Fact.UID,)
                    ),
                    EventGroup(MailboxFilter("SUBTREE", ("a", "b")), frozenset({"MAILBOXNAME"})),
                    EventGroup(MailboxFilter("INBOXES"), frozenset()),
                ),
            ),
        )
        self.assertIsNone(wishes(Parser(b"NONE")))

    def test_many(self) -> None:
        """Too many groups are refused."""
        groups = b" ".join([b"(inboxes NONE)"] * (GROUPS_LIMIT + 1))
        self.assertRaises(ProtocolError, wishes, Parser(b"SET " + groups))

    @given(st.lists(st.tuples(filters, listed), min_size=1, max_size=5), st.integers(0, 200))
    def test_broken(self, groups: list[tuple[str, str]], cut: int) -> None:
        """Whatever is asked for, it is understood or refused, wherever it ends."""
        text = "SET " + " ".join(f"({chosen} {events})" for chosen, events in groups)
        try:
            found = wishes(Parser(text.encode()))
        except ProtocolError:
            pass
        else:
            assert found is not None
            self.assertEqual(len(found.groups), len(groups))
        parser = Parser(text[:cut].encode())
        try:
            wishes(parser)
            parser.end()
        except ProtocolError:
            return
        self.assertTrue(text[:cut].endswith(")"), "what is cut off within a group is refused")

    @given(st.binary(max_size=60) | st.text("()SETselected MessageNew", max_size=60).map(str.encode))
    def test_garbage(self, octets: bytes) -> None:
        """Garbage is refused."""
        with self.assertRaises((ProtocolError, MailframeError)):
            wishes(Parser(b"SET (" + octets))
