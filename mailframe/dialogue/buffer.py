"""A bounded receive buffer that remembers how far it has searched. No I/O, no Twisted."""

from __future__ import annotations

from mailframe.message.status import ProtocolError, Status

LINE_TOO_LONG = Status((5, 5, 6), "Line too long", "TOOBIG", reply_code=500)
LINE_WITHOUT_END = Status((4, 5, 2), "A line without end", "TOOBIG", reply_code=421)
BARE_LINE_END = Status((5, 5, 2), "Lines end in CRLF; a bare CR or LF is refused", "CLIENTBUG")


class ReceiveBuffer:
    """Octets that arrived and were not understood yet.

    Every octet is searched once for a line end, however it is split into segments. The bound on what may
    wait is the reader's: `mailframe.dialogue.protocol` stops reading from the transport while more than its
    limit is here.
    """

    __slots__ = ("_octets", "_passed_over", "_searched", "_tainted")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._searched = 0
        self._tainted = False
        self._passed_over = -1

    def __len__(self) -> int:
        return len(self._octets)

    def append(self, data: bytes) -> None:
        """Add what arrived."""
        self._octets += data

    def take_line(self, limit: int, pass_over: int = 0) -> bytes | None:
        """The next line without its CRLF, or None when it has not arrived whole.

        Args:
            limit: octets a line may have, its CRLF included.
            pass_over: octets of a line past the limit that are thrown away to its end, so that the dialogue can
                go on with the next one; 0: it cannot.

        Raises:
            ProtocolError: when the line is longer than ``limit`` (raised as soon as that is certain, before the
                rest of it is buffered), fatal where it is not passed over, and once more, with 421, where it is
                longer even than that; not fatal, when it holds a bare CR or LF. It is told for
                each LF, so that a client which ends its lines so hears of it at once; but what stands between
                a bare LF and the next CRLF is the rest of a refused line, and never a line of its own.
        """
        if self._passed_over >= 0 and not self._pass_over(pass_over):
            return None
        octets = self._octets
        end = octets.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(octets)
            if self._searched >= limit:
                raise self._too_long(pass_over)
            return None
        self._searched = 0
        if end >= limit:
            raise self._too_long(pass_over)
        line = bytes(octets[:end])
        del octets[: end + 1]
        if line.find(b"\r") == end - 1 >= 0 and not self._tainted:
            return line[:-1]
        self._tainted = not line.endswith(b"\r")
        raise ProtocolError(BARE_LINE_END)

    def _too_long(self, pass_over: int) -> ProtocolError:
        if pass_over:
            self._passed_over = 0
        return ProtocolError(LINE_TOO_LONG, fatal=not pass_over)

    def _pass_over(self, limit: int) -> bool:
        """Throw away the rest of a line that is too long; True when its end was found."""
        octets = self._octets
        end = octets.find(b"\r\n")
        # A CR at the end stays: its LF may come.
        gone = end if end >= 0 else len(octets) - octets.endswith(b"\r")
        self._passed_over += gone
        if self._passed_over > limit:
            raise ProtocolError(LINE_WITHOUT_END, fatal=True)
        self._searched = 0
        if end < 0:
            del octets[:gone]
            return False
        del octets[: end + 2]
        self._passed_over = -1
        self._tainted = False
        return True

    def take(self, count: int) -> bytes | None:
        """Exactly ``count`` octets, or None when fewer have arrived."""
        if len(self._octets) < count:
            return None
        return self.take_up_to(count)

    def take_up_to(self, count: int) -> bytes:
        """At most ``count`` octets: all there are, where there are fewer."""
        octets = self._octets
        self._searched = 0
        if len(octets) <= count:
            # Mostly: a chunk is as large as what a transport reads at once.
            piece = bytes(octets)
            octets.clear()
        else:
            piece = bytes(octets[:count])
            del octets[:count]
        return piece

    def put_back(self, octets: bytes) -> None:
        """Put octets in front again, for a reader that took more than was its own."""
        self._octets[:0] = octets
        self._searched = 0

    def peek(self, count: int) -> bytes:
        """The first ``count`` octets without taking them."""
        return bytes(self._octets[:count])

    def clear(self) -> None:
        """Forget everything that waits."""
        self._octets.clear()
        self._searched = 0
        self._tainted = False
        self._passed_over = -1
