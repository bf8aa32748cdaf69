"""What a client believes of the mailbox it has selected, by nothing but what the server told it.

Every response is checked against the rules of RFC 3501, 7162, 9051 and 9586 as it comes in: numbers that are out of
range, messages that change their UID, mod-sequences that fall and forms that the client has not asked for are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
NUMBERED = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH|UIDFETCH)(?: (.*))?", re.DOTALL)
CODE = re.compile(rb"\* OK \[(UIDVALIDITY|HIGHESTMODSEQ) (\d+)\]")
NUMBERS_STAND = ("FETCH", "STORE", "SEARCH")
"""While these run nobody may be told of EXPUNGE: it would shift the numbers they use."""


@dataclass(frozen=True)
class Response:
    """One response; its literals are cut out of its line."""

    line: bytes
    literals: tuple[bytes, ...] = ()


def responses(octets: bytes) -> Iterator[Response]:
    """Cut what a server said."""
    at = 0
    while at < len(octets):
        pieces, literals = [], []
        while True:
            end = octets.index(b"\r\n", at) + 2
            piece, at = octets[at:end], end
            size = LITERAL.search(piece)
            pieces.append(piece)
            if size is None:
                break
            literals.append(octets[at : at + int(size[1])])
            at += int(size[1])
        yield Response(b"".join(pieces)[:-2], tuple(literals))


def uids_of(octets: bytes) -> list[int]:
    """The numbers of a set on the wire."""
    found: list[int] = []
    for piece in octets.split(b","):
        first, _, last = piece.partition(b":")
        found += range(int(first), int(last or first) + 1)
    return found


def render(uids: Iterable[int]) -> str:
    """Numbers as a set on the wire."""
    return ",".join(map(str, sorted(uids)))


@dataclass(eq=False)
class Slot:
    """One message as a client knows it; None is what it has not been told. Two unknown ones are not the same."""

    uid: int | None = None
    flags: frozenset[bytes] | None = None
    modseq: int | None = None


@dataclass
class Replica:
    """A client's copy of its mailbox.

    Attributes:
        condstore, qresync, rev2, uid_only: what the client has enabled.
        slots: messages in order of their numbers; with UIDONLY in no order.
        keywords: the flags that FLAGS announced.
        earlier: UIDs of VANISHED (EARLIER) since it was last emptied.
        told: UIDs in FETCH responses since it was last emptied.
        bodies: content by UID that came since it was last emptied.
    """

    condstore: bool = False
    qresync: bool = False
    rev2: bool = False
    uid_only: bool = False
    slots: list[Slot] = field(default_factory=list)
    keywords: frozenset[bytes] = frozenset()
    uidvalidity: int = 0
    modseq: int = 0
    earlier: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    selecting: bool = False

    def hear(self, response: Response, command: str) -> None:
        """Take in one untagged response, which came while a command ran."""
        line = response.line
        numbered = NUMBERED.fullmatch(line)
        if numbered is not None:
            number, word, rest = int(numbered[1]), numbered[2], numbered[3] or b""
            if word == b"EXISTS":
                self._exists(number)
            elif word == b"RECENT":
                assert not self.rev2, "RECENT in a session of IMAP4rev2"
            elif word == b"EXPUNGE":
                self._expunge(number, command)
            else:
                self._fetch(number, word, rest, response)
        elif line.startswith(b"* FLAGS ("):
            self.keywords = frozenset(line[9:-1].lower().split())
        elif line.startswith(b"* VANISHED (EARLIER) "):
            assert self.qresync, "VANISHED (EARLIER) without QRESYNC"
            self.earlier += uids_of(line.rpartition(b" ")[2])
        elif line.startswith(b"* VANISHED "):
            self._vanish(uids_of(line.rpartition(b" ")[2]), command)
        elif (code := CODE.match(line)) is not None:
            if code[1] == b"UIDVALIDITY":
                self.uidvalidity = int(code[2])
            else:
                self.modseq = int(code[2])

    def known(self) -> dict[int, Slot]:
        """Messages by UID, those whose UIDs the client was told."""
        return {slot.uid: slot for slot in self.slots if slot.uid is not None}

    def _exists(self, number: int) -> None:
        if self.selecting:
            self.slots, self.selecting = [], False
        assert number >= len(self.slots), f"EXISTS falls from {len(self.slots)} to {number}"
        self.slots += [Slot() for _ in range(number - len(self.slots))]

    def _expunge(self, number: int, command: str) -> None:
        vanished_enabled = self.qresync or self.uid_only
        assert not vanished_enabled, "EXPUNGE where VANISHED was enabled"
        assert command not in NUMBERS_STAND, f"EXPUNGE during {command}"
        assert 1 <= number <= len(self.slots), f"EXPUNGE {number} of {len(self.slots)}"
        del self.slots[number - 1]

    def _vanish(self, uids: list[int], command: str) -> None:
        assert self.qresync or self.uid_only, "VANISHED was not enabled"
        assert command not in NUMBERS_STAND, f"VANISHED during {command}"
        for uid in uids:
            self.slots.remove(self._slot_of(uid))

    def _slot_of(self, uid: int) -> Slot:
        """The message of a UID; where it is not known yet, one that can be it."""
        known = self.known()
        if uid in known:
            return known[uid]
        after = 0
        if not self.uid_only:
            below = [place for place, slot in enumerate(self.slots) if slot.uid and slot.uid < uid]
            after = below[-1] + 1 if below else 0
        found = next((slot for slot in self.slots[after:] if slot.uid is None), None)
        assert found is not None, f"the client does not have UID {uid}"
        return found

    def _fetch(self, number: int, word: bytes, rest: bytes, response: Response) -> None:
        uid = re.search(rb"\bUID (\d+)", rest)
        if word == b"UIDFETCH":
            assert self.uid_only, "UIDFETCH was not enabled"
            slot, identity = self._slot_of(number), number
        else:
            assert not self.uid_only, "FETCH where UIDFETCH was enabled"
            assert 1 <= number <= len(self.slots), f"FETCH of {number} of {len(self.slots)}"
            slot = self.slots[number - 1]
            identity = int(uid[1]) if uid is not None else slot.uid or 0
        assert uid is None or int(uid[1]) == identity
        if identity:
            assert slot.uid in (None, identity), f"UID {slot.uid} became {identity}"
            slot.uid = identity
            self.told.append(identity)
            if response.literals:
                self.bodies[identity] = response.literals[0]
        self._facts(slot, rest)
        self._in_order()

    def _facts(self, slot: Slot, rest: bytes) -> None:
        flags = re.search(rb"\bFLAGS \(([^)]*)\)", rest)
        modseq = re.search(rb"\bMODSEQ \((\d+)\)", rest)
        if flags is not None:
            slot.flags = frozenset(flags[1].lower().split()) - {b"\\recent"}
            assert slot.flags <= self.keywords, f"{slot.flags - self.keywords} were not announced"
            assert modseq is not None or not self.condstore, "flags without MODSEQ"
        if modseq is not None:
            assert slot.modseq is None or int(modseq[1]) >= slot.modseq, "MODSEQ falls"
            slot.modseq = int(modseq[1])

    def _in_order(self) -> None:
        uids = [slot.uid for slot in self.slots if slot.uid is not None]
        assert self.uid_only or uids == sorted(set(uids)), f"UIDs do not rise: {uids}"
        assert len(uids) == len(set(uids)), f"a UID twice: {uids}"
