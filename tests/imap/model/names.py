"""What clients do with mailboxes: CREATE, DELETE, RENAME."""

from __future__ import annotations

import re

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .ground import WHERE, WHO, Box, Ground, Visit
from .player import Player, Refused

NAMES = st.sampled_from(["a", "b", "a/b", "b/c"])
LAST = st.sampled_from(
    [
        "NOOP",
        "CHECK",
        "SEARCH ALL",
        "UID SEARCH ALL",
        "UID FETCH 1:* (FLAGS)",
        "UID FETCH 1:* (BODY[])",
        "UID STORE 1:* +FLAGS (work)",
        "UID COPY 1:* INBOX",
        "UID MOVE 1:* INBOX",
        "EXPUNGE",
        "CLOSE",
        "UNSELECT",
    ]
)
"""What may be the first that somebody does in a mailbox that is gone."""


class NameRules(Ground):
    """Rules about names."""

    @precondition(lambda self: self.visits)
    @rule(who=WHO, name=NAMES)
    def make(self, who: int, name: str) -> None:
        """CREATE, of what is there as well."""
        player = self.who(who).player
        if name not in self.boxes:
            self.create(player, name)
        else:
            self.refused(player, f"CREATE {name}")
        self.check_names()

    @precondition(lambda self: self.visits and len(self.boxes) > 1)
    @rule(who=WHO, where=WHERE, last=LAST)
    def delete(self, who: int, where: int, last: str) -> None:
        """DELETE; everybody who is in there does something, and is told that there is nothing any more."""
        visit, box = self.who(who), self.where(where)
        if box.name == "INBOX":
            self.refused(visit.player, "DELETE INBOX")
            return
        visit.player.do(f"DELETE {box.name}")
        del self.boxes[box.name]
        box.deleted = True
        for other in [one for one in self.visits if one.box is box]:
            if other is visit:
                self.enter(visit, self.boxes["INBOX"])
            else:
                self._end(other, last)
        self.check_names()

    @precondition(lambda self: self.visits)
    @rule(who=WHO, where=WHERE, name=NAMES)
    def rename(self, who: int, where: int, name: str) -> None:
        """RENAME."""
        player, box = self.who(who).player, self.where(where)
        old = box.name
        inferiors = {each for each in self.boxes if each.startswith(f"{old}/")} if old != "INBOX" else set()
        taken = name in self.boxes or any(name + each[len(old) :] in self.boxes for each in inferiors)
        if taken or name.startswith(f"{old}/"):
            self.refused(player, f"RENAME {old} {name}")
        elif old == "INBOX":
            self._empty_inbox(player, name)
        else:
            player.do(f"RENAME {old} {name}")
            for each in sorted({old, *inferiors}):
                self.renamed(self.boxes[each], name + each[len(old) :])
            self._superiors(name)
        self.check_names()

    def create(self, player: Player, name: str) -> None:
        """CREATE what is not there."""
        player.do(f"CREATE {name}")
        self.boxes[name] = Box(name)
        self._superiors(name)

    def refused(self, player: Player, command: str) -> None:
        """Nothing can come of it."""
        try:
            player.do(command)
        except Refused:
            assert re.match(rb"t\d+ NO \[(?!SERVERBUG)", player.tagged), player.tagged
            return
        raise AssertionError(f"{command} was done")

    def _superiors(self, name: str) -> None:
        superior = name.rpartition("/")[0]
        if superior and superior not in self.boxes:
            self.boxes[superior] = Box(superior)

    def _empty_inbox(self, player: Player, name: str) -> None:
        before = [octets for _, octets in sorted(self._contents(self._inbox).items())]
        player.do(f"RENAME INBOX {name}")
        self._superiors(name)
        after = [octets for _, octets in sorted(self._contents(self.emptied_into(name)).items())]
        assert before == after, f"INBOX had {before}, {name} has {after}"
        assert not self.look(self._inbox)

    def _contents(self, box: Box) -> dict[int, bytes]:
        there = self.look(box)
        return {uid: octets for (_, uid), octets in box.octets.items() if uid in there}

    def _end(self, visit: Visit, last: str) -> None:
        """Somebody finds that its mailbox is gone."""
        player = visit.player
        if player.replica.uid_only and last.startswith("SEARCH"):
            last = f"UID {last}"
        try:
            player.do(last)
        except Refused:
            assert b"SERVERBUG" not in player.tagged, f"{last}: {player.tagged!r}"
        if last in ("CLOSE", "UNSELECT") and not player.gone:
            self.enter(visit, self.boxes["INBOX"])
            return
        if not player.gone:
            player.do("NOOP")
        assert player.gone, f"{last} and NOOP in a mailbox that is gone: {player.tagged!r}"
        self.visits.remove(visit)
        player.leave()
