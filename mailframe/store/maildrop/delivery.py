"""Deliveries and APPENDs in groups: what makes a message durable, and its price.

A group has many units, each one call of `deliver`. First all files of the group are written into their ``tmp/``.
Then, account by account under its catalogue's write lock, files are renamed into ``new/`` and rows added; last,
octets and names of all go into the delivery journal (`mailframe.store.journal.journal`) with one flush. Files that
are too large for it, or on another device, or all where there is no journal, are flushed before they are renamed,
together, so that the file system can put them into one commit of its own; and each directory is flushed once
afterwards. Only then anybody is answered. A crash leaves files in ``tmp/`` (swept when old), or files in ``new/``
without rows (taken in by the next look): never a message that was answered and is not there.

What the journal gains is measured by ``benchmarks/store_deliver.py`` with and without ``--no-journal``, on a quiet
disk where no files were removed for a minute: otherwise making a file in ext4 costs more than all the rest. Groups of
one or two messages an account cost about twice as much a message, since each account pays for a transaction.
One thread beat two in CPU (126 us against 187) at the same messages a second: they wait for one another's
interpreter lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.database.sqlite import storage_status
from mailframe.message.status import OK, UNKNOWN_FAULT, MailframeError, Status
from mailframe.store.catalogue.rows import MailboxRow, new_object_id
from mailframe.store.ingest.log import Accepted
from mailframe.store.journal.journalling import Journalling
from mailframe.store.names import canonical
from mailframe.store.quota import Usage
from mailframe.store.retention import is_kept
from mailframe.store.values import INBOX, Delivery, NewMessage

from . import metrics, room
from .arrival import Attempt, add_rows
from .entries import entry_of
from .layout import Arrival, Written
from .maildrop import Maildrop
from .shelf import Shelf
from .units import Answer, Filled, Unit

log = Logger()

DESCRIBED_AT_ONCE = 4
"""In groups up to this size messages are described when they come. Larger groups mean that many wait: then whoever
first asks pays for the description, which was a third of the processor time of a delivery."""


class Group:
    """One group of units, done from start to end in one thread.

    Args:
        shelf: the thread's accounts.
        units: the group.
        journal: the thread's; None: everything is flushed where it is.
    """

    def __init__(self, shelf: Shelf, units: Sequence[Unit], journal: Journalling | None = None) -> None:
        self._shelf = shelf
        self._journal = journal
        self._units = units
        self._limits = {name: limit for unit in units for name, limit in unit.limits.items()}
        self._attempts = [
            Attempt(delivery, number) for number, unit in enumerate(units) for delivery in unit.deliveries
        ]
        self._shared: dict[tuple[int, bytes], Written] = {}
        self._email_ids: dict[tuple[int, bytes], str] = {}
        self._coming: dict[str, dict[str, Usage]] = {}
        self._filled: dict[str, Filled] = {}
        self._opened: dict[str, Maildrop] = {}
        self._mailboxes: dict[tuple[str, str], MailboxRow] = {}

    def deliver(self) -> list[Answer]:
        """Do it; an answer for each unit."""
        started = time.perf_counter()
        self._each(self._prepare, self._attempts)
        if len(self._attempts) > 1:
            self._each(self._begin_flush, self._alive())
        self._each(self._flush, self._alive())
        self._give_up_with_others()
        self._publish()
        self._flush_places()
        self._append_to_journal()
        self._copy_to_ingest_log()
        self._abandon()
        metrics.BATCH_SECONDS.observe(time.perf_counter() - started)
        metrics.BATCH_MESSAGES.observe(len(self._attempts))
        return self._answers()

    # Step 1: octets, where no mailbox shows them.

    def _prepare(self, attempt: Attempt) -> None:
        delivery = attempt.delivery
        content = delivery.message.content
        attempt.drop = drop = self._drop(delivery.account)
        self._check_room(drop, delivery.mailbox, content.size)
        # By its octets, not by the object: a message has a content of its own for each of its recipients.
        key = (id(content.body), content.prefix)
        attempt.email_id = self._email_ids.get(key) or self._email_ids.setdefault(key, new_object_id("M"))
        first = self._shared.get(key)
        journal = self._journal
        attempt.written = written = drop.layout.write(
            Arrival(
                self._target(drop, delivery.mailbox),
                content,
                drop.surroundings.describe if len(self._attempts) <= DESCRIBED_AT_ONCE else None,
                first,
                -1 if journal is None else journal.limit,
                -1 if journal is None else journal.device,
            )
        )
        if not written.shared:
            self._shared[key] = written

    def _drop(self, account: str) -> Maildrop:
        """The open account: asked of the shelf once a group, because that looks at the disk."""
        drop = self._opened.get(account)
        if drop is None:
            drop = self._opened[account] = self._shelf.get(account)
            drop.limit, drop.own_limits = self._limits.get(account), None
        return drop

    def _target(self, drop: Maildrop, name: str) -> MailboxRow | None:
        """The mailbox; None for INBOX, which the catalogue need not be asked for."""
        if name == INBOX:
            return None
        found = self._mailboxes.get((drop.account, name))
        if found is None:
            found = self._mailboxes[drop.account, name] = _mailbox(drop, name)
        return found

    def _check_room(self, drop: Maildrop, name: str, size: int) -> None:
        """With what this group has for the account already, which is not there yet."""
        if not room.is_limited(drop):
            return
        name = INBOX if name == INBOX else _mailbox(drop, name).name
        coming = dict(self._coming.get(drop.account, {}))
        coming[name] = coming.get(name, Usage()) + Usage(size, 1)
        room.check(drop, coming)
        self._coming[drop.account] = coming

    # Step 2: octets on stable storage.

    def _begin_flush(self, attempt: Attempt) -> None:
        if attempt.drop is not None and attempt.written is not None and attempt.written.octets is None:
            attempt.drop.layout.begin_flush(attempt.written)

    def _flush(self, attempt: Attempt) -> None:
        if attempt.drop is not None and attempt.written is not None and attempt.written.octets is None:
            attempt.drop.layout.flush(attempt.written)

    # Step 3: visible, with rows.

    def _publish(self) -> None:
        """Account by account, each committed at once, so that no lock is held longer than its account needs.

        With the locks of all accounts held until the last one was done, two workers with messages for the same fifty
        mailboxes did nothing but wait for each other. What fails late is taken back from accounts that have it
        already; accounts that failed before go first, so that this is not seen each time a client tries again.
        """
        for drop, attempts in self._by_account():
            alive = [attempt for attempt in attempts if attempt.status is None]
            if alive and not self._published(drop, alive):
                self._give_up_with_others()

    def _by_account(self) -> list[tuple[Maildrop, list[Attempt]]]:
        found: dict[str, tuple[Maildrop, list[Attempt]]] = {}
        for attempt in self._alive():
            if attempt.drop is not None:
                found.setdefault(attempt.drop.account, (attempt.drop, []))[1].append(attempt)
        suspects = self._shelf.suspects
        return sorted(found.values(), key=lambda one: one[0].account not in suspects)

    def _published(self, drop: Maildrop, attempts: list[Attempt]) -> bool:
        """All of one account: they fail together."""
        try:
            drop.layout.begin()
            drop.wrote = True
            drop.catalogue.begin()
            before = room.used_by(drop) if drop.surroundings.quota.warnings and room.limit_of(drop) else None
            self._add(drop, attempts)
            after = Usage() if before is None else room.used_by(drop)
            drop.catalogue.commit(len(attempts))
        except Exception as fault:
            drop.catalogue.roll_back()
            drop.catalogue.mailboxes.forget_keywords()
            drop.layout.undo()
            for attempt in attempts:
                attempt.row = None
                self._fail(attempt, fault)
            self._shelf.suspect(drop.account)
            return False
        self._shelf.suspects.discard(drop.account)
        if before is not None:
            self._note_filled(drop, before, after)
        return True

    def _note_filled(self, drop: Maildrop, before: Usage, after: Usage) -> None:
        limit = room.limit_of(drop)
        percent = drop.surroundings.quota.warning(limit, before, after)
        if percent is not None and not room.was_warned(drop, percent):
            self._filled[drop.account] = Filled(percent, limit, after)

    def _add(self, drop: Maildrop, attempts: list[Attempt]) -> None:
        by_mailbox: dict[int, list[Attempt]] = {}
        named: dict[str, MailboxRow] = {}
        for attempt in attempts:
            name = attempt.delivery.mailbox
            mailbox = attempt.mailbox = named.get(name) or named.setdefault(name, _mailbox(drop, name))
            by_mailbox.setdefault(mailbox.id, []).append(attempt)
        for coming in by_mailbox.values():
            target = coming[0].mailbox
            assert target is not None
            add_rows(drop, target, coming)

    # Step 4: names on stable storage.

    def _flush_places(self) -> None:
        flushed: dict[str, BaseException | None] = {}
        for attempt in self._alive():
            written, drop = attempt.written, attempt.drop
            if written is None or drop is None or written.octets is not None:
                continue
            place = drop.layout.place_of(written)
            if place is None:
                continue
            if place not in flushed:
                flushed[place] = _fault_of_flush(drop, place)
            fault = flushed[place]
            if fault is not None:
                self._fail(attempt, fault)
        self._give_up_with_others()

    # Step 5: what is small, all in one place.

    def _append_to_journal(self) -> None:
        entries = {
            id(attempt): entry for attempt in self._alive() if (entry := entry_of(attempt)) is not None
        }
        if not entries:
            return
        assert self._journal is not None
        try:
            self._journal.append(list(entries.values()))
        except OSError as fault:
            for attempt in self._attempts:
                if id(attempt) in entries:
                    self._fail(attempt, fault)
            self._give_up_with_others()

    # Step 6: copies for the ingest log.

    def _copy_to_ingest_log(self) -> None:
        """A message for many mailboxes once: by its octets, as in step 1."""
        ingest = self._shelf.surroundings.policies.ingest
        if ingest is None:
            return
        found: dict[tuple[int, bytes], tuple[NewMessage, list[tuple[str, str]]]] = {}
        for attempt in self._alive():
            message, mailbox = attempt.delivery.message, attempt.mailbox
            if mailbox is not None:
                key = (id(message.content.body), message.content.prefix)
                found.setdefault(key, (message, []))[1].append((attempt.delivery.account, mailbox.name))
        ingest.add([Accepted(message.content, message.queue_id, boxes) for message, boxes in found.values()])

    # When something goes wrong.

    def _each(self, step: Callable[[Attempt], None], attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            try:
                step(attempt)
            except Exception as fault:
                self._fail(attempt, fault)

    def _fail(self, attempt: Attempt, fault: BaseException) -> None:
        attempt.status = _status(fault, attempt.delivery)
        self._take_back(attempt)

    def _give_up_with_others(self) -> None:
        """Of an atomic unit none goes on when one has failed: all get its status."""
        failed: dict[int, Status] = {}
        for attempt in self._attempts:
            if attempt.status is not None and self._units[attempt.unit].atomic:
                failed.setdefault(attempt.unit, attempt.status)
        for attempt in self._attempts if failed else ():
            if attempt.unit in failed:
                attempt.status = failed[attempt.unit]
                self._take_back(attempt)

    def _take_back(self, attempt: Attempt) -> None:
        """Make an attempt's message invisible again; what it wrote, and others may share, goes at the end."""
        row, attempt.row = attempt.row, None
        if attempt.drop is None or row is None or attempt.mailbox is None or attempt.written is None:
            return
        attempt.drop.layout.abandon(attempt.written)
        try:
            attempt.drop.expunge_row(attempt.mailbox, row)
        except (OSError, apsw.Error, MailframeError):
            # The octets are gone, so the next look finds that the message is.
            log.failure("a row of {account} could not be taken back", account=attempt.drop.account)

    def _abandon(self) -> None:
        for attempt in self._attempts:
            if attempt.status is not None and attempt.written is not None and attempt.drop is not None:
                attempt.drop.layout.abandon(attempt.written)

    # The end.

    def _alive(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts if attempt.status is None]

    def _answers(self) -> list[Answer]:
        answers = [Answer([], set()) for _ in self._units]
        for attempt in self._attempts:
            status = attempt.status or OK
            metrics.count_outcome(status)
            answer = answers[attempt.unit]
            assert isinstance(answer.statuses, list)
            answer.statuses.append(status)
            if status.success:
                _tell(attempt)
                assert attempt.mailbox is not None
                answer.changed.add((attempt.delivery.account, attempt.mailbox.mailbox_id))
                filled = self._filled.pop(attempt.delivery.account, None)
                if filled is not None:
                    answer.filled[attempt.delivery.account] = filled
        return answers


def _fault_of_flush(drop: Maildrop, place: str) -> BaseException | None:
    try:
        drop.layout.flush_place(place)
    except OSError as fault:
        return fault
    return None


def _mailbox(drop: Maildrop, name: str) -> MailboxRow:
    mailboxes, name = drop.catalogue.mailboxes, canonical(name)
    # New mail goes nowhere where nobody sees it.
    found = mailboxes.named(INBOX if is_kept(name) else name) or mailboxes.named(INBOX)
    assert found is not None
    return found


def _status(fault: BaseException, delivery: Delivery) -> Status:
    if isinstance(fault, MailframeError):
        return fault.status
    status = storage_status(fault)
    fields: dict[str, Any] = {
        "queue_id": delivery.message.queue_id,
        "account": delivery.account,
        "mailbox": delivery.mailbox,
    }
    if status is None:
        log.failure("delivering {queue_id} to {account} failed", Failure(fault), **fields)
        return UNKNOWN_FAULT
    log.error("delivering {queue_id} to {account} failed: {fault}", fault=fault, **fields)
    return status


def _tell(attempt: Attempt) -> None:
    row, mailbox = attempt.row, attempt.mailbox
    assert row is not None
    assert mailbox is not None
    metrics.DELIVERED_OCTETS.inc(row.size)
    metrics.MESSAGE_OCTETS.observe(row.size)
    log.info(
        "delivered {queue_id} to {account} {mailbox} as {uid}, {size} octets",
        queue_id=attempt.delivery.message.queue_id,
        account=attempt.delivery.account,
        mailbox=mailbox.name,
        uid=row.uid,
        size=row.size,
    )
