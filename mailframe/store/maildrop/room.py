"""Is there room? Quotas of an account and of its mailboxes. Blocking."""

from __future__ import annotations

from collections.abc import Mapping

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.rows import MailboxRow
from mailframe.store.names import canonical
from mailframe.store.quota import ACCOUNT, LARGEST, Limit, QuotaRoot, Usage
from mailframe.store.refusals import ABOVE_QUOTA, NONEXISTENT, refuse
from mailframe.store.retention import is_kept

from .maildrop import Maildrop, now

WARNED = "quota_warned_"
"""The account's setting, with a percent behind: when its owner was last told that so much is used."""
WARNED_SECONDS = 86400
"""Whose mailbox goes to and fro about a percent is told of it so seldom."""
OWN = "quota_own_"
"""The account's settings with what its owner has set: ``octets_`` or ``messages_``, and a MAILBOXID or nothing."""
_OCTETS, _MESSAGES = "octets_", "messages_"


def limit_of(drop: Maildrop) -> Limit:
    """What the whole account may hold."""
    return _in_force(drop, _given(drop), "")


def _given(drop: Maildrop) -> Limit:
    """What the administrator lets the whole account hold."""
    return drop.limit if drop.limit is not None else drop.surroundings.quota.account


def _in_force(drop: Maildrop, given: Limit, mailbox_id: str) -> Limit:
    """The stricter of the administrator's limit and the owner's."""
    own = own_limits(drop).get(mailbox_id) if drop.surroundings.quota.own else None
    return given if own is None else given.within(own)


def own_limits(drop: Maildrop) -> Mapping[str, Limit]:
    """What the owner has set, by MAILBOXID, "" for the whole account. Read once in a unit of work."""
    if drop.own_limits is None:
        octets, messages = {}, {}
        for key, value in drop.catalogue.settings(OWN).items():
            if key.startswith(_OCTETS):
                octets[key.removeprefix(_OCTETS)] = value
            else:
                messages[key.removeprefix(_MESSAGES)] = value
        drop.own_limits = {
            place: Limit(octets.get(place, 0), messages.get(place, 0))
            for place in octets.keys() | messages.keys()
        }
    return drop.own_limits


def set_own(drop: Maildrop, name: str, own: Limit) -> QuotaRoot:
    """See `IMailAccount.set_quota`."""
    place = "" if name == ACCOUNT else drop.find(name).mailbox_id
    drop.own_limits = None
    with drop.writing(0):
        mailbox = drop.current(place) if place else None
        if mailbox is not None and is_kept(mailbox.name):
            raise refuse(NONEXISTENT)
        rules = drop.surroundings.quota
        if not (_given(drop) if mailbox is None else rules.of_mailbox(mailbox.name)).allows(own):
            raise refuse(ABOVE_QUOTA)
        here = {each.mailbox_id for each in drop.catalogue.mailboxes.all()}
        for gone in own_limits(drop).keys() - here - {""}:
            _set_own(drop, gone, Limit())
        _set_own(drop, place, own)
    drop.own_limits = None
    drop.catalogue.flush()
    return _account_root(drop) if mailbox is None else _mailbox_root(drop, mailbox)


def _set_own(drop: Maildrop, place: str, own: Limit) -> None:
    drop.catalogue.set_setting(f"{OWN}{_OCTETS}{place}", min(own.octets, LARGEST))
    drop.catalogue.set_setting(f"{OWN}{_MESSAGES}{place}", min(own.messages, LARGEST))


def used_by(drop: Maildrop) -> Usage:
    """What the whole account holds."""
    messages, octets = drop.catalogue.mailboxes.totals()
    return Usage(octets, messages)


def is_limited(drop: Maildrop) -> bool:
    """Does anything have a limit?"""
    return bool(limit_of(drop)) or _limits_mailboxes(drop)


def _limits_mailboxes(drop: Maildrop) -> bool:
    return bool(drop.surroundings.quota.mailboxes or own_limits(drop).keys() - {""})


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
    if not _limits_mailboxes(drop):
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
    limit = _limit_of_mailbox(drop, mailbox)
    if limit and not limit.holds(_usage(mailbox) + coming):
        raise MailframeError(drop.surroundings.quota.full)


def _limit_of_mailbox(drop: Maildrop, mailbox: MailboxRow) -> Limit:
    """What one mailbox may hold."""
    return _in_force(drop, drop.surroundings.quota.of_mailbox(mailbox.name), mailbox.mailbox_id)


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
    mailboxes = drop.catalogue.mailboxes
    rows = mailboxes.all() if name is None else [mailboxes.named(canonical(name))]
    found = [_account_root(drop), *(_mailbox_root(drop, row) for row in rows if row is not None)]
    return sorted((root for root in found if root.limit or root.own), key=lambda root: root.name)


def _account_root(drop: Maildrop) -> QuotaRoot:
    return QuotaRoot(ACCOUNT, limit_of(drop), used_by(drop), own_limits(drop).get("", Limit()))


def _mailbox_root(drop: Maildrop, mailbox: MailboxRow) -> QuotaRoot:
    own = own_limits(drop).get(mailbox.mailbox_id, Limit())
    return QuotaRoot(mailbox.name, _limit_of_mailbox(drop, mailbox), _usage(mailbox), own)


def _usage(mailbox: MailboxRow) -> Usage:
    return Usage(mailbox.octets, mailbox.messages)
