"""What can be configured of sharing mailboxes."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, option
from mailframe.message.status import MailframeError
from mailframe.store.names import canonical, check_new, is_inferior
from mailframe.store.values import INBOX, SEPARATOR


def _root(_: object, attribute: object, value: str) -> None:
    """A name that hides no mailbox which everybody has."""
    try:
        fits = check_new(value) == value
    except MailframeError:
        fits = False
    if not fits or canonical(value).partition(SEPARATOR)[0] == INBOX:
        raise ValueError(f"expected the name of a mailbox outside of INBOX, got {value!r}")


def _apart(options: SharingOptions, attribute: object, value: str) -> None:
    _root(options, attribute, value)
    if options.public and (value == options.others or is_inferior(value, options.others)):
        raise ValueError(f"expected a name that is not below {options.others!r} (others), got {value!r}")
    if options.public and is_inferior(options.others, value):
        raise ValueError(f"expected a name that {options.others!r} (others) is not below, got {value!r}")


@attrs.frozen(kw_only=True)
class SharingOptions:
    """``[sharing]``: accounts can give each other rights on their mailboxes (RFC 4314); off without it."""

    others: str = option(
        "Above the mailboxes of others, which are named by their accounts: ``Other Users/bob@example.org/INBOX``.",
        "Other Users",
        validator=_root,
    )
    public: str = option(
        "An account whose mailboxes, but for INBOX, are seen below ``shared`` by all who have rights on them; "
        "empty for none.",
        "",
    )
    shared: str = option("Above the mailboxes of the ``public`` account.", "Shared", validator=_apart)
    anyone: bool = option(
        "Users may give rights to ``anyone``, so that all accounts of the store see a mailbox.", False
    )
    index: DataPath = option(
        "A file that knows in which accounts somebody has rights. The ``postgresql`` store needs none: there the "
        "database knows, for all nodes.",
        DataPath("shares.sqlite"),
    )
