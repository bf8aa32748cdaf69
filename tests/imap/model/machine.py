"""What hypothesis makes up: several clients of one account, what each does, and what must hold after every step.

- A UID names the same octets for ever, and is never used again.
- Whoever has heard everything knows what a client knows that asks anew: messages, their order, flags, mod-sequences.
- A client that comes back with QRESYNC, from any point, knows the same after it was told the changes only.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from twisted.internet.task import Clock

from mailframe.imap.server import IMAPServerFactory
from mailframe.testing.imap import Client

from .player import ENABLES, Known, Player, Refused
from .replica import uids_of

NAMES = st.sampled_from(["INBOX", "INBOX", "a"])
MODES = st.sampled_from(sorted(ENABLES))
WHO = st.integers(0, 3)
PLACES = st.sets(st.integers(0, 5), min_size=1, max_size=4)
FLAGS = st.lists(
    st.sampled_from(["\\Seen", "\\Deleted", "\\Deleted", "\\Flagged", "work", "$a"]),
    min_size=1,
    max_size=3,
    unique=True,
)
SIGNS = st.sampled_from(["+", "+", "-", ""])
HOW = st.sampled_from(["number", "uid", "number silent", "uid silent"])
CLIENTS_LIMIT = 4
KEPT_LIMIT = 6
Start = Callable[[], tuple[IMAPServerFactory, Clock]]


class SessionsMachine(RuleBasedStateMachine):
    """Clients of one account.

    Args:
        start: makes a server with an empty account.
        stop: the server is done with.
    """

    def __init__(self, start: Start, stop: Callable[[], None]) -> None:
        super().__init__()
        self._factory, self._clock = start()
        self._stop = stop
        self._players: list[Player] = []
        self._kept: list[tuple[str, Known]] = []
        self._octets: dict[tuple[str, int, int], bytes] = {}
        self._number = 0

    @initialize(modes=st.tuples(MODES, MODES))
    def begin(self, modes: tuple[str, str]) -> None:
        """Two mailboxes, some messages, two clients."""
        player = self._player("plain")
        player.do("CREATE a")
        for name in ("INBOX", "INBOX", "INBOX", "INBOX", "a"):
            self._append(player, name, [])
        player.leave()
        for mode in modes:
            self.come(mode, "INBOX")

    def teardown(self) -> None:
        """Everybody hears everything at last."""
        try:
            for player in tuple(self._players):
                self._sync(player)
            for name, known in self._kept:
                self._come_back("qresync", name, known)
        finally:
            for player in self._players:
                player.leave()
            self._stop()

    # Rules: clients come and go.

    @precondition(lambda self: len(self._players) < CLIENTS_LIMIT)
    @rule(mode=MODES, name=NAMES)
    def come(self, mode: str, name: str) -> None:
        """Connect, and SELECT."""
        player = self._player(mode)
        player.select(name)
        player.learn()
        self._players.append(player)

    @precondition(lambda self: self._players)
    @rule(who=WHO, name=NAMES, close=st.booleans())
    def change(self, who: int, name: str, close: bool) -> None:
        """SELECT another mailbox, with or without a CLOSE before."""
        player = self._who(who)
        if close:
            player.do("CLOSE")
        player.select(name)
        player.learn()

    @precondition(lambda self: self._players)
    @rule(who=WHO, heard=st.booleans())
    def go(self, who: int, heard: bool) -> None:
        """Drop the connection, with or without a look at what is new."""
        player = self._who(who)
        if heard:
            self._sync(player)
        self._players.remove(player)
        player.leave()

    @precondition(lambda self: self._kept)
    @rule(
        place=st.integers(0, KEPT_LIMIT), mode=st.sampled_from(["qresync", "rev2 qresync", "uidonly qresync"])
    )
    def come_back(self, place: int, mode: str) -> None:
        """SELECT with QRESYNC, from some point in the past."""
        name, known = self._kept[place % len(self._kept)]
        self._come_back(mode, name, known)

    @precondition(lambda self: self._players)
    @rule(who=WHO)
    def sync(self, who: int) -> None:
        """NOOP."""
        self._sync(self._who(who))

    @precondition(lambda self: self._players)
    @rule(who=WHO)
    def idle(self, who: int) -> None:
        """IDLE, until the client's next command."""
        self._who(who).idle()

    # Rules: work.

    @precondition(lambda self: self._players)
    @rule(who=WHO, name=NAMES, flags=FLAGS)
    def append(self, who: int, name: str, flags: list[str]) -> None:
        """APPEND."""
        self._append(self._who(who), name, flags)

    @precondition(lambda self: self._players)
    @rule(who=WHO, places=PLACES, sign=SIGNS, flags=FLAGS, how=HOW, back=st.none() | st.integers(0, 4))
    def store(
        self, who: int, places: set[int], sign: str, flags: list[str], how: str, back: int | None
    ) -> None:
        """STORE, of messages that did not change since a while, or of any."""
        player = self._who(who)
        modifier = ""
        if back is not None and player.replica.condstore:
            modifier = f"(UNCHANGEDSINCE {max(0, player.keep()[1] - back)}) "
        if uids := _chosen(player, places):
            player.store(uids, sign, flags, modifier, how)

    @precondition(lambda self: self._players)
    @rule(who=WHO, places=st.none() | PLACES)
    def expunge(self, who: int, places: set[int] | None) -> None:
        """EXPUNGE, UID EXPUNGE."""
        player = self._who(who)
        if places is None:
            player.do("EXPUNGE")
        elif uids := _chosen(player, places):
            player.do(f"UID EXPUNGE {player.named(uids, True)}")

    @precondition(lambda self: self._players)
    @rule(who=WHO, places=PLACES, name=NAMES, move=st.booleans(), by_uid=st.booleans())
    def copy(self, who: int, places: set[int], name: str, move: bool, by_uid: bool) -> None:
        """COPY, MOVE and their UID forms."""
        player = self._who(who)
        uids = _chosen(player, places)
        if not uids:
            return
        by_uid |= player.replica.uid_only
        source, validity = player.mailbox, player.replica.uidvalidity
        command = f"{'UID ' if by_uid else ''}{'MOVE' if move else 'COPY'}"
        said = self._may_miss(player, f"{command} {player.named(uids, by_uid)} {name}")
        for line in said:
            if found := re.search(rb"\[COPYUID (\d+) ([0-9:,]+) ([0-9:,]+)\]", line):
                for uid, new in zip(uids_of(found[2]), uids_of(found[3]), strict=True):
                    self._born(name, int(found[1]), new, self._octets[source, validity, uid])

    @precondition(lambda self: self._players)
    @rule(who=WHO, places=PLACES, by_uid=st.booleans(), peek=st.booleans())
    def fetch(self, who: int, places: set[int], by_uid: bool, peek: bool) -> None:
        """FETCH content: the octets that once came in with this UID."""
        player = self._who(who)
        by_uid |= player.replica.uid_only
        if uids := _chosen(player, places):
            player.replica.bodies.clear()
            body = "BODY.PEEK[]" if peek else "BODY[]"
            self._may_miss(
                player, f"{'UID ' if by_uid else ''}FETCH {player.named(uids, by_uid)} (UID {body})"
            )
            self._check_bodies(player)

    @precondition(lambda self: self._players)
    @rule(who=WHO, by_uid=st.booleans())
    def search(self, who: int, by_uid: bool) -> None:
        """SEARCH: what is found is what the client has."""
        player = self._who(who)
        by_uid |= player.replica.uid_only
        having = set(player.uids) if by_uid else set(range(1, len(player.replica.slots) + 1))
        complete = len(player.uids) == len(player.replica.slots)
        for line in player.do(f"{'UID ' if by_uid else ''}SEARCH ALL"):
            found: list[int] = []
            if line.startswith(b"* SEARCH "):
                found = [int(word) for word in line[9:].partition(b" (")[0].split()]
            elif line.startswith(b"* ESEARCH ") and b" ALL " in line:
                found = uids_of(line.partition(b" ALL ")[2].split()[0])
            if complete:
                assert set(found) <= having, f"found {found}, the client has {sorted(having)}"

    @precondition(lambda self: any(player.replica.qresync for player in self._players))
    @rule(who=WHO, place=st.integers(0, KEPT_LIMIT))
    def changes(self, who: int, place: int) -> None:
        """UID FETCH with CHANGEDSINCE and VANISHED, from some point in the past."""
        player = self._who(who)
        kept = [known for name, known in self._kept if name == player.mailbox]
        if not player.replica.qresync or not kept:
            return
        _, modseq, flags = kept[place % len(kept)]
        self._sync(player)
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

    # What holds.

    def _sync(self, player: Player) -> None:
        """Hear everything; then the client must know what there is."""
        player.do("NOOP")
        player.learn()
        there = self._look(player.mailbox)
        known = {uid: slot.flags for uid, slot in player.replica.known().items()}
        assert known == {uid: flags for uid, (flags, _) in there.items()}, (
            f"{player.mode}: {known} is {there}"
        )
        assert len(player.replica.slots) == len(there)
        for uid, slot in player.replica.known().items():
            assert slot.modseq in (None, there[uid][1]) or not player.replica.condstore, f"UID {uid}: {slot}"
        if player.replica.condstore and len(self._kept) < KEPT_LIMIT:
            self._kept.append((player.mailbox, player.keep()))

    def _look(self, name: str) -> dict[int, tuple[frozenset[bytes], int]]:
        """What a client finds that asks anew: flags and mod-sequence by UID; contents are compared."""
        player = self._player("condstore")
        player.select(name)
        if player.replica.slots:
            player.do("FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[])")
        known = player.replica.known()
        assert len(known) == len(player.replica.slots) == len(player.replica.bodies)
        player.mailbox = name
        self._check_bodies(player)
        player.leave()
        return {uid: (slot.flags or frozenset(), slot.modseq or 0) for uid, slot in known.items()}

    def _come_back(self, mode: str, name: str, known: Known) -> None:
        uidvalidity, modseq, before = known
        player = self._player(mode)
        player.select(name, f" (QRESYNC ({uidvalidity} {modseq}))")
        replica = player.replica
        # What was told is laid over what was known; new messages are among it.
        now = {uid: flags for uid, flags in before.items() if uid not in replica.earlier}
        now.update({uid: slot.flags or frozenset() for uid, slot in replica.known().items()})
        assert len(replica.slots) == len(now), f"{len(replica.slots)} messages, {now} from {known}"
        assert now == {uid: flags for uid, (flags, _) in self._look(name).items()}
        player.leave()

    def _check_bodies(self, player: Player) -> None:
        for uid, octets in player.replica.bodies.items():
            assert octets == self._octets[player.mailbox, player.replica.uidvalidity, uid], f"UID {uid}"

    # Ways to do it.

    def _player(self, mode: str) -> Player:
        client = Client(self._factory.buildProtocol(None))
        self._settle()
        client.heard()
        return Player(client, self._settle, mode)

    def _settle(self) -> None:
        for _ in range(3):
            self._clock.advance(0)

    def _who(self, who: int) -> Player:
        """A client; those that idle hear first what has happened."""
        for player in self._players:
            if player.idling:
                player.listen()
        return self._players[who % len(self._players)]

    def _append(self, player: Player, name: str, flags: list[str]) -> None:
        self._number += 1
        octets = b"Subject: %d\r\n\r\nMessage %d.\r\n" % (self._number, self._number)
        player.do(f"APPEND {name} ({' '.join(flags)})", octets=octets)
        found = re.search(rb"\[APPENDUID (\d+) (\d+)\]", player.tagged)
        assert found is not None, player.tagged
        self._born(name, int(found[1]), int(found[2]), octets)

    def _born(self, name: str, uidvalidity: int, uid: int, octets: bytes) -> None:
        before = [known for box, validity, known in self._octets if (box, validity) == (name, uidvalidity)]
        assert uid > max(before, default=0), f"UID {uid} in {name} is not above all before"
        self._octets[name, uidvalidity, uid] = octets

    @staticmethod
    def _may_miss(player: Player, command: str) -> list[bytes]:
        """A command about messages that may be gone without the client's knowing."""
        try:
            return player.do(command)
        except Refused:
            if b"[EXPUNGEISSUED]" not in player.tagged:
                raise
            return []


def _chosen(player: Player, places: set[int]) -> list[int]:
    uids = player.uids
    return [uids[place] for place in sorted(places) if place < len(uids)]
