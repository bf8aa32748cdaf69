"""The list of subscriptions is kept in step with Dovecot's ``subscriptions`` or Courier's ``courierimapsubscribed``.

The catalogue notes the content that it has last read or written. Another content is somebody else's change, and
counts; so does what a session of this store changes afterwards, which is written at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack

from twisted.logger import Logger

from mailframe.store.adoption import subscriptions
from mailframe.store.adoption.broken import BrokenFile
from mailframe.store.names import in_order
from mailframe.store.values import INBOX, SEPARATOR

from .beside import locked
from .folders import TMP, folder_level
from .foreign import COURIER_SUBSCRIPTIONS, SUBSCRIPTIONS, mailboxes_listed, read_octets
from .tree import Tree

log = Logger()
_SETTING = "subscription-file"


class SubscriptionFile:
    """The file of one open account.

    Args:
        tree: the account's directories.
        program: whose form it has: ``dovecot`` or ``courier``.
    """

    def __init__(self, tree: Tree, program: str) -> None:
        self._tree = tree
        self._program = program
        self._path = f"{tree.path}/{SUBSCRIPTIONS if program == 'dovecot' else COURIER_SUBSCRIPTIONS}"
        self._separator = tree.place.subscription_separator
        self._seen: tuple[int, int] | None = None

    def follow(self, limit: int) -> None:
        """Take over what another program has changed; of a file that cannot be read now, nothing.

        Args:
            limit: names that are taken.
        """
        try:
            self._follow(limit)
        except OSError as fault:
            # Mailboxes can be listed all the same; `write` does not go over what it could not read.
            log.warn("{path} cannot be read: {fault}", path=self._path, fault=fault)

    def _follow(self, limit: int) -> None:
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return
        octets = read_octets(self._tree.files, self._path)
        noted = self._tree.catalogue.setting(_SETTING)
        if octets is not None and _digest(octets) != noted:
            names = self._names(octets)
            if names is not None:
                self._take(names[:limit], noted, octets)
        self._seen = stamp

    def write(self) -> None:
        """Write what the catalogue has. In its writing transaction, which is to fail with this.

        Raises:
            OSError: the file cannot be locked or written now.
        """
        tree = self._tree
        with ExitStack() as lock:
            if self._program == "dovecot":
                lock.enter_context(locked(tree.files, self._path + ".lock"))
            before = read_octets(tree.files, self._path) or b""
            octets = self._octets(before)
            if octets != before:
                tree.replace_file(f"{tree.path}/{TMP}", self._path, octets)
                tree.files.flush_directory(tree.path)
        tree.catalogue.set_setting(_SETTING, _digest(octets))
        self._seen = None

    def _take(self, names: Iterable[str], noted: int, octets: bytes) -> None:
        tree = self._tree
        with tree.drop.writing():
            subscribed, listed = tree.catalogue.mailboxes.subscribed(), set(names)
            for name in listed - subscribed:
                tree.catalogue.mailboxes.subscribe(name, True)
            # The first time both lists count: the catalogue's are older than the option.
            for name in subscribed - listed if noted else ():
                tree.catalogue.mailboxes.subscribe(name, False)
            tree.catalogue.set_setting(_SETTING, _digest(octets))

    def _names(self, octets: bytes) -> list[str] | None:
        read = subscriptions.read_courier
        try:
            if self._program == "dovecot":
                return mailboxes_listed(subscriptions.read(octets, self._separator))
            return mailboxes_listed(read(octets))
        except BrokenFile:
            return None

    def _octets(self, before: bytes) -> bytes:
        names = [_levels(name) for name in in_order(self._tree.catalogue.mailboxes.subscribed())]
        if self._program == "courier":
            return subscriptions.write_courier(names)
        version = 2 if not before or before.startswith(b"V\t2") else 1
        return subscriptions.write(names, version, self._separator)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            return self._tree.files.time(self._path), self._tree.files.size(self._path)
        except FileNotFoundError:
            return None


def _levels(name: str) -> tuple[str, ...]:
    return (INBOX,) if name == INBOX else tuple(map(folder_level, name.split(SEPARATOR)))


def _digest(octets: bytes) -> int:
    """What tells one content from another; never 0, which stands for none."""
    return int.from_bytes(hashlib.sha256(octets).digest()[:7], "big") or 1
