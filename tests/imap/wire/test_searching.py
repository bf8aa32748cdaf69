"""Search programs."""

from __future__ import annotations

import datetime

from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.wire.parser import Parser
from mailframe.imap.wire.searching import search_program
from mailframe.message.status import MailframeError, ProtocolError
from mailframe.store import search_keys
from mailframe.store.search_keys import HasFlag, Not, UIDs

DAY = datetime.date(2026, 2, 1).toordinal()


class Resolver:
    """Message sequence number n is UID 100 + n."""

    def numbers(self, wanted):
        return tuple((first + 100, last + 100) for first, last in wanted.resolve(10))

    def uids(self, wanted):
        return wanted.resolve(110)

    def now(self):
        return 10_000

    def recent(self):
        return ((109, 110),)


def parse(octets):
    return search_program(Parser(octets), Resolver())


class SearchProgramTests(SynchronousTestCase):
    """Search keys become the store's."""

    def test_keys(self):
        """Each key of RFC 3501."""
        recent = UIDs(((109, 110),))
        cases = {
            b"ALL": search_keys.All(), b"ANSWERED": HasFlag("\\Answered"), b"DELETED": HasFlag("\\Deleted"), b"DRAFT": HasFlag("\\Draft"),
            b"FLAGGED": HasFlag("\\Flagged"), b"SEEN": HasFlag("\\Seen"), b"UNANSWERED": Not(HasFlag("\\Answered")),
            b"UNDELETED": Not(HasFlag("\\Deleted")), b"UNDRAFT": Not(HasFlag("\\Draft")), b"UNFLAGGED": Not(HasFlag("\\Flagged")),
            b"unseen": Not(HasFlag("\\Seen")), b"KEYWORD work": HasFlag("work"), b"UNKEYWORD work": Not(HasFlag("work")),
            b"BCC x": search_keys.HeaderContains("Bcc", "x"), b"CC x": search_keys.HeaderContains("Cc", "x"),
            b"FROM x": search_keys.HeaderContains("From", "x"), b"SUBJECT x": search_keys.HeaderContains("Subject", "x"),
            b"TO x": search_keys.HeaderContains("To", "x"), b'HEADER X-Y ""': search_keys.HeaderContains("X-Y", ""),
            b"BODY x": search_keys.TextContains("x"), b"TEXT x": search_keys.TextContains("x", header=True),
            b"LARGER 5": search_keys.Size(larger=5), b"SMALLER 5": search_keys.Size(smaller=5),
            b"BEFORE 1-Feb-2026": search_keys.Dated("internal", before=DAY), b"SINCE 1-Feb-2026": search_keys.Dated("internal", since=DAY),
            b"ON 1-Feb-2026": search_keys.Dated("internal", since=DAY, before=DAY + 1),
            b"SENTBEFORE 1-Feb-2026": search_keys.Dated("sent", before=DAY), b"SENTSINCE 1-Feb-2026": search_keys.Dated("sent", since=DAY),
            b"SENTON 1-Feb-2026": search_keys.Dated("sent", since=DAY, before=DAY + 1),
            b"RECENT": recent, b"OLD": Not(recent), b"NEW": search_keys.And((recent, Not(HasFlag("\\Seen")))),
            b"2:3": UIDs(((102, 103),)), b"*": UIDs(((110, 110),)), b"UID 7,*": UIDs(((7, 7), (110, 110))),
            b"OLDER 60": search_keys.Arrived(before=9_941), b"YOUNGER 60": search_keys.Arrived(since=9_940),
            b"SAVEDBEFORE 1-Feb-2026": search_keys.Dated("saved", before=DAY), b"SAVEDSINCE 1-Feb-2026": search_keys.Dated("saved", since=DAY),
            b"SAVEDON 1-Feb-2026": search_keys.Dated("saved", since=DAY, before=DAY + 1), b"SAVEDATESUPPORTED": search_keys.All(),
            b"EMAILID M1-a_B": search_keys.HasID("email", "M1-a_B"), b"THREADID T1": search_keys.HasID("thread", "T1"),
            b"MODSEQ 9223372036854775807": search_keys.ModseqAtLeast(2**63 - 1),
            b'MODSEQ "/flags/\\\\Draft" all 7': search_keys.ModseqAtLeast(7), b"MODSEQ 0": search_keys.ModseqAtLeast(0),
            b"NOT ALL": Not(search_keys.All()), b"OR SEEN (DRAFT 1)": search_keys.Or(HasFlag("\\Seen"), search_keys.And((HasFlag("\\Draft"), UIDs(((101, 101),))))),
            b"ALL SEEN": search_keys.And((search_keys.All(), HasFlag("\\Seen"))), b"((ALL))": search_keys.All(),
        }  # fmt: skip
        for octets, key in cases.items():
            self.assertEqual(parse(octets), key, octets)

    def test_charsets(self):
        """Strings are UTF-8, or what CHARSET says where we know it."""
        umlaut = search_keys.HeaderContains("Subject", "ü")
        for octets in (
            b"CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xbc",
            b"SUBJECT {2+}\r\n\xc3\xbc",
            b'charset "utf-8" SUBJECT "\xc3\xbc"',
        ):
            self.assertEqual(parse(octets), umlaut)
        self.assertEqual(parse(b"CHARSET US-ASCII ALL"), search_keys.All())
        for octets in (b"CHARSET KOI8-R ALL", b"CHARSET US-ASCII BODY {1}\r\n\xfc", b"BODY {1}\r\n\xfc"):
            error = self.assertRaises(MailframeError, parse, octets)
            self.assertEqual(error.status.word, "BADCHARSET (US-ASCII UTF-8)")

    def test_refused(self):
        """What is no search program is a protocol error."""
        for octets in (
            b"", b"COLOUR", b"NOT", b"OR ALL", b"(ALL", b"()", b"ALL ", b"SUBJECT", b"LARGER x", b"ON x", b"UID", b"UID ()", b"CHARSET UTF-8",
            b"NOT " * 60 + b"ALL", b"(" * 60 + b"ALL" + b")" * 60, b"OR ALL " * 60 + b"ALL", b"ALL " * 1100 + b"ALL", b'HEADER "" x',
        ):  # fmt: skip
            self.assertRaises(ProtocolError, parse, octets)
