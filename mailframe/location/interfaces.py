"""Who knows where mail is."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailframe.directory.values import Account

from .values import Store


class ILocations(Interface):
    """Knows the stores. Answers at once: which store it is follows from the account and the configuration."""

    def locate(account: Account) -> Store:
        """The store that has an account's mail.

        Raises:
            MailframeError: temporary: the directory names one that is not known here, or there is none at all.
        """

    def stores() -> Sequence[Store]:
        """All of them."""
