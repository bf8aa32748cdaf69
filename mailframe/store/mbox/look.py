"""Taking in what other programs did to an mbox file. Blocking.

A file that is longer than it was, and unchanged where that can be seen at little cost (at its first and its last
known message), was appended to: only what is new is read. Any other change means that all of it is read, and that
each message is recognised: by its UID in the file, where the file's UIDVALIDITY is ours and the content that of
the UID, and else by its content.
"""

from __future__ import annotations

import errno
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import apsw
from twisted.logger import Logger

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import UID_MASK, MailboxRow, MessageRow, Packed, new_object_id, row_id
from mailframe.store.maildrop.maildrop import now, uids_of
from mailframe.store.values import Flags

from . import metrics
from .locking import MailboxLocked
from .octets import Spot, fingerprint, measured, pieces, shown_header
from .rewriting import finish_copies, forget_copies, unfinished_copies
from .tree import BEHIND, HOLES, LastLook, Tree
from .wire.scanning import NotMbox, Place, Read, begins_at, places

SHARE = 20
"""A file that must be read from its start is read again after this many times what it took: 5 % of the time."""

log = Logger()


class Unfinished(Exception):
    """Something has to be written to the file, which is locked for reading only."""


@dataclass(slots=True)
class Findings:
    """What a file has that the catalogue has not.

    Attributes:
        came: messages without a row.
        stayed: messages and their rows.
        went: rows without a message.
        whole: the whole file was read, so that `went` is known.
        holes: there is something that is no message any more.
    """

    came: list[Place] = field(default_factory=list)
    stayed: list[tuple[Place, MessageRow]] = field(default_factory=list)
    went: list[MessageRow] = field(default_factory=list)
    whole: bool = False
    holes: bool = False


def look(tree: Tree, mailbox: MailboxRow, force: bool = False) -> bool:
    """See `Layout.look`."""
    path = tree.file(mailbox)
    try:
        status = tree.files.status(path)
    except FileNotFoundError:
        tree.bring_back(mailbox)
        status = None
    if tree.is_known(mailbox, status) and not force:
        return False
    last = tree.looks.get(mailbox.id)
    if not force and last is not None and tree.files.monotonic() - last.when < SHARE * last.seconds:
        return False
    try:
        return _looked(tree, mailbox, False)
    except Unfinished:
        return _looked(tree, mailbox, True)
    except MailboxLocked as fault:
        # What is known can still be read.
        log.warn("{account} cannot be looked at: {fault}", account=tree.account, fault=fault)
    except apsw.FullError as fault:
        log.error("{account} cannot be looked at: {fault}", account=tree.account, fault=fault)
    return False


def _looked(tree: Tree, mailbox: MailboxRow, write: bool) -> bool:
    with tree.drop.writing():
        # Read again: another process may have renamed it.
        mailbox = tree.drop.current(mailbox.mailbox_id)
        with tree.locked(mailbox, write) as descriptor:
            changed = take_in(tree, mailbox.mailbox_id, descriptor, write)
    if changed:
        tree.drop.changed.add(mailbox.mailbox_id)
    return changed


def take_in(
    tree: Tree,
    mailbox_id: str,
    descriptor: int,
    write: bool = True,
    coming: Collection[int] = (),
) -> bool:
    """Bring the catalogue up to the file, which is locked. In a writing transaction.

    Args:
        write: it is locked for writing.
        coming: row ids of messages that are about to be appended.

    Returns:
        Whether the catalogue was changed.

    Raises:
        Unfinished: it must be locked for writing.
        OSError: it cannot be read, or is no mbox file.
    """
    mailbox = tree.drop.current(mailbox_id)
    status = tree.files.status_of(descriptor)
    if tree.is_known(mailbox, status):
        if write:
            forget_copies(tree, mailbox)
        return False
    if unfinished_copies(tree):
        # Somebody was interrupted in the middle of writing: what the file holds now is neither old nor new.
        if not write:
            raise Unfinished
        finish_copies(tree, mailbox, descriptor)
        status = tree.files.status_of(descriptor)
    taking = _Taking(tree, mailbox, descriptor, write, coming)
    findings = taking.findings(status.st_size)
    changed = taking.take(findings)
    bits = mailbox.settled & HOLES if not findings.whole else 0
    if findings.holes:
        bits |= HOLES
    if taking.behind or (mailbox.settled & BEHIND):
        bits |= BEHIND
    tree.note(mailbox_id, tree.files.status_of(descriptor), bits)
    return changed


class _Taking:
    """One look at a file.

    Attributes:
        behind: the file lacks something that the catalogue knows.
    """

    def __init__(
        self, tree: Tree, mailbox: MailboxRow, descriptor: int, write: bool, coming: Collection[int]
    ) -> None:
        self._tree = tree
        self._mailbox = mailbox
        self._descriptor = descriptor
        self._write = write
        self._coming = coming
        self._messages = tree.catalogue.messages
        self._read: Read = lambda count, offset: tree.files.read(descriptor, count, offset) if count else b""
        self._trusted = False
        # UIDs that another server may have given since we looked: from the first on, up to the last.
        self._first_free, self._last_uid = 1, 0
        self.behind = False

    # Reading.

    def findings(self, size: int) -> Findings:
        """What the file has."""
        known = self._mailbox.cur_time
        if self._mailbox.new_time and known and size > known and self._is_as_it_was(known, size):
            try:
                came, holes = self._places(known, size)
                return Findings(came, holes=holes)
            except NotMbox:
                pass
        return self._all(size)

    def _all(self, size: int) -> Findings:
        started = self._tree.files.monotonic()
        metrics.READ_WHOLE.inc()
        try:
            found, holes = self._places(0, size)
        except NotMbox as fault:
            raise OSError(errno.EBADMSG, str(fault), self._tree.file(self._mailbox)) from fault
        findings = self._matched(found)
        findings.holes |= holes
        ended = self._tree.files.monotonic()
        self._tree.looks[self._mailbox.id] = LastLook(ended, ended - started)
        return findings

    def _is_as_it_was(self, known: int, size: int) -> bool:
        """Do the first and the last known message begin where they began, and something new behind them?"""
        coming = {id_ & UID_MASK for id_ in self._coming}
        uids = [uid for uid in self._messages.uids(self._mailbox) if uid not in coming]
        for uid in {uids[0], uids[-1]} if uids else ():
            row = self._messages.row(self._mailbox, uid)
            if row is None or self._fingerprint(Spot.of(row.info)) != row.file:
                return False
        start = known
        while self._read(1, start) in (b"\n", b"\r"):
            start += 1
        return begins_at(self._read, start, size) or self._is_empty(start, size)

    def _places(self, start: int, size: int) -> tuple[list[Place], bool]:
        """Whole messages from an offset on; and whether there is something else, which is left out."""
        found, holes = [], False
        try:
            for place in places(self._read, start, size):
                if place.appending and not self._write:
                    raise Unfinished
                if place.finished:
                    found.append(place)
                elif place.end == size:
                    self._cut(place.offset)
                else:
                    holes = True
        except NotMbox as fault:
            if not self._is_empty(fault.offset, size):
                raise
            self._cut(fault.offset)
        self._finish(found)
        return found, holes

    def _is_empty(self, start: int, size: int) -> bool:
        """Are there only octets of zero, as a crash leaves them where a file was made longer?"""
        while start < size:
            octets = self._read(min(1 << 16, size - start), start)
            if octets.strip(b"\0"):
                return False
            start += len(octets)
        return True

    def _cut(self, offset: int) -> None:
        """What a crash has left of a message that nobody was told of."""
        if not self._write:
            raise Unfinished
        self._tree.files.resize(self._descriptor, offset)
        log.warn(
            "the beginning of a message that a crash has left in {mailbox} of {account} is removed",
            mailbox=self._mailbox.name, account=self._tree.account,
        )  # fmt: skip

    def _finish(self, found: Iterable[Place]) -> None:
        for place in found:
            if place.appending:
                self._tree.files.write_at(self._descriptor, [b"F"], place.offset)

    # Recognising.

    def _matched(self, found: list[Place]) -> Findings:
        findings = Findings(whole=True)
        rows = [row for row in self._messages.rows(self._mailbox) if row.id not in self._coming]
        self._trust(found, rows)
        found = [place for place in found if not place.marks.pseudo]
        left = {row.uid: row for row in rows}
        uids = set(left)
        prints = {place.offset: self._fingerprint(self._spot(place)) for place in found}
        matches: dict[int, MessageRow] = {}
        last = 0
        for place in found if self._trusted else ():
            row = left.get(place.marks.uid)
            if row is not None and row.uid > last and row.file == prints[place.offset]:
                matches[place.offset] = left.pop(row.uid)
                last = row.uid
        by_content: dict[str, deque[MessageRow]] = defaultdict(deque)
        for row in left.values():
            by_content[row.file].append(row)
        for place in found:
            waiting = by_content[prints[place.offset]]
            row = matches.get(place.offset) or (waiting.popleft() if waiting else None)
            if row is None and place.marks.uid not in uids and self._was_removed(place):
                findings.holes = True
            elif row is None:
                findings.came.append(place)
            else:
                findings.stayed.append((place, row))
                left.pop(row.uid, None)
        findings.went.extend(left.values())
        return findings

    def _was_removed(self, place: Place) -> bool:
        """Is it a message that we have removed, and that is only not out of the file yet?

        Never one that came behind what we know: a sender may have put any UID into it.
        """
        removing = self._mailbox.settled & HOLES and place.offset < self._mailbox.cur_time
        return bool(removing and self._trusted and 0 < place.marks.uid < self._first_free)

    def _trust(self, found: Sequence[Place], rows: Sequence[MessageRow]) -> None:
        """Are UIDs in the file ours? A mailbox that never had messages takes UIDVALIDITY and UIDs from its file."""
        base = found[0].marks.base if found else None
        if base is None:
            self.behind = bool(found)
            return
        mailboxes = self._tree.catalogue.mailboxes
        if not rows and self._mailbox.uidnext == 1 and base.uidvalidity != self._mailbox.uidvalidity:
            mailbox = self._mailbox
            mailboxes.identify(mailbox, mailbox.mailbox_id, base.uidvalidity, mailbox.special_use)
            self._mailbox = self._tree.drop.current(mailbox.mailbox_id)
        self._trusted = base.uidvalidity == self._mailbox.uidvalidity
        self.behind = not self._trusted
        if self._trusted:
            self._last_uid = base.last_uid
            mailboxes.advance(self._mailbox, base.last_uid + 1, self._mailbox.modseq)
            self._first_free = self._mailbox.uidnext
            self._mailbox = self._tree.drop.current(self._mailbox.mailbox_id)

    # Taking in.

    def take(self, findings: Findings) -> bool:
        """Change the catalogue; whether there was anything."""
        mailboxes = self._tree.catalogue.mailboxes
        if findings.went:
            modseq = mailboxes.next_modseq(self._mailbox)
            self._messages.expunge(self._mailbox, uids_of(findings.went), modseq)
        flagged = self._take_flags(findings.stayed)
        if findings.came:
            self._take_messages(findings.came)
        if findings.came or findings.went:
            log.info(
                "other programs put {came} messages into {account} {mailbox} and took {went} away",
                came=len(findings.came), went=len(findings.went), account=self._tree.account,
                mailbox=self._mailbox.name,
            )  # fmt: skip
        return bool(findings.came or findings.went or flagged)

    def _take_flags(self, stayed: Sequence[tuple[Place, MessageRow]]) -> bool:
        keywords = self._tree.catalogue.mailboxes.keywords(self._mailbox)
        infos: list[tuple[int, str | None]] = []
        changes: list[tuple[int, Packed, str | None]] = []
        for place, row in stayed:
            before, spot = Spot.of(row.info), self._spot(place)
            if place.marks.uid != row.uid:
                self.behind = True
            if spot.state != before.state:
                packed = self._packed(keywords, place)
                if packed != (row.flags, row.keywords):
                    changes.append((row.id, packed, spot.info))
            if spot != before:
                infos.append((row.id, spot.info))
        self._messages.set_infos(infos)
        if changes:
            self._messages.set_flags(self._tree.catalogue.mailboxes.next_modseq(self._mailbox), changes)
        return bool(changes)

    def _take_messages(self, came: Sequence[Place]) -> None:
        mailboxes = self._tree.catalogue.mailboxes
        keywords = mailboxes.keywords(self._mailbox)
        uidnext = self._mailbox.uidnext
        fresh, uids = uidnext, []
        last = 0
        for place in came:
            uid = place.marks.uid
            if self._first_free <= uid <= self._last_uid and uid > last:
                # Another IMAP server gave it since we looked, or before we ever did.
                uids.append(uid)
                last = uid
            else:
                self.behind = self.behind or uid != fresh
                uids.append(fresh)
                fresh += 1
        modseq = mailboxes.take_uids(self._mailbox, fresh - uidnext)[1]
        saved = now()
        rows = []
        for uid, place in zip(uids, came, strict=True):
            spot = self._spot(place)
            header = self._shown(spot)
            body = pieces(self._read, spot.body_offset, spot.end)
            form, size = measured(header, body)
            flags, packed = self._packed(keywords, place)
            rows.append(
                MessageRow(
                    row_id(self._mailbox, uid), self._mailbox.id, modseq, flags, packed, place.date, size, saved,
                    new_object_id("M"), "", fingerprint(header, spot.body), spot.info, len(header) + spot.body, form,
                )
            )  # fmt: skip
        self._messages.add(rows)

    def _packed(self, keywords: Keywords, place: Place) -> Packed:
        flags: Flags = place.marks.flags | frozenset(place.marks.keywords)
        try:
            return keywords.pack(keywords.spell(flags))
        except MailframeError:
            return keywords.pack(keywords.known(flags))

    # Octets.

    def _spot(self, place: Place) -> Spot:
        marks = place.marks
        return Spot(place.offset, place.separator, 0, place.header, place.body, marks.uid, marks.state)

    def _shown(self, spot: Spot) -> bytes:
        return shown_header(self._read(spot.header, spot.text), spot.block)

    def _fingerprint(self, spot: Spot) -> str:
        return fingerprint(self._shown(spot), spot.body)
