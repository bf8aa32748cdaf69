"""What SORT and THREAD go by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.sort_keys import LIMIT, SortKeys, pack, part, sort_keys, unpack

# Sent at 09:00 UTC.
HEAD = (
    b"Date: Mon, 02 Nov 2026 10:00:00 +0100\r\nSubject: Re: =?utf-8?q?=C3=84pfel?=\r\n"
    b'From: "Zo\xc3\xab A." <Alice@example.test>, bob@example.test\r\nTo: Team: erin@example.test;\r\n'
    b"Cc: carol@example.test\r\nMessage-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\nbody"
)


class SortKeysTests(SynchronousTestCase):
    """Keys of one message."""

    def test_all(self) -> None:
        """Date, base subject, first addresses, what is shown of them, references."""
        self.assertEqual(
            sort_keys(HEAD),
            SortKeys(
                1793610000,
                "A\u0308PFEL".encode(),
                True,
                b"ALICE",
                b"TEAM",
                b"CAROL",
                "ZOE\u0308 A.".encode(),
                b"TEAM",
                b"3@x",
                (b"1@x", b"2@x"),
            ),
        )

    def test_none(self) -> None:
        """A message that says nothing of itself has empty keys."""
        self.assertEqual(sort_keys(b"\r\nSubject: a body\r\n"), SortKeys())

    def test_shown_address(self) -> None:
        """Where there is no name, the whole address is shown."""
        self.assertEqual(sort_keys(b"From: bob@example.test\r\n\r\n").shown_sender, b"BOB@EXAMPLE.TEST")

    def test_long(self) -> None:
        """Long texts are cut."""
        self.assertEqual(len(sort_keys(b"Subject: " + b"x" * 5000 + b"\r\n\r\n").subject), LIMIT)

    @given(
        st.binary(max_size=300)
        | st.lists(
            st.tuples(
                st.sampled_from([b"Subject", b"From", b"To", b"Cc", b"Date", b"Message-ID", b"References"]),
                st.binary(max_size=30)
                | st.sampled_from([b"<a@b> <c d@e>", b'<"q"@x>', b"=?utf-7?q?+2D0-?="]),
            )
        ).map(lambda found: b"".join(b"%b: %b\r\n" % one for one in found))
    )
    def test_kept(self, head: bytes) -> None:
        """Whatever a message says, its keys are the same after they were kept."""
        keys = sort_keys(head)
        self.assertEqual(unpack(pack(keys)), keys)
        self.assertEqual(part(pack(keys), SortKeys._fields.index("shown_to")), keys.shown_to)

    @given(st.binary(max_size=30))
    def test_garbage(self, octets: bytes) -> None:
        """What was not packed is told apart."""
        self.assertRaises(ValueError, unpack, octets)
