"""How long the next login must wait after failed ones. Counted over all workers; no waiting happens here."""

from __future__ import annotations

from mailframe.limits.interfaces import ITallies


class BackOff:
    """Failures by key: an account's name, or a network.

    The first ``free`` failures cost nothing; then the next attempt waits ``first`` seconds, and twice as long after
    each further failure up to ``longest``. Attempts under way count like failures, so that a hundred at once are
    no way around it: always for an account, whose owner has no reason to try two passwords at once; for a
    network, where many people may log in at once, only when failures have used up what is free.

    Args:
        tallies: keep the counts, for all workers.
        kind: of the keys, such as ``login.account``.
        free: failures before delays begin.
        first: seconds of the first delay.
        longest: seconds of the longest delay.
        forget: seconds without a failure after which a key is clean.
        many_people: may a key stand for many people?
    """

    def __init__(
        self,
        tallies: ITallies,
        kind: str,
        free: int,
        first: float,
        longest: float,
        forget: float,
        many_people: bool = False,
    ) -> None:
        self._tallies = tallies
        self._kind = kind
        self._free = free
        self._first = first
        self._longest = longest
        self._forget = forget
        self._many_people = many_people

    def begin(self, key: str) -> float:
        """An attempt begins; `end` must follow.

        Returns:
            Seconds it must wait before it is checked.
        """
        before = self.failures(key)
        if not self._many_people or before >= self._free:
            before += self.pending(key)
        self._tallies.enter(self._kind, key, 0)
        if before < self._free:
            return 0.0
        # The exponent is bounded so that the power is.
        return min(self._longest, self._first * 2.0 ** min(before - self._free, 30))

    def end(self, key: str) -> None:
        """An attempt is over, however it went."""
        self._tallies.leave(self._kind, key)

    def pending(self, key: str) -> int:
        """Attempts under way."""
        return self._tallies.count(self._kind, key)

    def failed(self, key: str) -> None:
        """An attempt was wrong."""
        self._tallies.fail(self._kind, key, self._forget)

    def failures(self, key: str) -> int:
        """Failures held against a key."""
        return self._tallies.failures(self._kind, key, self._forget)

    def forgive(self, key: str, failures: int) -> None:
        """Take back that many failures."""
        self._tallies.forgive(self._kind, key, failures, self._forget)
