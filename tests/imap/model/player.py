"""A client that speaks to the server, keeps its `Replica`, and knows what its own silent changes did."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mailframe.testing.imap import Client

from .replica import Replica, Response, responses, uids_of

ENABLES = {
    "plain": "",
    "condstore": "CONDSTORE",
    "qresync": "QRESYNC",
    "rev2": "IMAP4rev2",
    "rev2 qresync": "IMAP4rev2 QRESYNC",
    "uidonly": "UIDONLY",
    "uidonly qresync": "UIDONLY QRESYNC",
}
Known = tuple[int, int, dict[int, frozenset[bytes]]]
"""UIDVALIDITY, HIGHESTMODSEQ and flags by UID: what a client with QRESYNC keeps when it leaves."""


class Refused(AssertionError):
    """The server answered NO or BAD."""


class Player:
    """One client.

    Args:
        client: greeted.
        settle: lets happen what is due now.
        mode: what it enables.

    Attributes:
        mailbox: the name of the selected mailbox, or "".
        idling: is it in IDLE?
        gone: the server has said BYE.
        tagged: the last tagged response.
        under_way: the last command.
    """

    def __init__(self, client: Client, settle: Callable[[], None], mode: str) -> None:
        self._client, self._settle = client, settle
        self._count = 0
        self.under_way = ""
        self.mode, self.mailbox = mode, ""
        self.idling = self.gone = False
        self.tagged = b""
        words = ENABLES[mode].split()
        qresync = "QRESYNC" in words
        self.replica = Replica(
            condstore=qresync or "CONDSTORE" in words,
            qresync=qresync,
            rev2="IMAP4rev2" in words,
            uid_only="UIDONLY" in words,
        )
        self.do("LOGIN alice@example.test secret")
        if words:
            self.do(f"ENABLE {ENABLES[mode]}")

    @property
    def uids(self) -> list[int]:
        """The UIDs it knows."""
        return sorted(self.replica.known())

    def do(
        self, command: str, before: Callable[[], None] | None = None, octets: Sequence[bytes] = ()
    ) -> list[bytes]:
        """Run a command and take in what it says.

        Args:
            before: called when the command has succeeded, before its responses are taken in.
            octets: behind the command, as literals.

        Raises:
            Refused: the server did not do it; what it said was taken in.
        """
        self.begin(command, octets)
        return self.end(before)

    def begin(self, command: str, octets: Sequence[bytes] = ()) -> None:
        """Send a command; `end` takes in what is said to it."""
        self.wake()
        self._count += 1
        self.under_way = command
        line = b"%b %b" % (self._tag, command.encode("ascii"))
        line += b"".join([b" {%d+}\r\n%b" % (len(each), each) for each in octets])
        self._client.send(line + b"\r\n")

    def end(self, before: Callable[[], None] | None = None) -> list[bytes]:
        """See `do`."""
        command, tag = self.under_way, self._tag
        said = self._heard()
        tagged = [each.line for each in said if each.line.startswith(tag + b" ")]
        if not tagged:
            assert self.gone, f"no answer to {command}: {said}"
            return []
        assert said[-1].line == tagged[0], f"{command}: something comes behind the end: {said}"
        self.tagged = tagged[0]
        succeeded = self.tagged.startswith(tag + b" OK")
        if succeeded and before is not None:
            before()
        self._take_in(said, command)
        if not succeeded:
            raise Refused(f"{command}: {self.tagged!r}")
        return [each.line for each in said]

    @property
    def _tag(self) -> bytes:
        return b"t%d" % self._count

    def select(self, name: str, parameters: str = "") -> None:
        """SELECT."""
        self.replica.selecting = True
        self.mailbox = ""
        self.do(f"SELECT {name}{parameters}")
        assert not self.replica.selecting, "SELECT without EXISTS"
        self.mailbox = name

    def idle(self) -> None:
        """Begin to idle."""
        self.wake()
        self._count += 1
        self._client.send(b"t%d IDLE\r\n" % self._count)
        self.idling = True
        self.listen()

    def wake(self) -> None:
        """End IDLE, if it is in that."""
        if self.idling:
            self.idling = False
            self._client.send(b"DONE\r\n")
            self.listen()

    def listen(self) -> None:
        """Take in what the server says unasked."""
        self._take_in(self._heard(), "IDLE")

    def leave(self) -> None:
        """The connection is gone."""
        self._client.lose()
        self._settle()

    def learn(self) -> None:
        """Ask for new messages, as clients do after EXISTS."""
        items = "(UID FLAGS MODSEQ)" if self.replica.condstore else "(UID FLAGS)"
        missing = [
            number for number, slot in enumerate(self.replica.slots, 1) if None in (slot.uid, slot.flags)
        ]
        if not missing:
            return
        if self.replica.uid_only:
            self.do(f"UID FETCH 1:* {items}")
        else:
            self.do(f"FETCH {','.join(map(str, missing))} {items}")

    def store(self, uids: Sequence[int], sign: str, flags: Sequence[str], modifier: str, how: str) -> None:
        """STORE and UID STORE.

        Args:
            how: "number" or "uid", with " silent" behind it.
        """
        silent, by_uid = how.endswith("silent"), how.startswith("uid") or self.replica.uid_only
        wanted = self.named(uids, by_uid)
        item = f"{sign}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})"
        words = frozenset(flag.lower().encode("ascii") for flag in flags)

        def follow() -> None:
            left = self._modified(by_uid)
            for uid in uids:
                slot = self.replica.known()[uid]
                if silent and slot.flags is not None and uid not in left:
                    slot.flags = _changed(slot.flags, sign, words)

        self.do(f"{'UID ' if by_uid else ''}STORE {wanted} {modifier}{item}", follow)

    def named(self, uids: Sequence[int], by_uid: bool) -> str:
        """A sequence set for some messages."""
        if by_uid:
            return ",".join(map(str, uids))
        order = [slot.uid for slot in self.replica.slots]
        return ",".join(str(order.index(uid) + 1) for uid in uids)

    def keep(self) -> Known:
        """What it keeps when it leaves; only right after everything was told."""
        replica = self.replica
        flags = {uid: slot.flags or frozenset() for uid, slot in replica.known().items()}
        modseqs = [slot.modseq or 0 for slot in replica.slots]
        return replica.uidvalidity, max([replica.modseq, *modseqs]), flags

    def _modified(self, by_uid: bool) -> set[int]:
        found = re.search(rb"\[MODIFIED ([0-9:,]+)\]", self.tagged)
        numbers = uids_of(found[1]) if found is not None else []
        if by_uid:
            return set(numbers)
        return {self.replica.slots[number - 1].uid or 0 for number in numbers}

    def _heard(self) -> list[Response]:
        self._settle()
        said = list(responses(self._client.transport.take()))
        self.gone |= any(each.line.startswith(b"* BYE") for each in said)
        return said

    def _take_in(self, said: list[Response], command: str) -> None:
        for response in said:
            if response.line.startswith(b"* "):
                self.replica.hear(response, command.partition(" ")[0])


def _changed(flags: frozenset[bytes], sign: str, words: frozenset[bytes]) -> frozenset[bytes]:
    return flags | words if sign == "+" else flags - words if sign == "-" else words
