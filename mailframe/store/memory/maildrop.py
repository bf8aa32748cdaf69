"""The mailboxes of one account in memory, and the rules that span several of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mailframe.message.status import OK, MailframeError, Status
from mailframe.store.flags import KEYWORDS_LIMIT
from mailframe.store.identity import object_id
from mailframe.store.interfaces import IHints
from mailframe.store.names import (
    MAILBOXES_LIMIT,
    canonical,
    check_count,
    check_new,
    check_special_use,
    is_inferior,
    renamed,
    superiors,
)
from mailframe.store.quota import ACCOUNT, NO_RULES, Limit, QuotaRoot, QuotaRules, Usage
from mailframe.store.refusals import (
    ABOVE_QUOTA,
    ALREADYEXISTS,
    NONEXISTENT,
    OCCUPIED,
    UNDER_ITSELF,
    refuse,
)
from mailframe.store.threads import MemoryThreads
from mailframe.store.values import (
    INBOX,
    SEPARATOR,
    SYSTEM_FLAGS,
    Appended,
    Delivery,
    Describe,
    TakenMailbox,
    TakenMessage,
)

from .box import Box, Row, new_object_id, taken_row, usage_of
from .sharing import Sharing


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a store lends to its accounts.

    Attributes:
        describe: describes a message for IMAP.
        hints: told of changes.
        now: seconds since the epoch.
        mailboxes: what a new account has besides INBOX, name to special use.
        quota: how much mail there may be.
        mailboxes_limit: mailboxes an account may have.
        keywords_limit: keywords a mailbox may have.
    """

    describe: Describe
    hints: IHints
    now: Callable[[], int]
    mailboxes: Mapping[str, str]
    quota: QuotaRules = NO_RULES
    mailboxes_limit: int = MAILBOXES_LIMIT
    keywords_limit: int = KEYWORDS_LIMIT


class Maildrop:
    """The mailboxes of one account, shared by its sessions.

    Args:
        name: the account.
        surroundings: the store's.

    Attributes:
        boxes: by name.
        subscribed: names on the subscription list.
        sharing: annotations of the account.
        own: how much the owner lets it hold.
    """

    def __init__(self, name: str, surroundings: Surroundings) -> None:
        self.name = name
        self.surroundings = surroundings
        self.boxes: dict[str, Box] = {}
        self.subscribed: set[str] = {INBOX, *surroundings.mailboxes}
        self.sharing = Sharing()
        self.own = Limit()
        self._threads = MemoryThreads()
        self._uidvalidity = 0
        self._make(INBOX)
        for mailbox, special_use in surroundings.mailboxes.items():
            self._make(mailbox, special_use)

    def create(self, name: str, special_use: str | None = None) -> Box:
        """A new mailbox and those above it that are missing."""
        if name in self.boxes:
            raise refuse(ALREADYEXISTS)
        self._make_superiors(name, 1)
        return self._make(name, special_use)

    def find(self, name: str, missing: Status = NONEXISTENT) -> Box:
        """The mailbox of this name.

        Raises:
            MailframeError: ``missing``.
        """
        box = self.boxes.get(canonical(name))
        if box is None:
            raise refuse(missing)
        return box

    def discard(self, box: Box) -> None:
        """Take a mailbox away from under those who have it open."""
        del self.boxes[box.name]
        box.remove(tuple(box.rows))
        box.gone = True
        self.publish(box)

    def rename(self, old: str, new: str) -> None:
        """Rename a mailbox and its inferiors, or a name that has only inferiors."""
        moving = [name for name in self.boxes if name == old or is_inferior(name, old)]
        if not moving:
            raise refuse(NONEXISTENT)
        if is_inferior(new, old):
            raise refuse(UNDER_ITSELF)
        targets = [check_new(renamed(name, old, new)) for name in moving]
        if new in self.boxes or any(target in self.boxes for target in targets):
            raise refuse(ALREADYEXISTS)
        self._make_superiors(new)
        for name, target in zip(moving, targets, strict=True):
            box = self.boxes.pop(name)
            box.name = target
            self.boxes[target] = box

    def rename_inbox(self, new: str) -> None:
        """Move what is in INBOX to a new mailbox; INBOX stays, and so do its inferiors."""
        inbox, box = self.boxes[INBOX], self.create(new)
        box.add(inbox.copies(inbox.rows, self.surroundings.now()))
        inbox.remove(tuple(inbox.rows))
        self.publish(inbox)

    def publish(self, box: Box) -> None:
        """Hint that something changed there."""
        self.surroundings.hints.publish(self.name, box.mailbox_id)

    def used(self) -> Usage:
        """What the account holds."""
        return sum((box.used() for box in self.boxes.values()), Usage())

    def root(self, box: Box | None = None) -> QuotaRoot:
        """The quota root of one mailbox, or of the account."""
        rules = self.surroundings.quota
        if box is None:
            return QuotaRoot(ACCOUNT, rules.account.within(self.own), self.used(), self.own)
        return QuotaRoot(box.name, rules.of_mailbox(box.name).within(box.own), box.used(), box.own)

    def quotas(self, name: str | None = None) -> list[QuotaRoot]:
        """See `IMailAccount.quotas`."""
        boxes = [box for box in self.boxes.values() if name is None or box.name == canonical(name)]
        found = [self.root(), *map(self.root, boxes)]
        return sorted((root for root in found if root.limit), key=lambda root: root.name)

    def set_quota(self, name: str, own: Limit) -> QuotaRoot:
        """See `IMailAccount.set_quota`."""
        rules = self.surroundings.quota
        box = None if name == ACCOUNT else self.find(name)
        if not (rules.account if box is None else rules.of_mailbox(box.name)).allows(own):
            raise refuse(ABOVE_QUOTA)
        if box is None:
            self.own = own
        else:
            box.own = own
        return self.root(box)

    def check_quota(self, coming: Usage, box: Box | None = None) -> None:
        """Refuse what does not fit, into the account or the mailbox.

        Raises:
            MailframeError: ``OVERQUOTA``.
        """
        root = self.root()
        if root.limit and not root.limit.holds(root.usage + coming):
            raise MailframeError(self.surroundings.quota.full)
        if box is not None:
            self.check_box(box, coming)

    def check_box(self, box: Box, coming: Usage) -> None:
        """Refuse what does not fit into one mailbox, whatever the account may hold.

        Raises:
            MailframeError: ``OVERQUOTA``.
        """
        root = self.root(box)
        if root.limit and not root.limit.holds(root.usage + coming):
            raise MailframeError(self.surroundings.quota.full)

    def target(self, delivery: Delivery) -> Box:
        """The mailbox that a delivery goes into."""
        return self.boxes.get(canonical(delivery.mailbox)) or self.boxes[INBOX]

    def deliver(self, delivery: Delivery, row: Row) -> Status:
        """Put a prepared message in; a keyword too many costs the keywords, never the message."""
        box = self.target(delivery)
        box.add([row], keep=SYSTEM_FLAGS)
        self.publish(box)
        return OK

    def add(self, box: Box, rows: Sequence[Row]) -> Appended:
        """Put messages in, all or none."""
        if rows:
            self.check_quota(usage_of(rows), box)
        uids = box.add(rows)
        if uids:
            self.publish(box)
        return Appended(box.uidvalidity, uids)

    def take_over(self, name: str, taken: TakenMailbox, messages: Sequence[TakenMessage]) -> list[int]:
        """See `IMailAccount.take_over`; a canonical name."""
        special_use, box = check_special_use(taken.special_use), self.boxes.get(name)
        here = box if box is not None and taken.uidvalidity in (0, box.uidvalidity) else None
        if here is None and box is not None and box.rows:
            raise refuse(OCCUPIED)
        now, uidnext = self.surroundings.now(), 1 if here is None else here.uidnext
        rows = [taken_row(one, now) for one in messages if not one.uid or one.uid >= uidnext]
        if rows:
            self.check_quota(usage_of(rows), box)
        if box is None:
            box = self.create(name, special_use)
        if not box.rows:
            self._identify(box, taken, special_use or box.special_use)
        uids = box.take_over(messages, rows)
        highest = max((message.modseq for message in messages), default=0)
        box.advance(taken.uidnext, max(taken.highestmodseq, highest), taken.highestmodseq)
        self.publish(box)
        return uids

    def _identify(self, box: Box, taken: TakenMailbox, special_use: str | None) -> None:
        uidvalidity, wanted = taken.uidvalidity or box.uidvalidity, object_id(taken.mailbox_id)
        if not wanted or any(other.mailbox_id == wanted for other in self.boxes.values() if other is not box):
            wanted = box.mailbox_id if uidvalidity == box.uidvalidity else new_object_id("F")
        self._uidvalidity = max(self._uidvalidity, uidvalidity)
        box.identify(wanted, uidvalidity, special_use)

    def _make(self, name: str, special_use: str | None = None) -> Box:
        # No mailbox of an account ever has a UIDVALIDITY that another had, whatever it was called.
        self._uidvalidity = max(self._uidvalidity + 1, self.surroundings.now())
        box = Box(
            name, self._uidvalidity, special_use, self.surroundings.keywords_limit, threads=self._threads
        )
        above = self.boxes.get(name.rpartition(SEPARATOR)[0])
        if above is not None:
            # Who has rights on the mailbox above has them on a new one, too (RFC 4314 section 3).
            for entry in above.sharing.access():
                box.sharing.set_access(entry.identifier, entry.rights)
        self.boxes[name] = box
        return box

    def _make_superiors(self, name: str, more: int = 0) -> None:
        missing = [superior for superior in superiors(name) if superior not in self.boxes]
        check_count(len(self.boxes) + len(missing) + more, self.surroundings.mailboxes_limit)
        for superior in missing:
            self._make(superior)
