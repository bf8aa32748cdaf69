"""Is there room? Quotas of an account and of its mailboxes. Blocking."""

from __future__ import annotations

from collections.abc import Mapping

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.rows import MailboxRow
from mailframe.store.names import canonical
from mailframe.store.quota import ACCOUNT, Limit, QuotaRoot, Usage

from .maildrop import Maildrop, now

WARNED = "quota_warned_"
"""The account's setting, with a percent behind: when its owner was last told that so much is used."""
WARNED_SECONDS = 86400
"""Whose mailbox goes to and fro about a percent is told of it so seldom."""


def limit_of(drop: Maildrop) -> Limit:
    """What the whole account may hold."""
    return drop.limit if drop.limit is not None else drop.surroundings.quota.account


def used_by(drop: Maildrop) -> Usage:
    """What the whole account holds."""
    messages, octets = drop.catalogue.mailboxes.totals()
    return Usage(octets, messages)


def is_limited(drop: Maildrop) -> bool:
    """Does anything have a limit?"""
    return bool(limit_of(drop) or drop.surroundings.quota.mailboxes)


def check(drop: Maildrop, coming: Mapping[str, Usage]) -> None:
    """Refuse what does not fit.

    Args:
        coming: what is about to come, by canonical mailbox name.

    Raises:
        MailframeError: ``OVERQUOTA``.
    """
    limit = limit_of(drop)
    if limit and not limit.holds(sum(coming.values(), used_by(drop))):
        raise MailframeError(drop.surroundings.quota.full)
    if not drop.surroundings.quota.mailboxes:
        return
    for name, usage in coming.items():
        mailbox = drop.catalogue.mailboxes.named(name)
        if mailbox is not None:
            check_mailbox(drop, mailbox, usage)


def check_mailbox(drop: Maildrop, mailbox: MailboxRow, coming: Usage) -> None:
    """Refuse what does not fit into one mailbox, whatever the account may hold.

    Raises:
        MailframeError: ``OVERQUOTA``.
    """
    limit = drop.surroundings.quota.of_mailbox(mailbox.name)
    if limit and not limit.holds(_usage(mailbox) + coming):
        raise MailframeError(drop.surroundings.quota.full)


def is_full(drop: Maildrop) -> bool:
    """Is there no room for a single octet?"""
    limit = limit_of(drop)
    return bool(limit) and not limit.holds(used_by(drop) + Usage(1, 1))


def was_warned(drop: Maildrop, percent: int) -> bool:
    """Was the owner told of this percent lately?"""
    return 0 <= now() - drop.catalogue.setting(f"{WARNED}{percent}") < WARNED_SECONDS


def note_warned(drop: Maildrop, percent: int) -> None:
    """The owner was told of this percent."""
    with drop.writing(0):
        drop.catalogue.set_setting(f"{WARNED}{percent}", now())


def roots(drop: Maildrop, name: str | None = None) -> list[QuotaRoot]:
    """The roots of one mailbox (which need not exist), or all that there are."""
    found = []
    if limit_of(drop):
        found.append(QuotaRoot(ACCOUNT, limit_of(drop), used_by(drop)))
    mailboxes = drop.catalogue.mailboxes
    rows = mailboxes.all() if name is None else [mailboxes.named(canonical(name))]
    for row in rows:
        limit = drop.surroundings.quota.of_mailbox(row.name) if row is not None else Limit()
        if limit and row is not None:
            found.append(QuotaRoot(row.name, limit, _usage(row)))
    return sorted(found, key=lambda root: root.name)


def _usage(mailbox: MailboxRow) -> Usage:
    return Usage(mailbox.octets, mailbox.messages)
