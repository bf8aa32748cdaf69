"""What clients do at the same moment: each command runs while the others are under way."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .ground import WHERE, WHO, Box, Ground, Visit
from .player import Refused
from .replica import uids_of
from .slow import Rhythm

WHAT = st.sampled_from(
    [
        "NOOP",
        "FETCH",
        "UID FETCH",
        "STORE",
        "UID STORE",
        "STORE -",
        "EXPUNGE",
        "UID EXPUNGE",
        "COPY",
        "UID MOVE",
        "MOVE",
        "APPEND",
        "SEARCH",
        "UID REPLACE",
        "CHECK",
        "CLOSE",
    ]
)
DOING = st.tuples(WHAT, st.sets(st.integers(0, 5), min_size=1, max_size=3), WHERE)
_ITEMS = {
    "FETCH": "(UID BODY[])",
    "STORE": "+FLAGS (\\Deleted work)",
    "STORE -": "-FLAGS (\\Deleted)",
    "SEARCH": "UNSEEN",
}


class TogetherRules(Ground):
    """Rules for stores that take their time."""

    rhythm: Rhythm | None = None

    @precondition(lambda self: self.rhythm is not None and len(self.visits) > 1)
    @rule(doings=st.lists(DOING, min_size=2, max_size=4), first=WHO, seed=st.integers(0, 1 << 16))
    def together(self, doings: Sequence[tuple[str, set[int], int]], first: int, seed: int) -> None:
        """As many clients as there are do something at once."""
        assert self.rhythm is not None
        self.who(0)
        visits = [self.visits[(first + number) % len(self.visits)] for number in range(len(self.visits))]
        for visit in visits:
            visit.player.wake()
        self.rhythm.random.seed(seed)
        self.rhythm.at_rest = False
        begun = []
        for visit, (what, places, where) in zip(visits, doings, strict=False):
            box, message = self.where(where), self.new_message()
            if command := self._command(visit, what, places, box):
                arrives = what.endswith(("APPEND", "REPLACE"))
                visit.player.begin(command, [message] if arrives else ())
                begun.append((visit, box, message))
        ended = [(*each, self._ended(each[0])) for each in begun]
        self.rhythm.at_rest = True
        for visit, *_ in begun:
            if visit.player.under_way == "CLOSE":
                self.enter(visit, visit.box)
        for visit, box, message, said in ended:
            for line in said:
                self._note(visit, box, message, line)

    def _command(self, visit: Visit, what: str, places: set[int], box: Box) -> str:
        """What it sends, or nothing where it has no message to do that with."""
        player = visit.player
        uids = [uid for place, uid in enumerate(player.uids) if place in places]
        if what in ("NOOP", "CHECK", "EXPUNGE", "CLOSE"):
            return what
        if what == "APPEND":
            return f"APPEND {box.name}"
        by_uid = what.startswith("UID ") or player.replica.uid_only
        word = what.removeprefix("UID ")
        prefix = "UID " if by_uid else ""
        if word == "SEARCH":
            return f"{prefix}SEARCH UNSEEN"
        if word == "REPLACE":
            uids = uids[:1]
        if not uids:
            return ""
        rest = _ITEMS.get(word, "" if word == "EXPUNGE" else box.name)
        return f"{prefix}{word.removesuffix(' -')} {player.named(uids, by_uid)} {rest}".rstrip()

    def _ended(self, visit: Visit) -> list[bytes]:
        visit.player.replica.bodies.clear()
        try:
            if visit.player.under_way != "CLOSE":
                return visit.player.end()
            self.close(visit, visit.player.end)
            return []
        except Refused:
            assert re.search(rb" NO \[(EXPUNGEISSUED|CANNOT)\]", visit.player.tagged), visit.player.tagged
            return []

    def _note(self, visit: Visit, box: Box, octets: bytes, line: bytes) -> None:
        """What came in; who was first is not known."""
        validity = visit.player.replica.uidvalidity
        if found := re.search(rb"\[COPYUID (\d+) ([0-9:,]+) ([0-9:,]+)\]", line):
            for uid, new in zip(uids_of(found[2]), uids_of(found[3]), strict=True):
                self.born(box, int(found[1]), new, visit.box.octets[validity, uid], in_order=False)
        elif found := re.search(rb"\[APPENDUID (\d+) (\d+)\]", line):
            self.born(box, int(found[1]), int(found[2]), octets, in_order=False)
