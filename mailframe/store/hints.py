"""Hints within one process: «something changed in that mailbox» (design: a hint, never the truth)."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from .interfaces import IHints


@implementer(IHints)
class LocalHints:
    """Hints between the sessions of one process.

    Args:
        forward: also told of each published hint; the node passes them on to other workers.
    """

    def __init__(self, forward: Callable[[str, str], None] | None = None) -> None:
        self._forward = forward
        self._listeners: dict[tuple[str, str], set[Callable[[], None]]] = {}

    def publish(self, account: str, mailbox_id: str) -> None:
        """Tell listeners here, then pass it on."""
        self.received(account, mailbox_id)
        if self._forward is not None:
            self._forward(account, mailbox_id)

    def received(self, account: str, mailbox_id: str) -> None:
        """Tell listeners here only: for a hint that came from another worker."""
        for changed in tuple(self._listeners.get((account, mailbox_id), ())):
            changed()

    def received_all(self) -> None:
        """Tell all listeners here: hints may have been lost."""
        for account, mailbox_id in tuple(self._listeners):
            self.received(account, mailbox_id)

    def listen(self, account: str, mailbox_id: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` on each hint until the returned function is called."""
        key = (account, mailbox_id)
        self._listeners.setdefault(key, set()).add(changed)

        def stop() -> None:
            listeners = self._listeners.get(key)
            if listeners is not None:
                listeners.discard(changed)
                if not listeners:
                    del self._listeners[key]

        return stop
