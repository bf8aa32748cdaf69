"""Base subjects."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.subject import base_subject


class BaseSubjectTests(SynchronousTestCase):
    """Marks of replies and forwards go, and nothing else."""

    def test_examples(self) -> None:
        """Subjects as programs write them."""
        for subject, wanted, is_reply in (
            (b"Lunch", "Lunch", False),
            (b"Re: Lunch", "Lunch", True),
            (b"re:  RE :Lunch", "Lunch", True),
            (b"Fwd: Lunch (fwd)", "Lunch", True),
            (b"FW: Lunch", "Lunch", True),
            (b"Lunch (fwd) (FWD)  ", "Lunch", True),
            (b"[list] Re: [list] Lunch", "Lunch", True),
            (b"[list] Lunch", "Lunch", False),
            (b"Re[2]: Lunch", "Lunch", True),
            (b"Re [list]: Lunch", "Lunch", True),
            (b"[fwd: Lunch]", "Lunch", True),
            (b"[Fwd: Re: Lunch (fwd)]", "Lunch", True),
            (b"[blob]", "[blob]", False),
            (b"Re: [blob]", "[blob]", True),
            (b"Regarding: Lunch", "Regarding: Lunch", False),
            (b"=?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=", "Gr\u00fc\u00dfe", True),
            (b"  many\r\n\tspaces  ", "many spaces", False),
            (b"", "", False),
            (None, "", False),
        ):
            with self.subTest(subject=subject):
                self.assertEqual(tuple(base_subject(subject)), (wanted, is_reply))

    @given(st.text("Refwd:[]() x", max_size=40))
    def test_settled(self, text: str) -> None:
        """A base subject is its own base subject, but for what a trailer hid; and any text has one in no time."""
        first = base_subject(text.encode())
        second = base_subject(first.text.encode())
        self.assertLessEqual(len(second.text), len(first.text))
        self.assertEqual(base_subject(b"Re: " + text.encode()).is_reply, True)
        self.assertEqual(base_subject(b"Re: " + text.encode()).text, first.text)

    def test_long(self) -> None:
        """Thousands of marks take no longer than their length."""
        self.assertEqual(base_subject(b"Re: " * 400 + b"x").text, "x")
        base_subject(b"[" * 100_000)
        base_subject(b"[a]" * 100_000)
        base_subject(b"(fwd) " * 100_000)
