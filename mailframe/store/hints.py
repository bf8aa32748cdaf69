"""Hints within one process: «something changed in that mailbox» (design: a hint, never the truth)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from zope.interface import implementer

from .interfaces import IHints
from .values import ANYTHING

_Key = TypeVar("_Key")
_Told = TypeVar("_Told")


@implementer(IHints)
class LocalHints:
    """Hints between the sessions of one process.

    Args:
        forward: also told of each published hint; the node passes them on to other workers.
    """

    def __init__(self, forward: Callable[[str, str], None] | None = None) -> None:
        self._forward = forward
        self._listeners: dict[tuple[str, str], set[Callable[[], None]]] = {}
        self._of_accounts: dict[str, set[Callable[[str], None]]] = {}

    def publish(self, account: str, mailbox_id: str) -> None:
        """Tell listeners here, then pass it on."""
        self.received(account, mailbox_id)
        if self._forward is not None:
            self._forward(account, mailbox_id)

    def received(self, account: str, mailbox_id: str) -> None:
        """Tell listeners here only: for a hint that came from another worker."""
        for changed in tuple(self._listeners.get((account, mailbox_id), ())):
            changed()
        for told in tuple(self._of_accounts.get(account, ())):
            told(mailbox_id)

    def received_all(self) -> None:
        """Tell all listeners here: hints may have been lost."""
        for listeners in tuple(self._listeners.values()):
            for changed in tuple(listeners):
                changed()
        for of_account in tuple(self._of_accounts.values()):
            for told in tuple(of_account):
                told(ANYTHING)

    def listen(self, account: str, mailbox_id: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` on each hint until the returned function is called."""
        return _listening(self._listeners, (account, mailbox_id), changed)

    def listen_account(self, account: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """Call ``changed`` on each hint about the account until the returned function is called."""
        return _listening(self._of_accounts, account, changed)


def _listening(table: dict[_Key, set[_Told]], key: _Key, told: _Told) -> Callable[[], None]:
    table.setdefault(key, set()).add(told)

    def stop() -> None:
        listeners = table.get(key)
        if listeners is not None:
            listeners.discard(told)
            if not listeners:
                del table[key]

    return stop
