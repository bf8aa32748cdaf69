"""What clients do with messages."""

from __future__ import annotations

import re

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .ground import KEPT_LIMIT, PLACES, WHERE, WHO, Box, Ground, Visit, chosen
from .player import Refused
from .replica import uids_of

FLAGS = st.lists(
    st.sampled_from(["\\Seen", "\\Deleted", "\\Deleted", "\\Flagged", "work", "$a"]),
    min_size=1,
    max_size=3,
    unique=True,
)
SIGNS = st.sampled_from(["+", "+", "-", ""])
HOW = st.sampled_from(["number", "uid", "number silent", "uid silent"])
SAVED = st.sampled_from(["FETCH", "UID FETCH", "STORE", "COPY", "UID MOVE", "UID EXPUNGE", "SEARCH"])


class MessageRules(Ground):
    """Rules about messages."""

    @precondition(lambda self: self.visits)
    @rule(who=WHO, where=WHERE, flags=FLAGS, count=st.sampled_from([1, 1, 1, 3]))
    def append(self, who: int, where: int, flags: list[str], count: int) -> None:
        """APPEND, of several messages now and then."""
        box = self.where(where)
        octets = [self.new_message() for _ in range(count)]
        self.arrive(self.who(who).player, f"APPEND {box.name} ({' '.join(flags)})", box, octets)

    @precondition(lambda self: self.visits)
    @rule(who=WHO, place=st.integers(0, 5), where=WHERE, flags=FLAGS, by_uid=st.booleans())
    def replace(self, who: int, place: int, where: int, flags: list[str], by_uid: bool) -> None:
        """REPLACE, which does nothing where somebody else has expunged the message."""
        visit, box = self.who(who), self.where(where)
        uids = chosen(visit.player, {place})
        if not uids:
            return
        by_uid |= visit.player.replica.uid_only
        name = f"{'UID ' if by_uid else ''}REPLACE {visit.player.named(uids, by_uid)}"
        try:
            self.arrive(visit.player, f"{name} {box.name} ({' '.join(flags)})", box, [self.new_message()])
        except Refused:
            assert b"[EXPUNGEISSUED]" in visit.player.tagged, visit.player.tagged
            assert uids[0] not in self.look(visit.box)

    @precondition(lambda self: self.visits)
    @rule(who=WHO, places=PLACES, sign=SIGNS, flags=FLAGS, how=HOW, back=st.none() | st.integers(0, 4))
    def store(
        self, who: int, places: set[int], sign: str, flags: list[str], how: str, back: int | None
    ) -> None:
        """STORE, of messages that did not change since a while, or of any."""
        player = self.who(who).player
        modifier = ""
        if back is not None and player.replica.condstore:
            modifier = f"(UNCHANGEDSINCE {max(0, player.keep()[1] - back)}) "
        if uids := chosen(player, places):
            player.store(uids, sign, flags, modifier, how)

    @precondition(lambda self: self.visits)
    @rule(who=WHO, places=st.none() | PLACES)
    def expunge(self, who: int, places: set[int] | None) -> None:
        """EXPUNGE, UID EXPUNGE."""
        player = self.who(who).player
        if places is None:
            player.do("EXPUNGE")
        elif uids := chosen(player, places):
            player.do(f"UID EXPUNGE {player.named(uids, True)}")

    @precondition(lambda self: self.visits)
    @rule(who=WHO, places=PLACES, where=WHERE, move=st.booleans(), by_uid=st.booleans())
    def copy(self, who: int, places: set[int], where: int, move: bool, by_uid: bool) -> None:
        """COPY, MOVE and their UID forms."""
        visit = self.who(who)
        by_uid |= visit.player.replica.uid_only
        if uids := chosen(visit.player, places):
            word = f"{'UID ' if by_uid else ''}{'MOVE' if move else 'COPY'}"
            self._copy(visit, f"{word} {visit.player.named(uids, by_uid)}", self.where(where))

    @precondition(lambda self: self.visits)
    @rule(who=WHO, places=PLACES, by_uid=st.booleans(), peek=st.booleans())
    def fetch(self, who: int, places: set[int], by_uid: bool, peek: bool) -> None:
        """FETCH content: the octets that once came in with this UID."""
        visit = self.who(who)
        player = visit.player
        by_uid |= player.replica.uid_only
        if uids := chosen(player, places):
            player.replica.bodies.clear()
            body = "BODY.PEEK[]" if peek else "BODY[]"
            self.may_miss(
                player, f"{'UID ' if by_uid else ''}FETCH {player.named(uids, by_uid)} (UID {body})"
            )
            self.check_bodies(player, visit.box)

    @precondition(lambda self: self.visits)
    @rule(who=WHO, by_uid=st.booleans())
    def search(self, who: int, by_uid: bool) -> None:
        """SEARCH: what is found is what the client has."""
        player = self.who(who).player
        by_uid |= player.replica.uid_only
        having = set(player.uids) if by_uid else set(range(1, len(player.replica.slots) + 1))
        complete = len(player.uids) == len(player.replica.slots)
        found = found_in(player.do(f"{'UID ' if by_uid else ''}SEARCH ALL"))
        if complete:
            assert set(found) <= having, f"found {found}, the client has {sorted(having)}"

    @precondition(lambda self: self.visits)
    @rule(who=WHO, places=PLACES, narrow=st.booleans())
    def save(self, who: int, places: set[int], narrow: bool) -> None:
        """SEARCH with SAVE, of all or among what was saved."""
        visit = self.who(who)
        player, before = visit.player, visit.saved
        if not (uids := chosen(player, places)):
            return
        among = " $" if narrow else ""
        said = player.do(f"UID SEARCH RETURN (SAVE ALL) UID {player.named(uids, True)}{among}")
        visit.saved = frozenset(found_in(said))
        assert visit.saved <= (set(uids) & before if narrow else set(uids))

    @precondition(lambda self: self.visits)
    @rule(who=WHO, how=SAVED, where=WHERE)
    def use_saved(self, who: int, how: str, where: int) -> None:
        """``$`` stands for what was saved and is still there."""
        visit = self.who(who)
        player, saved = visit.player, visit.saved
        if player.replica.uid_only and not how.startswith("UID"):
            how = f"UID {how}"
        if how.endswith(("COPY", "MOVE")):
            self._copy(visit, f"{how} $", self.where(where))
            return
        items = "UID FLAGS MODSEQ" if player.replica.condstore else "UID FLAGS"
        rest = {"FETCH": f" ({items})", "STORE": " +FLAGS ($a)"}.get(how.removeprefix("UID "), "")
        there = saved & set(player.replica.known())
        player.replica.told.clear()
        said = self.may_miss(player, f"{how} ${rest}")
        if how == "UID SEARCH":
            assert set(found_in(said)) <= there
        elif how.endswith("FETCH"):
            # Others' changes may be told as well, and what others expunged is not.
            gone = there - set(player.replica.told)
            assert not gone & set(self.look(visit.box)), f"{how} $: {player.replica.told} of {there}"

    @precondition(lambda self: any(visit.player.replica.qresync for visit in self.visits))
    @rule(who=WHO, place=st.integers(0, KEPT_LIMIT))
    def changes(self, who: int, place: int) -> None:
        """UID FETCH with CHANGEDSINCE and VANISHED, from some point in the past."""
        visit = self.who(who)
        player = visit.player
        kept = [known for box, known in self.kept if box is visit.box]
        if not player.replica.qresync or not kept:
            return
        _, modseq, flags = kept[place % len(kept)]
        self.sync(visit)
        player.replica.earlier.clear()
        player.replica.told.clear()
        player.do(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")
        there = player.replica.known()
        gone = {uid for uid in flags if uid not in there}
        # UIDs behind the last one that is there are not in 1:*, where that is lower than what the client knew.
        top = max(there, default=1)
        assert {uid for uid in gone if uid <= top} <= set(player.replica.earlier)
        assert not set(player.replica.earlier) & set(there)
        changed = {uid for uid, slot in there.items() if (slot.modseq or 0) > modseq}
        assert set(player.replica.told) == changed, f"told {player.replica.told}, changed {changed}"

    def _copy(self, visit: Visit, command: str, target: Box) -> None:
        """Copy or move, and note what came in."""
        player, validity = visit.player, visit.player.replica.uidvalidity
        try:
            said = player.do(f"{command} {target.name}")
        except Refused:
            if b"[EXPUNGEISSUED]" in player.tagged:
                return
            # A mailbox cannot be moved into itself in every store.
            assert ("MOVE" in command, target) == (True, visit.box), player.tagged
            assert b"[CANNOT]" in player.tagged, player.tagged
            return
        for line in [*said, player.tagged]:
            if found := re.search(rb"\[COPYUID (\d+) ([0-9:,]+) ([0-9:,]+)\]", line):
                for uid, new in zip(uids_of(found[2]), uids_of(found[3]), strict=True):
                    self.born(target, int(found[1]), new, visit.box.octets[validity, uid])
                return


def found_in(said: list[bytes]) -> list[int]:
    """What SEARCH found."""
    for line in said:
        if line.startswith(b"* SEARCH "):
            return [int(word) for word in line[9:].partition(b" (")[0].split()]
        if line.startswith(b"* ESEARCH ") and b" ALL " in line:
            return uids_of(line.partition(b" ALL ")[2].split()[0])
    return []
