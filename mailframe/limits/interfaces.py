"""The contract of what counts for limits."""

from __future__ import annotations

from zope.interface import Interface


class ITallies(Interface):
    """Counts by kind and name, over all processes that share the tallies.

    A kind is a constant that the code chooses (``"smtp.connections.network"``); a name may come from outside (a
    network, an account) and should be short. Nothing here waits, raises or grows without bound. What is forgotten
    too early because the table is full is what would be forgotten first anyway: the longer something counts, the less
    can others push it out.

    A limit of 0 is none. Counts are good enough for limits, not for bills: amounts in a window are rounded (see
    `spend`), and what two processes do in the same microseconds may be seen by both as the last that was free.
    """

    def enter(kind: str, name: str, limit: int) -> bool:
        """One more is open, unless that would be more than ``limit``.

        Whoever got True calls `leave` once. What a process has entered is forgotten when the process dies.

        Returns:
            False: it would be too many, and was not counted.
        """

    def leave(kind: str, name: str) -> None:
        """One that was entered by this process is open no more."""

    def count(kind: str, name: str) -> int:
        """How many are open now."""

    def spend(kind: str, name: str, amount: int, limit: int, window: float) -> bool:
        """Add an amount, unless more than ``limit`` would have been spent within the last ``window`` seconds.

        The window slides in fifths: what was spent between a window and six fifths of a window ago fades away
        evenly instead of each at its moment. A kind always comes with the same window.

        Args:
            kind: what is counted.
            name: whose.
            amount: at least 1.
            limit: 0 for none; the amount is counted all the same.
            window: seconds.

        Returns:
            False: it would be too much, and nothing was spent.
        """

    def spent(kind: str, name: str, window: float) -> float:
        """What was spent within the last ``window`` seconds; not whole while the oldest part fades."""

    def fail(kind: str, name: str, forget: float) -> None:
        """One more failure; ``forget`` seconds without any make the name clean."""

    def failures(kind: str, name: str, forget: float) -> int:
        """Failures held against a name, which ``forget`` seconds without any make clean."""

    def forgive(kind: str, name: str, amount: int, forget: float) -> None:
        """Take back so many failures, or as many as there are."""
