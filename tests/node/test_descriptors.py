"""How many connections a process has room for."""

from __future__ import annotations

import resource

from twisted.trial.unittest import TestCase

from mailframe.node.descriptors import ENOUGH, RESERVED, connections_possible


class ConnectionsPossibleTests(TestCase):
    """Limits of the system, in place of the real ones."""

    def limits(self, soft: int, hard: int, *, may_raise: bool = True) -> list[tuple[int, int]]:
        """Have these limits; what they are set to later is in the list."""
        settings: list[tuple[int, int]] = []

        def set_them(_: int, both: tuple[int, int]) -> None:
            if not may_raise:
                raise ValueError("not allowed to raise maximum limit")
            settings.append(both)

        self.patch(resource, "getrlimit", lambda _: (soft, hard))
        self.patch(resource, "setrlimit", set_them)
        return settings

    def test_the_soft_limit_is_raised(self) -> None:
        """A service started with room for a thousand files takes what it may have."""
        settings = self.limits(1024, 524_288)
        self.assertEqual(connections_possible(10_000), 10_000)
        self.assertEqual(settings, [(524_288, 524_288)])

    def test_a_low_hard_limit(self) -> None:
        """Where there is no room for all connections, some files are kept for the mail."""
        self.limits(1024, 4096)
        self.assertEqual(connections_possible(10_000), 4096 - RESERVED)

    def test_a_tiny_limit(self) -> None:
        """There is always room for some connection."""
        self.limits(64, 64)
        self.assertEqual(connections_possible(10_000), 32)

    def test_no_limit(self) -> None:
        """Without a limit, as many as are wanted."""
        self.limits(1024, resource.RLIM_INFINITY)
        self.assertEqual(connections_possible(10_000), 10_000)
        settings = self.limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        self.assertEqual(connections_possible(ENOUGH - RESERVED), ENOUGH - RESERVED)
        self.assertEqual(settings, [])

    def test_the_system_says_no(self) -> None:
        """A limit that cannot be raised is lived with."""
        self.limits(1024, 4096, may_raise=False)
        self.assertEqual(connections_possible(10_000), 1024 // 2)
