"""What can be configured of sharing mailboxes."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, option


@attrs.frozen(kw_only=True)
class SharingOptions:
    """``[sharing]``: accounts can give each other rights on their mailboxes (RFC 4314); off without it."""

    others: str = option(
        "Above the mailboxes of others, which are named by their accounts: ``Other Users/bob@example.org/INBOX``.",
        "Other Users",
    )
    public: str = option(
        "An account whose mailboxes, but for INBOX, are seen below ``shared`` by all who have rights on them; "
        "empty for none.",
        "",
    )
    shared: str = option("Above the mailboxes of the ``public`` account.", "Shared")
    anyone: bool = option(
        "Users may give rights to ``anyone``, so that all accounts of the store see a mailbox.", False
    )
    index: DataPath = option(
        "A file that knows in which accounts somebody has rights. The ``postgresql`` store needs none: there the "
        "database knows, for all nodes.",
        DataPath("shares.sqlite"),
    )
