"""Any order of work by us and by another program leads to what both expect."""

from __future__ import annotations

import mailbox

from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.store.values import FLAGGED, SEEN, FlagChange

from .fixture import MboxCase, numbered

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["append", "their append", "flag", "their flag", "remove", "their remove", "rest", "restart"]
        ),
        st.integers(0, 5),
    ),
    max_size=14,
)


class TurnsTests(MboxCase):
    """One mailbox, and Python's mailbox module."""

    def setUp(self) -> None:
        super().setUp()
        self.number = 0

    @settings(deadline=None, max_examples=30)
    @given(STEPS)
    def test_turns(self, steps: list[tuple[str, int]]) -> None:
        """No message is lost, comes twice or changes its UID, and flags are those that were set."""
        self.wait(self.store.remove_account("alice@example.test"))
        self.expected: dict[int, tuple[bytes, frozenset[str]]] = {}
        self.contents()
        for kind, place in steps:
            getattr(self, kind.replace(" ", "_"))(place)
            flags = self.flags()
            self.assertEqual(
                {uid: (octets, flags[uid]) for uid, octets in self.messages().items()}, self.expected
            )
        self.restarted()
        theirs = [(one["Subject"], SEEN if "R" in one.get_flags() else "") for one in self.box()]
        ours = [
            (octets.split(b"\r\n")[0][9:].decode(), SEEN if SEEN in flags else "")
            for _, (octets, flags) in sorted(self.expected.items())
        ]
        self.assertEqual(theirs, ours)

    def box(self) -> mailbox.mbox:
        return mailbox.mbox(self.path())

    def uid(self, place: int) -> int:
        return sorted(self.expected)[place % len(self.expected)]

    def append(self, place: int, *more: bytes, **named: object) -> list[int]:  # type: ignore[override]
        self.number += 1
        (uid,) = super().append(numbered(self.number))
        self.expected[uid] = numbered(self.number), frozenset()
        return [uid]

    def their_append(self, place: int) -> None:
        self.number += 1
        box = self.box()
        box.lock()
        box.add(numbered(self.number).replace(b"\r\n", b"\n"))
        box.close()
        (uid,) = set(self.messages()) - set(self.expected)
        self.assertGreater(uid, max(self.expected, default=0))
        self.expected[uid] = numbered(self.number), frozenset()

    def flag(self, place: int) -> None:
        if self.expected:
            uid = self.uid(place)
            self.wait(self.opened().store([uid], FlagChange.ADD, frozenset({FLAGGED})))
            self.expected[uid] = self.expected[uid][0], self.expected[uid][1] | {FLAGGED}

    def their_flag(self, place: int) -> None:
        if self.expected:
            self.rest()
            uid = self.uid(place)
            box = self.box()
            box.lock()
            key = sorted(self.expected).index(uid)
            one = box[key]
            one.set_flags(one.get_flags() + "R")
            box[key] = one
            box.close()
            self.expected[uid] = self.expected[uid][0], self.expected[uid][1] | {SEEN}

    def remove(self, place: int) -> None:
        if self.expected:
            uid = self.uid(place)
            self.wait(self.opened().remove([uid]))
            del self.expected[uid]

    def their_remove(self, place: int) -> None:
        if self.expected:
            uid = self.uid(place)
            box = self.box()
            box.lock()
            box.remove(sorted(self.expected).index(uid))
            box.close()
            del self.expected[uid]

    def restart(self, place: int) -> None:
        self.restarted()

    def rest(self, place: int = 0) -> None:
        super().rest()
