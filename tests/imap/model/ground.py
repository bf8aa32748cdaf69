"""What hypothesis' clients stand on: mailboxes and contents as they must be, and what is checked again and again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from twisted.internet.task import Clock

from mailframe.imap.server import IMAPServerFactory
from mailframe.testing.imap import Client

from .player import ENABLES, Known, Player, Refused
from .replica import Slot, render, uids_of
from .slow import settle

MODES = st.sampled_from(sorted(ENABLES))
WHO = st.integers(0, 3)
WHERE = st.sampled_from([0, 0, 1, 2, 3])
"""Which mailbox: the first is INBOX."""
PLACES = st.sets(st.integers(0, 5), min_size=1, max_size=4)
KEPT_LIMIT = 8
Start = Callable[[], tuple[Sequence[IMAPServerFactory], Clock]]


@dataclass(eq=False)
class Box:
    """A mailbox, whatever it is called.

    Attributes:
        name: its name now.
        octets: contents by UIDVALIDITY and UID, of all messages that ever were in it.
        deleted: it is there no more.
    """

    name: str
    octets: dict[tuple[int, int], bytes] = field(default_factory=dict)
    deleted: bool = False


@dataclass
class Visit:
    """One client and where it is.

    Attributes:
        saved: UIDs that ``$`` stands for, as far as they are still there.
    """

    player: Player
    box: Box
    saved: frozenset[int] = frozenset()


class Ground(RuleBasedStateMachine):
    """Clients of one account.

    Args:
        start: makes servers, each with its own store over one empty account.
        stop: they are done with.
    """

    def __init__(self, start: Start, stop: Callable[[], None]) -> None:
        super().__init__()
        self._factories, self._clock = start()
        self._stop = stop
        self._connected = self._number = 0
        self._inbox = Box("INBOX")
        self.boxes: dict[str, Box] = {"INBOX": self._inbox}
        self.visits: list[Visit] = []
        self.kept: list[tuple[Box, Known]] = []
        self._ever: dict[tuple[str, int, int], bytes] = {}

    def teardown(self) -> None:
        """Everybody hears everything at last."""
        try:
            for visit in tuple(self.visits):
                self.sync(visit)
            for box, known in self.kept:
                self.back("qresync", box, known)
        finally:
            for visit in self.visits:
                visit.player.leave()
            self._stop()

    # What holds.

    def sync(self, visit: Visit) -> None:
        """Hear everything; then the client must know what there is."""
        player = visit.player
        player.do("NOOP")
        player.learn()
        there = self.look(visit.box)
        known = {uid: slot.flags for uid, slot in player.replica.known().items()}
        assert known == {uid: flags for uid, (flags, _) in there.items()}, (
            f"{player.mode}: {known} is {there}"
        )
        assert len(player.replica.slots) == len(there)
        for uid, slot in player.replica.known().items():
            assert slot.modseq in (None, there[uid][1]) or not player.replica.condstore, f"UID {uid}: {slot}"
        if player.replica.condstore and len(self.kept) < KEPT_LIMIT:
            self.kept.append((visit.box, player.keep()))

    def look(self, box: Box) -> dict[int, tuple[frozenset[bytes], int]]:
        """What a client finds that asks anew: flags and mod-sequence by UID; contents are compared."""
        player, slots = self._looked(box)
        self.check_bodies(player, box)
        return {uid: (slot.flags or frozenset(), slot.modseq or 0) for uid, slot in slots.items()}

    def back(self, mode: str, box: Box, known: Known, some: frozenset[int] | None = None) -> None:
        """SELECT with QRESYNC, from some point in the past.

        Args:
            some: what the client knows of that; where None, it does not say.
        """
        uidvalidity, modseq, before = known
        if box.deleted:
            self._back_to_another(box.name, known)
            return
        player = self.player(mode)
        player.select(box.name, f" (QRESYNC ({uidvalidity} {modseq}{_known(player, before, some)}))")
        replica = player.replica
        there = {uid: flags for uid, (flags, _) in self.look(box).items()}
        # What was told is laid over what was known; new messages are among it, unless it named those it knows.
        now = {uid: flags for uid, flags in before.items() if uid not in replica.earlier}
        now.update({uid: slot.flags or frozenset() for uid, slot in replica.known().items()})
        if some is not None:
            assert set(replica.earlier) <= some, f"told of {replica.earlier}, but knows only {some}"
            assert set(replica.known()) <= some, f"told of {replica.known()}, but knows only {some}"
            now = {uid: flags for uid, flags in now.items() if uid in some}
            there = {uid: flags for uid, flags in there.items() if uid in some}
        else:
            assert len(replica.slots) == len(now), f"{len(replica.slots)} messages, {now} from {known}"
        assert now == there, f"{mode}: {now} from {known} is {there}"
        player.leave()

    def _back_to_another(self, name: str, known: Known) -> None:
        """The mailbox is gone; if there is another of this name, what was known of the old one means nothing."""
        if name not in self.boxes:
            return
        player = self.player("qresync")
        player.select(name, f" (QRESYNC ({known[0]} {known[1]}))")
        assert player.replica.uidvalidity != known[0], f"{name}: UIDVALIDITY {known[0]} again"
        assert not player.replica.earlier
        assert not player.replica.told
        player.leave()

    def check_bodies(self, player: Player, box: Box) -> None:
        """What came in is what was put in."""
        for uid, octets in player.replica.bodies.items():
            assert octets == box.octets[player.replica.uidvalidity, uid], f"UID {uid} in {box.name}"

    def check_names(self) -> None:
        """The mailboxes are those that there must be."""
        player = self.player("plain")
        said = [
            re.fullmatch(rb'\* LIST \(([^)]*)\) "/" "?([^"]*)"?', line) for line in player.do('LIST "" *')
        ]
        found = {match[2].decode() for match in said if match and b"\\Noselect" not in match[1]}
        player.leave()
        assert found - self._made_with_account == set(self.boxes), f"{found} is {set(self.boxes)}"

    _made_with_account = frozenset({"Archive", "Drafts", "Junk", "Sent", "Trash"})

    # Ways to do it.

    def player(self, mode: str) -> Player:
        """A new client, of one server after the other."""
        self._connected += 1
        server = self._factories[self._connected % len(self._factories)]
        client = Client(server.buildProtocol(None))
        self._settle()
        client.heard()
        return Player(client, self._settle, mode)

    def enter(self, visit: Visit, box: Box) -> None:
        """SELECT."""
        visit.saved, visit.box = frozenset(), box
        visit.player.select(box.name)
        visit.player.learn()

    def close(self, visit: Visit, close: Callable[[], object]) -> None:
        """CLOSE: a client with QRESYNC can come back from there, if it knew what messages there are."""
        replica = visit.player.replica
        complete = not any(None in (slot.uid, slot.flags) for slot in replica.slots)
        _, _, flags = visit.player.keep()
        close()
        found = re.search(rb"\[HIGHESTMODSEQ (\d+)\]", visit.player.tagged)
        if replica.qresync and found and complete and len(self.kept) < KEPT_LIMIT:
            left = {uid: words for uid, words in flags.items() if b"\\deleted" not in words}
            self.kept.append((visit.box, (replica.uidvalidity, int(found[1]), left)))

    def who(self, who: int) -> Visit:
        """A client; those that idle hear first what has happened."""
        for visit in self.visits:
            if visit.player.idling:
                visit.player.listen()
        return self.visits[who % len(self.visits)]

    def where(self, where: int) -> Box:
        """A mailbox that is there."""
        names = sorted(self.boxes)
        return self.boxes[names[where % len(names)]]

    def new_message(self) -> bytes:
        """Content like no other."""
        self._number += 1
        return b"Subject: %d\r\n\r\nMessage %d.\r\n" % (self._number, self._number)

    def arrive(self, player: Player, command: str, box: Box, octets: Sequence[bytes]) -> None:
        """APPEND and REPLACE: run it, and note what came in."""
        said = player.do(command, octets=octets)
        for line in [*said, player.tagged]:
            if found := re.search(rb"\[APPENDUID (\d+) ([0-9:,]+)\]", line):
                for uid, one in zip(uids_of(found[2]), octets, strict=True):
                    self.born(box, int(found[1]), uid, one)
                return
        raise AssertionError(f"no APPENDUID: {said}")

    def born(self, box: Box, uidvalidity: int, uid: int, octets: bytes, in_order: bool = True) -> None:
        """There is a new message.

        Args:
            in_order: it is newer than all that were noted.
        """
        before = [known for validity, known in box.octets if validity == uidvalidity]
        assert uid not in before, f"UID {uid} in {box.name} again"
        assert not in_order or uid > max(before, default=0), (
            f"UID {uid} in {box.name} is not above all before"
        )
        box.octets[uidvalidity, uid] = octets
        self._call(box.name, uidvalidity, uid, octets)

    def renamed(self, box: Box, name: str) -> None:
        """It is called otherwise now."""
        del self.boxes[box.name]
        box.name = name
        self.boxes[name] = box
        for (uidvalidity, uid), octets in box.octets.items():
            self._call(name, uidvalidity, uid, octets)

    def emptied_into(self, name: str) -> Box:
        """All messages of INBOX went into a new mailbox: find them there."""
        box = self.boxes[name] = Box(name)
        player, slots = self._looked(box)
        for uid in slots:
            self.born(box, player.replica.uidvalidity, uid, player.replica.bodies[uid])
        return box

    def _call(self, name: str, uidvalidity: int, uid: int, octets: bytes) -> None:
        once = self._ever.setdefault((name, uidvalidity, uid), octets)
        assert once == octets, f"UID {uid} of {name} with UIDVALIDITY {uidvalidity} was another message once"

    def _looked(self, box: Box) -> tuple[Player, dict[int, Slot]]:
        player = self.player("condstore")
        player.select(box.name)
        if player.replica.slots:
            player.do("FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[])")
        known = player.replica.known()
        assert len(known) == len(player.replica.slots) == len(player.replica.bodies)
        player.leave()
        return player, known

    def _settle(self) -> None:
        settle(self._clock)

    @staticmethod
    def may_miss(player: Player, command: str) -> list[bytes]:
        """A command about messages that may be gone without the client's knowing."""
        try:
            return player.do(command)
        except Refused:
            if b"[EXPUNGEISSUED]" not in player.tagged:
                raise
            return []


def chosen(player: Player, places: set[int]) -> list[int]:
    """Some of the UIDs that a client knows."""
    uids = player.uids
    return [uids[place] for place in sorted(places) if place < len(uids)]


def _known(player: Player, before: dict[int, frozenset[bytes]], some: frozenset[int] | None) -> str:
    """known-uids and seq-match-data, where the client gives them (RFC 7162 section 3.2.5)."""
    if not some:
        return ""
    uids = render(some)
    if player.replica.uid_only:
        return f" {uids}"
    order = sorted(before)
    marks = [uid for uid in order if uid in some]
    numbers = ",".join(str(order.index(uid) + 1) for uid in marks)
    return f" {uids} ({numbers} {','.join(map(str, marks))})"
