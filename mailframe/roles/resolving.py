"""Builds what is asked about names, from ``[dns]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailframe.dns.stub import StubResolver

if TYPE_CHECKING:
    from .context import Context


class Stopped:
    """Stops a resolver with the roles.

    Args:
        resolver: which; it needs no start.
    """

    def __init__(self, resolver: StubResolver) -> None:
        self._resolver = resolver

    async def stop(self) -> None:
        """End all questions that are being asked."""
        self._resolver.stop()


def build_resolver(context: Context) -> StubResolver:
    """Asks the servers of ``[dns]``, or those of the system."""
    resolver = StubResolver(context.reactor, context.configuration.dns)
    context.keep(Stopped(resolver))
    context.warnings["dns"] = resolver.check
    return resolver
