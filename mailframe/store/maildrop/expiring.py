"""One account's round: mail kept long enough, old by rule, or read by nobody. Blocking, in steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mailframe.store.catalogue.rows import MailboxRow, MessageRow
from mailframe.store.retention import is_kept

from . import keeping, moving
from .maildrop import Maildrop

GROUP = 1000
"""Messages of one step."""
SEEN = 1
"""The bit of ``\\Seen``."""
TOLD = "unread_told"
"""The account's setting: when its owner was last told of unread mail that will go."""

Why = Literal["removed", "expired", "unread"]


@dataclass(slots=True)
class Round:
    """What a round through one account did.

    Attributes:
        removed: messages that were kept long enough, and are gone for good.
        expired: messages that were old by rule.
        unread: messages that nobody had read.
        to_tell: messages that their owner is to be told of, and when they will go (seconds since the epoch).
    """

    removed: int = 0
    expired: int = 0
    unread: int = 0
    to_tell: tuple[int, float] | None = None


class Expiring:
    """A round through one account, in steps: between two of them others have their turn.

    Args:
        now: seconds since the epoch.
    """

    def __init__(self, now: float) -> None:
        self.done = Round()
        self._now = now
        self._steps: deque[tuple[Why, str, list[int]]] | None = None

    def step(self, drop: Maildrop) -> bool:
        """Do some; True when that was the last."""
        if self._steps is None:
            self._steps = deque(self._planned(drop))
        elif self._steps:
            why, mailbox_id, uids = self._steps.popleft()
            mailbox = drop.catalogue.mailboxes.with_id(mailbox_id)
            if mailbox is not None:
                remove = moving.remove if why == "removed" else keeping.remove
                uids = self._still(drop, why, mailbox, uids)
                count = len(remove(drop, mailbox_id, uids))
                setattr(self.done, why, getattr(self.done, why) + count)
        if self._steps:
            return False
        keeping.tidy(drop)
        return True

    def _still(self, drop: Maildrop, why: Why, mailbox: MailboxRow, uids: list[int]) -> list[int]:
        """Without what somebody has read, or marked as unread, since it was looked at."""
        rule = drop.surroundings.retention.rule_of(mailbox.name)
        if why == "unread":
            return [row.uid for row in drop.catalogue.messages.rows(mailbox, uids) if not row.flags & SEEN]
        if why == "expired" and rule is not None and rule.seen_only:
            return [row.uid for row in drop.catalogue.messages.rows(mailbox, uids) if row.flags & SEEN]
        return uids

    def _planned(self, drop: Maildrop) -> Iterator[tuple[Why, str, list[int]]]:
        for mailbox_id, uids in keeping.overdue(drop, self._now):
            yield from _grouped("removed", mailbox_id, uids)
        for mailbox_id, uids in self._old(drop):
            yield from _grouped("expired", mailbox_id, uids)
        for mailbox_id, uids in self._unread(drop):
            yield from _grouped("unread", mailbox_id, uids)

    def _old(self, drop: Maildrop) -> Iterator[tuple[str, list[int]]]:
        for mailbox in drop.catalogue.mailboxes.all():
            rule = drop.surroundings.retention.rule_of(mailbox.name)
            if rule is None or is_kept(mailbox.name):
                continue
            limit = self._now - rule.seconds
            yield (
                mailbox.mailbox_id,
                [
                    row.uid
                    for row in drop.catalogue.messages.rows(mailbox)
                    if row.save_date <= limit and (row.flags & SEEN or not rule.seen_only)
                ],
            )

    def _unread(self, drop: Maildrop) -> list[tuple[str, list[int]]]:
        """Nothing goes of which its owner was not told in time; what became old later waits for the next time."""
        rules = drop.surroundings.retention
        if not rules.unread:
            return []
        told = drop.catalogue.setting(TOLD)
        if told and self._now < told + rules.unread_warning:
            return []
        gone = []
        if told:
            # What its owner was told of is what would be that old at the end of the time, and was there then.
            limit = told + min(rules.unread_warning - rules.unread, 0)
            gone = [(mailbox_id, [row.uid for row in rows]) for mailbox_id, rows in _unseen(drop, limit)]
        going = {(mailbox_id, uid) for mailbox_id, uids in gone for uid in uids}
        soon = self._now + rules.unread_warning
        count = sum(
            (mailbox_id, row.uid) not in going
            for mailbox_id, rows in _unseen(drop, soon - rules.unread)
            for row in rows
        )
        if count:
            # It is noted when its owner was told, not before: see `note_told`.
            self.done.to_tell = count, soon
        elif told:
            note_told(drop, 0)
        return gone


def note_told(drop: Maildrop, now: float) -> None:
    """The owner was told of unread mail that will go; from now on the time runs. 0: there is none any more."""
    with drop.writing(0):
        drop.catalogue.set_setting(TOLD, int(now))


def _unseen(drop: Maildrop, limit: float) -> Iterator[tuple[str, list[MessageRow]]]:
    for mailbox in drop.catalogue.mailboxes.all():
        if mailbox.unseen and not is_kept(mailbox.name):
            uids = drop.catalogue.messages.unseen(mailbox)
            rows = [row for row in drop.catalogue.messages.rows(mailbox, uids) if row.save_date <= limit]
            if rows:
                yield mailbox.mailbox_id, rows


def _grouped(why: Why, mailbox_id: str, uids: list[int]) -> Iterator[tuple[Why, str, list[int]]]:
    for start in range(0, len(uids), GROUP):
        yield why, mailbox_id, uids[start : start + GROUP]
