"""What hypothesis makes up: several clients of one account, what each does, and what must hold after every step.

- A UID names the same octets for ever, and is never used again; a UIDVALIDITY is never given to another mailbox of
  the same name.
- Whoever has heard everything knows what a client knows that asks anew: messages, their order, flags, mod-sequences.
- A client that comes back with QRESYNC, from any point, knows the same after it was told the changes only.
- A mailbox that is renamed stays the same to whoever has it open; one that is deleted says goodbye.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from .ground import KEPT_LIMIT, MODES, WHERE, WHO, Visit
from .messages import MessageRules
from .names import NameRules
from .together import TogetherRules

CLIENTS_LIMIT = 4


class SessionsMachine(MessageRules, NameRules, TogetherRules):
    """Clients come and go."""

    @initialize(modes=st.tuples(MODES, MODES))
    def begin(self, modes: tuple[str, str]) -> None:
        """Two mailboxes, some messages, two clients."""
        player = self.player("plain")
        self.create(player, "a")
        for where in (0, 0, 0, 0, 1):
            box = self.where(where)
            self.arrive(player, f"APPEND {box.name}", box, [self.new_message()])
        player.leave()
        for mode in modes:
            self.come(mode, 0)

    @precondition(lambda self: len(self.visits) < CLIENTS_LIMIT)
    @rule(mode=MODES, where=WHERE)
    def come(self, mode: str, where: int) -> None:
        """Connect, and SELECT."""
        visit = Visit(self.player(mode), self.where(where))
        self.enter(visit, visit.box)
        self.visits.append(visit)

    @precondition(lambda self: self.visits)
    @rule(who=WHO, where=WHERE, close=st.sampled_from(["", "CLOSE", "UNSELECT"]))
    def change(self, who: int, where: int, close: str) -> None:
        """SELECT another mailbox, with or without a CLOSE before."""
        visit = self.who(who)
        if close == "CLOSE":
            self.close(visit, lambda: visit.player.do("CLOSE"))
        elif close:
            visit.player.do(close)
        self.enter(visit, self.where(where))

    @precondition(lambda self: self.visits)
    @rule(who=WHO, heard=st.booleans())
    def go(self, who: int, heard: bool) -> None:
        """Drop the connection, with or without a look at what is new."""
        visit = self.who(who)
        if heard:
            self.sync(visit)
        self.visits.remove(visit)
        visit.player.leave()

    @precondition(lambda self: self.kept)
    @rule(
        place=st.integers(0, KEPT_LIMIT),
        mode=st.sampled_from(["qresync", "rev2 qresync", "uidonly qresync"]),
        some=st.none() | st.sets(st.integers(0, 8)),
    )
    def come_back(self, place: int, mode: str, some: set[int] | None) -> None:
        """SELECT with QRESYNC, from some point in the past; the client says what it knows, or does not."""
        box, known = self.kept[place % len(self.kept)]
        uids = sorted(known[2])
        named = frozenset(uids[place] for place in some if place < len(uids)) if some is not None else None
        self.back(mode, box, known, named or None)

    @precondition(lambda self: self.visits)
    @rule(who=WHO)
    def hear(self, who: int) -> None:
        """NOOP."""
        self.sync(self.who(who))

    @precondition(lambda self: self.visits)
    @rule(who=WHO)
    def idle(self, who: int) -> None:
        """IDLE, until the client's next command."""
        self.who(who).player.idle()
