"""Looking at a mailbox's directories: what other programs delivered, moved, flagged and removed is taken in.

The times of ``new/`` and ``cur/`` tell, for two system calls, that nothing happened. Times are coarse: a change in
the same instant as the one we know of leaves the time as it is. So a time that was fresh when it was read does not
count as settled, and the directory is listed once more later. Listing is bounded to a small share of the time, so
that a large mailbox which another program changes all the time does not keep a thread busy.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Mapping

import apsw
from twisted.logger import Logger

from mailframe.message.status import MailframeError
from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import UID_MASK, FileRow, MailboxRow, MessageRow, new_object_id, row_id
from mailframe.store.line_ends import Form
from mailframe.store.line_ends import look as look_at_octets
from mailframe.store.maildrop.maildrop import now
from mailframe.store.values import SYSTEM_FLAGS, Flags

from . import adopting, filenames, listing
from .adopting import Came
from .beside import numbering
from .folders import TMP
from .foreign import Foreign
from .letters import Letters
from .reading import pieces_of
from .tree import IN_BOTH, IN_CUR, IN_NEW, LastLook, Tree

log = Logger()

SETTLED_NANOSECONDS = 1_000_000_000
"""Older times are settled; file systems have grains of some milliseconds, some network ones of a second."""
SHARE = 20
"""A directory in change is listed again after this many times what listing it took: 5 % of the time."""
UNSETTLED_SHARE = 1000
"""The same for one that is only not settled, and `UNSETTLED_SECONDS` at least."""
UNSETTLED_SECONDS = 5.0
OLD_SECONDS = 36 * 3600
"""Files in ``tmp/`` older than this were left by a crash; the Maildir page gives a writer 36 hours."""


def look(tree: Tree, mailbox: MailboxRow, force: bool = False) -> bool:
    """Take in what happened to the directories, where their times say that something may have.

    Args:
        force: look whatever the times say: a file was not where it should be.

    Returns:
        Whether the catalogue was changed; the caller reads its row again.
    """
    times = tree.times(mailbox)
    directories = IN_BOTH if force else _suspicious(mailbox, times)
    if not directories or not (force or _is_due(tree, mailbox, times)):
        return False
    started = time.monotonic()
    try:
        changed = _looked(tree, mailbox, force)
    except apsw.FullError as fault:
        # What is known can still be read; what is new is taken in when there is room again.
        log.error("{account} cannot be looked at: {fault}", account=tree.account, fault=fault)
        changed = False
    tree.looks[mailbox.id] = LastLook(time.monotonic(), time.monotonic() - started)
    if changed:
        tree.drop.changed.add(mailbox.mailbox_id)
    return changed


def _looked(tree: Tree, mailbox: MailboxRow, force: bool) -> bool:
    with tree.drop.writing():
        # Read again under the lock: a delivery of our own may have been between its rename and its commit.
        mailbox = tree.drop.current(mailbox.mailbox_id)
        times = tree.times(mailbox)
        # Its directories may have been found elsewhere.
        mailbox = tree.drop.current(mailbox.mailbox_id)
        directories = IN_BOTH if force else _suspicious(mailbox, times)
        return bool(directories) and _look(tree, mailbox, directories, times)


def _suspicious(mailbox: MailboxRow, times: tuple[int, int]) -> int:
    """The directories that must be listed."""
    suspicious = IN_BOTH & ~mailbox.settled
    if times[0] != mailbox.new_time:
        suspicious |= IN_NEW
    if times[1] != mailbox.cur_time:
        suspicious |= IN_CUR
    return suspicious


def _is_due(tree: Tree, mailbox: MailboxRow, times: tuple[int, int]) -> bool:
    return _wait(tree, mailbox, times) <= 0


def _wait(tree: Tree, mailbox: MailboxRow, times: tuple[int, int]) -> float:
    """Seconds until the directories may be listed again."""
    last = tree.looks.get(mailbox.id)
    if last is None:
        return 0.0
    if times != (mailbox.new_time, mailbox.cur_time):
        wait = SHARE * last.seconds
    else:
        wait = max(UNSETTLED_SECONDS, UNSETTLED_SHARE * last.seconds)
    return last.when + wait - time.monotonic()


def next_look(tree: Tree, mailbox: MailboxRow) -> float | None:
    """Seconds until a look may find more than those before; None: not until something happens.

    Args:
        mailbox: as read after the last look.
    """
    times = tree.times(mailbox)
    return max(0.0, _wait(tree, mailbox, times)) if _suspicious(mailbox, times) else None


def _look(tree: Tree, mailbox: MailboxRow, directories: int, times: tuple[int, int]) -> bool:
    names = listing.files(tree, mailbox, "new")
    if listing.put_right(tree, mailbox, names):
        directories = IN_BOTH
    if directories == IN_NEW:
        findings = listing.in_new(tree, mailbox, names)
        if findings.went:
            # Another program moved them to cur/, or removed them.
            directories = IN_BOTH
    if directories & IN_CUR:
        findings = listing.in_both(tree, mailbox)
        _sweep(tree, mailbox)
    _take_in(tree, mailbox, findings)
    fresh = time.time_ns() - SETTLED_NANOSECONDS
    settled = mailbox.settled & ~(directories | adopting.PENDING)
    if times[0] < fresh:
        settled |= directories & IN_NEW
    if times[1] < fresh:
        settled |= directories & IN_CUR
    if (*times, settled) != (mailbox.new_time, mailbox.cur_time, mailbox.settled):
        tree.catalogue.mailboxes.set_times(mailbox, *times, settled)
    return bool(findings)


def _take_in(tree: Tree, mailbox: MailboxRow, findings: listing.Findings) -> None:
    if findings.went:
        modseq = tree.catalogue.mailboxes.next_modseq(mailbox)
        uids = [row.id & UID_MASK for row in findings.went]
        tree.catalogue.messages.expunge(mailbox, uids, modseq)
        log.info(
            "{count} messages of {account} {mailbox} are gone from the disk",
            count=len(uids), account=tree.account, mailbox=mailbox.name,
        )  # fmt: skip
    if findings.flagged:
        _take_flags(tree, mailbox, findings.flagged)
    if findings.came:
        _take_files(tree, mailbox, findings.came)


def _take_flags(tree: Tree, mailbox: MailboxRow, flagged: list[tuple[FileRow, str | None]]) -> None:
    messages = tree.catalogue.messages
    changes = []
    for row, info in flagged:
        # In new/ a file has no flags yet; what the catalogue has of it stays.
        flags = row.flags if info is None else filenames.flags_of(info)
        packed = (flags, _keywords(tree, mailbox, row, info))
        if packed != (row.flags, row.keywords):
            changes.append((row.id, packed, info))
    messages.set_infos((row.id, info) for row, info in flagged)
    if changes:
        messages.set_flags(tree.catalogue.mailboxes.next_modseq(mailbox), changes)


def _keywords(tree: Tree, mailbox: MailboxRow, row: FileRow, info: str | None) -> bytes | None:
    """The keywords of a message whose file has another name now."""
    if info is None or not tree.place.keyword_letters:
        return row.keywords
    words = tree.catalogue.mailboxes.keywords(mailbox)
    before = words.unpack(row.flags, row.keywords) - SYSTEM_FLAGS
    after = Letters.of(tree).changed(mailbox, before, row.info, info)
    return row.keywords if after == before else _packed(words, after)


def _packed(keywords: Keywords, words: Flags) -> bytes | None:
    try:
        return keywords.pack(keywords.spell(words))[1]
    except MailframeError:
        # More than a mailbox may have here; those that it has already are kept.
        return keywords.pack(keywords.known(words))[1]


def _take_files(tree: Tree, mailbox: MailboxRow, came: list[tuple[str, str | None]]) -> None:
    foreign = adopting.knowledge(tree, mailbox) if adopting.is_pending(mailbox) else None
    found = list(_found(tree, mailbox, came, foreign))
    if not found:
        return
    with numbering(tree, mailbox) as listed:
        if foreign is not None:
            adopting.take_over(tree, mailbox, foreign, found)
        else:
            _add(tree, mailbox, found, listed)
    log.info(
        "{count} messages of {account} {mailbox} were put there by another program",
        count=len(found), account=tree.account, mailbox=mailbox.name,
    )  # fmt: skip


def _found(
    tree: Tree, mailbox: MailboxRow, came: list[tuple[str, str | None]], foreign: Foreign | None
) -> Iterator[Came]:
    """What is to be known of files, in the order that they came."""
    listed = {} if foreign is None else foreign.sizes()
    if foreign is None:
        # Else the names are those that the other program's lists have.
        came = listing.with_short_names(tree, mailbox, came)
    for file, info in sorted(came, key=lambda each: filenames.order(each[0])):
        path = listing.path_of(tree, mailbox, file, info)
        try:
            status = tree.files.status(path)
            if not stat.S_ISREG(status.st_mode):
                # A link could lead to somebody else's mail, and a FIFO or a device to no end.
                log.warn("{path} is no file, and no message", path=path)
                continue
            date = status.st_mtime_ns // 1_000_000_000
            yield Came(file, info, date, _sizes(tree, path, filenames.sizes(file) or listed.get(file)))
        except FileNotFoundError:
            continue
        except OSError as fault:
            # One unreadable file must not hide all others; it is tried again at the next change.
            log.error("{path} cannot be read: {fault}", path=path, fault=fault)
            if foreign is not None and foreign.has(file):
                # Later it could not have its UID any more: others will have been told of higher ones.
                yield Came(file, info, filenames.order(file)[0], (0, 0, None))


def _add(tree: Tree, mailbox: MailboxRow, found: list[Came], listed: Mapping[str, int]) -> None:
    """Give rows to files.

    Args:
        listed: new UIDs that another program has given them.
    """
    others = [one for one in found if one.file not in listed]
    uid, modseq = tree.catalogue.mailboxes.take_uids(mailbox, len(others))
    uids = {one.file: uid + number for number, one in enumerate(others)} | dict(listed)
    saved, keywords = now(), _told_keywords(tree, mailbox, found)
    tree.catalogue.messages.add(
        MessageRow(
            row_id(mailbox, uids[one.file]), mailbox.id, modseq, filenames.flags_of(one.info or ""),
            keywords.get(one.file),
            one.date, one.sizes[1], saved, new_object_id("M"), "", one.file, one.info, one.sizes[0], one.sizes[2],
        )
        for one in found
    )  # fmt: skip


def _told_keywords(tree: Tree, mailbox: MailboxRow, found: list[Came]) -> dict[str, bytes | None]:
    """Keywords that names of files tell, by file."""
    if not tree.place.keyword_letters:
        return {}
    words, letters = tree.catalogue.mailboxes.keywords(mailbox), Letters.of(tree)
    told = {one.file: letters.words(mailbox, one.info) for one in found}
    return {file: _packed(words, each) for file, each in told.items() if each}


def _sizes(tree: Tree, path: str, told: tuple[int, int] | None) -> tuple[int, int, Form | None]:
    """Size on disk, size with CRLF, form; being told both sizes saves reading the file now."""
    if told is not None:
        disk_size, size = told
        return disk_size, size, Form.VERBATIM if disk_size == size else None
    form, size = look_at_octets(pieces_of(tree.files, path))
    return tree.files.size(path), size, form


def _sweep(tree: Tree, mailbox: MailboxRow) -> None:
    """Remove what crashed writers have left in tmp/."""
    folder = f"{tree.folder(mailbox)}/{TMP}"
    try:
        names = tree.files.names(folder)
    except FileNotFoundError:
        # Empty ones look like something to tidy away; the next writer makes it again.
        return
    for name in names:
        path = f"{folder}/{name}"
        try:
            if tree.files.time(path) < time.time_ns() - OLD_SECONDS * 1_000_000_000:
                tree.files.remove_tree(path) if name.startswith("deleted-") else tree.files.unlink(path)
        except OSError as fault:
            log.warn("{path} cannot be swept: {fault}", path=path, fault=fault)
