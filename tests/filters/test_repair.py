"""Repairs of header sections."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.filters.repair import LINE_LIMIT, REMOVED, Additions, repair
from mailframe.message.header import fields, header_end, unfold
from tests.strategies import field_bodies, header_fields

ADDITIONS = Additions(
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
    b"Message-ID: <1@relay.example.test>\r\n",
    b"From: alice@example.test\r\n",
)
WHOLE = b"From: a@example.test\r\nTo: b@example.test\r\nDate: today\r\nMessage-ID: <1@x>\r\n"
_ADDED = (b"date", b"message-id", b"from", b"to")


def repaired(octets: bytes, additions: Additions = ADDITIONS) -> bytes:
    """A whole message after its repair."""
    made = repair(octets, additions)
    return made.header + octets[made.end :]


def removable() -> st.SearchStrategy[bytes]:
    """A field that does not leave, however it is spelled."""
    names = st.sampled_from([b"Bcc", b"BCC", b"resent-bcc", b"Return-Path", b"bcc ", b"Bcc\t"])
    return st.builds(lambda name, body: name + b": " + body + b"\r\n", names, field_bodies())


def messages() -> st.SearchStrategy[bytes]:
    """Messages with a header section, right or odd, and any body."""
    long_field = st.integers(900, 4000).map(lambda size: b"X-Long: " + b"word " * (size // 5) + b"end\r\n")
    solid = st.integers(900, 2100).map(lambda size: b"X-Solid: " + b"x" * size + b"\r\n")
    line = st.one_of(header_fields(), header_fields(), removable(), long_field, solid)
    odd = st.sampled_from([b"", b"no field\r\n", b" white first\r\n", b"From someone Mon\r\n", b": x\r\n"])
    header = st.tuples(st.lists(line, max_size=6), odd, st.lists(line, max_size=3))
    body = st.one_of(st.just(b""), st.binary(max_size=200).map(lambda octets: b"\r\n" + octets))
    return st.builds(lambda h, b: b"".join(h[0]) + h[1] + b"".join(h[2]) + b, header, body)


class RepairTests(SynchronousTestCase):
    """What is missing comes, what must not leave goes, and all else stays."""

    def test_nothing_to_do(self) -> None:
        """A header section that has everything stays as it is."""
        for header in (WHOLE, WHOLE.replace(b"To:", b"cC:"), WHOLE + b"\tfolded\r\n"):
            self.assertEqual(repaired(header + b"\r\nbody\r\n"), header + b"\r\nbody\r\n")
            self.assertEqual(repaired(header), header)

    def test_missing(self) -> None:
        """Date, From, Message-ID and To are added where they are missing, in front."""
        self.assertEqual(
            repaired(b"Subject: x\r\n\r\nbody\r\n"),
            b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nFrom: alice@example.test\r\n"
            b"Message-ID: <1@relay.example.test>\r\nTo: undisclosed-recipients:;\r\nSubject: x\r\n\r\nbody\r\n",
        )
        self.assertEqual(
            repaired(b"\r\nbody\r\n", Additions()), b"To: undisclosed-recipients:;\r\n\r\nbody\r\n"
        )
        self.assertEqual(repaired(b"", Additions()), b"To: undisclosed-recipients:;\r\n")

    def test_bcc(self) -> None:
        """Whom nobody may know of is not told, even where nobody else is named."""
        octets = (
            WHOLE.replace(b"To:", b"Bcc:")
            + b"RESENT-BCC : x@example.test,\r\n y@example.test\r\n\r\nBcc: z\r\n"
        )
        self.assertEqual(
            repaired(octets),
            b"To: undisclosed-recipients:;\r\nFrom: a@example.test\r\nDate: today\r\nMessage-ID: <1@x>\r\n\r\nBcc: z\r\n",
        )

    def test_return_path(self) -> None:
        """Return-Path goes: the last host adds it."""
        self.assertEqual(repaired(b"Return-Path: <x@example.test>\r\n" + WHOLE), WHOLE)

    def test_no_field(self) -> None:
        """A line that is no field begins the body, for all readers; fields behind it are body too."""
        for odd in (b"no field\r\n", b" white\r\n", b"na me: x\r\n", b": x\r\n", b"N\xe9: x\r\n"):
            first = repaired(odd + b"Bcc: x@example.test\r\n\r\n", Additions())
            self.assertEqual(
                first, b"To: undisclosed-recipients:;\r\n\r\n" + odd + b"Bcc: x@example.test\r\n\r\n"
            )
            if not odd.startswith(b" "):
                self.assertEqual(repaired(WHOLE + odd + b"X: y\r\n"), WHOLE + b"\r\n" + odd + b"X: y\r\n")

    def test_sender(self) -> None:
        """The Sender field that is wanted takes the place of any other."""
        wanted = Additions(sender=b"Sender: alice@example.test\r\n")
        self.assertEqual(repaired(WHOLE, wanted), b"Sender: alice@example.test\r\n" + WHOLE)
        self.assertEqual(
            repaired(WHOLE + b"SENDER: boss@example.test\r\n", wanted),
            b"Sender: alice@example.test\r\n" + WHOLE,
        )
        there = WHOLE + b"Sender: alice@example.test\r\n"
        self.assertEqual(repaired(there, wanted), there)
        self.assertEqual(repaired(there, ADDITIONS), there)

    def test_resent(self) -> None:
        """A message that was resent says when, and by which id, in front of what was last put there for that."""
        wanted = Additions(
            resent_date=b"Resent-Date: now\r\n", resent_message_id=b"Resent-Message-ID: <2@x>\r\n"
        )
        both = b"Resent-Date: now\r\nResent-Message-ID: <2@x>\r\n"
        before = b"Resent-From: b@example.test\r\nResent-Date: then\r\nResent-Message-ID: <0@x>\r\n"
        mine = b"Resent-From: a@example.test\r\nRESENT-TO : c@example.test\r\n"
        for header, expected in (
            (WHOLE, WHOLE),
            (mine + WHOLE, both + mine + WHOLE),
            (b"Received: x\r\n" + mine + before + WHOLE, b"Received: x\r\n" + both + mine + before + WHOLE),
            (mine + b"Resent-Date: today\r\n" + WHOLE, both[18:] + mine + b"Resent-Date: today\r\n" + WHOLE),
            (before + mine + WHOLE, before + mine + WHOLE),
            (b"Resent-Bcc: c@example.test\r\n" + WHOLE, WHOLE),
            (WHOLE + b"X: y\r\n" + mine, WHOLE + b"X: y\r\n" + both + mine),
        ):
            self.assertEqual(repaired(header, wanted), expected)
            self.assertEqual(repaired(expected, wanted), expected)

    def test_long_line(self) -> None:
        """A long line is folded at white space, and means the same."""
        field = (
            b"References: " + b" ".join(b"<%04d@example.test>" % number for number in range(200)) + b"\r\n"
        )
        made = repaired(WHOLE + field + b"\r\nbody\r\n")
        self.assertTrue(all(len(line) <= LINE_LIMIT for line in made.split(b"\r\n")))
        self.assertEqual(unfold(fields(made)[-1].raw), unfold(field))
        self.assertTrue(made.endswith(b"\r\n\r\nbody\r\n"))
        solid = WHOLE + b"X: " + b"x" * 3000 + b"\r\n"
        self.assertEqual(repaired(solid), WHOLE + b"X:\r\n " + b"x" * 3000 + b"\r\n")

    @given(messages())
    @example(b"")
    @example(b"Subject: x")
    @example(b"X:" + b" " * 2000 + b"\r\n")
    @example(b"X: a" + b" " * 2000 + b"b\r\n")
    def test_any(self, octets: bytes) -> None:
        """Whatever comes: all is there afterwards, nothing else changed, and a second repair does nothing."""
        made = repaired(octets)
        self.assertEqual(repaired(made), made)
        after = [(field.name.lower(), unfold(field.raw)) for field in fields(made)]
        names = [name for name, _ in after]
        for name in _ADDED[:3]:
            self.assertIn(name, names)
        self.assertTrue({b"to", b"cc"} & set(names))
        self.assertFalse(REMOVED & set(names))
        self.assertNotIn(b"", names)
        end = repair(octets, ADDITIONS).end
        before = [(field.name.lower(), unfold(field.raw)) for field in fields(octets[:end])]
        stays = [one for one in before if one[0] not in REMOVED]
        self.assertEqual(after[len(after) - len(stays) :], stays)
        self.assertTrue({name for name, _ in after[: len(after) - len(stays)]} <= set(_ADDED))
        # The body, octet by octet: what followed the header section follows it still.
        rest = octets[end:]
        self.assertTrue(made.endswith(rest))
        self.assertEqual(made[header_end(made) :], rest if rest[:2] in (b"\r\n", b"") else b"\r\n" + rest)
