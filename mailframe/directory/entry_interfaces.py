"""Directories entry by entry: what administration and what copies ask of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from zope.interface import Attribute, Interface

from .entries import Batch, Change, Edit, Entry, Key, Kind, Outcome


class IDirectoryEntries(Interface):
    """A directory that can be administered entry by entry; provided besides `IDirectoryAdmin`.

    These methods block, like those of `IDirectoryAdmin`; whoever serves requests calls them in a thread. Each may be
    called in any thread.
    """

    def entry(key: Key) -> Entry | None:
        """One entry as it is now; None for unknown."""

    def listing(kind: Kind, domain: str | None = None, after: str = "", limit: int = 1000) -> Sequence[Entry]:
        """Some entries of a kind, in the order of their names.

        Args:
            domain: only those in this domain; of grants, those of accounts in it.
            after: those behind this name; "" from the beginning.
            limit: how many at most.
        """

    def apply(edits: Sequence[Edit], actor: str, *, dry_run: bool = False) -> Sequence[Outcome]:
        """Do edits in their order, all or none of them; durable when this returns, and in the history.

        What is there already as it is wanted is left alone, and is no change.

        Args:
            actor: who does it, for the history.
            dry_run: tell what would come of it, and do nothing.

        Returns:
            What came of each.

        Raises:
            RefusedEdit: one of them cannot be done; nothing was done.
            MailframeError: temporary: the directory cannot be asked.
        """

    def history(since: int = 0, limit: int = 1000, key: Key | None = None) -> Sequence[Change]:
        """What was changed, in that order.

        Args:
            since: behind this version.
            limit: how many at most.
            key: only changes of this entry.
        """

    def last_version() -> int:
        """The version of the newest change; 0 where there was none."""


class IDirectoryFeed(Interface):
    """A directory that copies can be made of and kept up to date."""

    tells_removals = Attribute(
        "`bool`: does `changes` tell what is gone? Otherwise whoever keeps a copy has to compare all now and then."
    )

    def version() -> Awaitable[str]:
        """Where the directory is now; asked before a copy is begun, to follow changes from there. No spaces.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def entries(after: Key | None = None, limit: int = 1000) -> Awaitable[Sequence[Entry]]:
        """The next entries of all kinds, in the order of `Kind`, then of names; none behind the last.

        What changes meanwhile may be there as it was before or after; `changes` tells of it again.

        Args:
            after: those behind this key; None from the beginning.
            limit: how many at most.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def changes(since: str, limit: int = 1000) -> Awaitable[Batch | None]:
        """What is new since a version; None where that cannot be told any more, and the copy has to begin anew.

        Args:
            since: from `version`, or of the last batch.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def listen(hint: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever something may be new, in the reactor's thread; best effort.

        Args:
            hint: called without arguments.

        Returns:
            A function without arguments that ends it.
        """
