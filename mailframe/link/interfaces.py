"""What can be called over a link."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from .frames import Frame


class ILinkService(Interface):
    """Answers the calls of one connection, one after the other."""

    def call(request: Frame) -> Awaitable[Frame]:
        """Do what is asked.

        Raises:
            MailframeError: it cannot be done; the other side is told the status.
            KeyError, TypeError, ValueError: this is not asked as it should be.
        """

    def close() -> None:
        """The connection is gone: give back what it held."""
