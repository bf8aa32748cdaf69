"""Stores by name, and the share of each in accounts that no store is named for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Final

from zope.interface import implementer

from mailframe.directory.values import Account
from mailframe.message.status import MailframeError, Status

from .interfaces import ILocations
from .values import Store

NOWHERE: Final = Status((4, 3, 5), "Nobody knows where the mailbox is; try again later", "UNAVAILABLE")


def rendezvous(name: str, stores: Iterable[Store]) -> Store | None:
    """The store that a name falls on: the same on each node, whatever their order.

    By weighted rendezvous hashing (highest random weight): a store that comes or goes moves only those names that
    fall on it, and of each other store the same part.

    Returns:
        None where no store has a weight.
    """
    best, highest = None, -1.0
    for store in stores:
        if store.weight <= 0:
            continue
        digest = hashlib.sha256(f"{store.name}\0{name}".encode("utf-8", "replace")).digest()
        # In (0, 1): neither logarithm nor quotient can fail.
        part = (int.from_bytes(digest[:8], "big") + 0.5) / 2**64
        score = -store.weight / math.log(part)
        if score > highest:
            best, highest = store, score
    return best


@implementer(ILocations)
class Locations:
    """The stores of a configuration.

    Args:
        stores: each name once.

    Raises:
        ValueError: two have one name.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = tuple(stores)
        self._by_name = {store.name: store for store in stores}
        if len(self._by_name) < len(self._stores):
            raise ValueError("two stores have one name")

    def locate(self, account: Account) -> Store:
        """The store that has an account's mail (see `ILocations.locate`)."""
        if account.store:
            found = self._by_name.get(account.store)
            if found is None:
                raise MailframeError(
                    NOWHERE, f"{account.name} is at {account.store!r}, which is no store here"
                )
            return found
        chosen = rendezvous(account.name, self._stores)
        if chosen is None:
            raise MailframeError(
                NOWHERE, f"no store takes {account.name}, for which the directory names none"
            )
        return chosen

    def stores(self) -> Sequence[Store]:
        """All of them."""
        return self._stores
