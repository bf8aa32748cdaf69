"""The accounts that are open in one thread, the longest unused closed first."""

from __future__ import annotations

from collections import OrderedDict

import apsw
from twisted.logger import Logger

from mailframe.database.sqlite import flush_log
from mailframe.store.refusals import NONEXISTENT, refuse

from . import metrics
from .layout import Opener, WritesLater
from .maildrop import Maildrop
from .remembered import Remembered
from .surroundings import Surroundings

SUSPECTS_LIMIT = 1000

log = Logger()


class Shelf:
    """Open accounts of one thread.

    Args:
        surroundings: the store's.
        opener: opens accounts; closed with the shelf.
        limit: how many stay open; each may hold three descriptors.
        remembered: messages whose flags are remembered.

    Attributes:
        suspects: accounts whose last delivery failed.
    """

    def __init__(self, surroundings: Surroundings, opener: Opener, limit: int, remembered: int = 0) -> None:
        self.surroundings = surroundings
        self._opener = opener
        self._limit = limit
        self._remembered = Remembered(remembered)
        self._open: OrderedDict[str, Maildrop] = OrderedDict()
        self._touched: set[str] = set()
        self._dirty: set[str] = set()
        self._left: set[str] = set()
        self._unrested: set[str] = set()
        self.suspects: set[str] = set()

    def get(self, account: str, create: bool = True) -> Maildrop:
        """The open account.

        Args:
            account: its name.
            create: make it where it does not exist.

        Raises:
            MailframeError: ``NONEXISTENT``: it does not exist.
            OSError, apsw.Error: it cannot be opened or made.
        """
        drop = self._open.get(account)
        if drop is not None and not drop.catalogue.in_place:
            # Somebody removed the account, or put a copy back from a backup.
            self._close(account)
            drop = None
        if drop is None:
            if not create and not self._opener.exists(account):
                raise refuse(NONEXISTENT)
            drop = Maildrop(account, self.surroundings, self._opener, self._remembered)
            self._open[account] = drop
            metrics.OPEN_ACCOUNTS.inc()
        self._open.move_to_end(account)
        self._touched.add(account)
        return drop

    def tidy(self) -> bool:
        """After each group of work: close what is too much. Returns whether something must be flushed soon."""
        for account in self._touched:
            drop = self._open.get(account)
            if drop is not None and drop.catalogue.dirty:
                self._dirty.add(account)
            elif drop is not None and drop.wrote and isinstance(drop.layout, WritesLater):
                # It was flushed at once, which is not all that there is to be done.
                self._unrested.add(account)
        self._touched.clear()
        while len(self._open) > self._limit:
            self._let_go(next(iter(self._open)))
        return bool(self._dirty or self._left or self._unrested)

    def rest(self) -> bool:
        """Some time after a change: let layouts do what could wait. Returns whether one wants to go on later."""
        waiting, self._unrested = self._dirty | self._unrested, set()
        for account in waiting:
            drop = self._open[account]
            drop.wrote = False
            if isinstance(drop.layout, WritesLater) and drop.layout.rest():
                self._unrested.add(account)
            if drop.catalogue.dirty:
                self._dirty.add(account)
        return bool(self._unrested)

    def take_dirty(self) -> list[str]:
        """Paths of catalogues that must be flushed; from now on that is the caller's to do."""
        paths = list(self._left)
        self._left.clear()
        for account in self._dirty:
            drop = self._open[account]
            if drop.catalogue.dirty:
                paths.append(drop.catalogue.path)
                drop.catalogue.flushed()
        self._dirty.clear()
        return paths

    def suspect(self, account: str) -> None:
        """Note that something could not be delivered there."""
        if len(self.suspects) < SUSPECTS_LIMIT:
            self.suspects.add(account)

    def forget(self, account: str) -> None:
        """Close one account, whose directory is about to go."""
        if account in self._open:
            self._close(account)

    def close(self) -> None:
        """Close everything, all on stable storage."""
        while self._open:
            self._close(next(iter(self._open)), clean=True)
        for path in self._left:
            try:
                flush_log(path)
            except OSError:
                log.failure("{path} could not be flushed", path=path)
        self._left.clear()
        self._opener.close()

    def _let_go(self, account: str) -> None:
        """Close an account to make room; its flush is left to whoever takes what is dirty, within a second.

        With a flush here a delivery to fifty accounts, where fewer may stay open, took a third longer.
        """
        catalogue = self._open[account].catalogue
        if catalogue.dirty:
            self._left.add(catalogue.path)
            catalogue.flushed()
        self._close(account)

    def _close(self, account: str, clean: bool = False) -> None:
        drop = self._open.pop(account)
        self._remembered.forget(account)
        self._dirty.discard(account)
        self._unrested.discard(account)
        metrics.OPEN_ACCOUNTS.dec()
        try:
            drop.close(clean)
        except (OSError, apsw.Error):
            log.failure("the catalogue of {account} could not be flushed", account=drop.account)
