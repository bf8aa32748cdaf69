"""Searches that are kept up."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.contexts import CONTEXTS_LIMIT
from tests.imap.mail import SessionCase

SEARCH = "FLAGGED UNSEEN"
DOINGS = (
    "STORE 1 +FLAGS (\\Flagged)",
    "STORE 1:2 -FLAGS (\\Flagged)",
    "STORE * FLAGS.SILENT (\\Flagged)",
    "STORE * +FLAGS (\\Seen)",
    "STORE 2 +FLAGS (\\Deleted)",
    "EXPUNGE",
    "STORE 1:* +FLAGS (\\Deleted \\Flagged)",
    "UID EXPUNGE 1:3",
    "COPY 1:* INBOX",
    "NOOP",
)


class Result:
    """What a client makes of a search that is kept up: by UID, or by numbers that EXPUNGE moves."""

    def __init__(self, tag):
        self.tag, self.numbers = tag, set()

    def hear(self, lines):
        for line in lines:
            text = line.decode("ascii")
            expunged = re.fullmatch(r"\* (\d+) EXPUNGE", text)
            if expunged and self.tag == "by-number":
                gone = int(expunged[1])
                assert gone not in self.numbers, "told too late"
                self.numbers = {number - (number > gone) for number in self.numbers}
            told = re.fullmatch(
                rf'\* ESEARCH \(TAG "{self.tag}"\)(?: UID)? (\w+) (?:\(0 )?([\d:,]+)\)?', text
            )
            if told is None:
                continue
            meant = set()
            for piece in told[2].split(","):
                first, _, last = piece.partition(":")
                meant |= set(range(int(first), int(last or first) + 1))
            if told[1] == "REMOVEFROM":
                assert meant <= self.numbers, "removed what was not there"
                self.numbers -= meant
            else:
                assert not meant & self.numbers, "added what was there"
                self.numbers |= meant


class Scene(SessionCase):
    """One server with three messages."""

    mail = "plain seen mixed"

    def runTest(self):
        """Only a place to stand on."""


class ContextsTests(SynchronousTestCase):
    """The result that a client is told of is that of a new search."""

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(DOINGS)), max_size=12))
    def test_kept_up(self, doings):
        """Whatever two sessions do, the results by UID and by number stay right."""
        scene = Scene()
        scene.setUp()
        one, other = scene.select(), scene.select()
        results = [Result("by-uid"), Result("by-number")]
        self.hear(results, one.say(f"by-uid UID SEARCH RETURN (UPDATE ALL) {SEARCH}"))
        self.hear(results, one.say(f"by-number SEARCH RETURN (UPDATE ALL) {SEARCH}"))
        for mine, doing in doings:
            lines = (one if mine else other).say(f"d {doing}")
            if mine:
                self.hear(results, lines)
        self.hear(results, one.say("n NOOP"))
        for result, command in zip(results, ("UID SEARCH", "SEARCH"), strict=True):
            new = Result("new")
            new.hear(one.say(f"new {command} RETURN (ALL) {SEARCH}"))
            self.assertEqual(result.numbers, new.numbers)

    def hear(self, results, lines):
        for result in results:
            result.hear(lines)


class LimitTests(SessionCase):
    """A session may not have any number of them."""

    mail = "plain"

    def test_too_many(self):
        """The search is answered all the same, and one that is cancelled makes room."""
        client = self.select()
        for number in range(CONTEXTS_LIMIT):
            self.assertEqual(len(client.say(f"a{number} SEARCH RETURN (UPDATE COUNT) ALL")), 2)
        search = "SEARCH RETURN (UPDATE COUNT) ALL"
        told = client.say(f"b {search}")
        self.assertEqual(told[1], b'* NO [NOUPDATE "b"] Too many searches are kept up already')
        client.say('c CANCELUPDATE "a0"')
        self.assertEqual(len(client.say(f"d {search}")), 2)

    def test_select_ends_them(self):
        """With another SELECT they are over."""
        client = self.select()
        client.say("a SEARCH RETURN (UPDATE COUNT) SEEN")
        client.say("b SELECT INBOX")
        told = client.say("c STORE 1 +FLAGS (\\Seen)")
        self.assertFalse([line for line in told if b"ESEARCH" in line])
