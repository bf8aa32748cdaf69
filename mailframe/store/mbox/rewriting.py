"""Giving an mbox file another content: removed messages go, UIDs and flags are written. Blocking.

The new content is written into a file beside the old one, flushed, and renamed into its place: after a crash there
is the old or the new file. Where no file can be made in that directory (a mail spool), where the owner could not
be kept, or where the file has several names, or when it is so configured, it is done in the file: the new content
is first written into a *copy* in the account's index directory and flushed there, with a note that says what it is
for; then it is copied into the file, which is flushed before the copy goes. After a crash in between, whoever
opens the account finishes that. What other programs may have appended meanwhile is kept.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from twisted.logger import Logger

from mailframe.store.catalogue.rows import MailboxRow, MessageRow

from .marking import Marking
from .octets import Spot, shown_header
from .tree import Tree
from .wire.fields import HEADER_LIMIT, Marks, compose, header_length, parse, shown

COPY_PREFIX = "rewriting-"
_NOTE = 4096
_BLANK = 64 * 1024
_OLD_SECONDS = 36 * 3600
_NOT_HERE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV, errno.EBUSY)

log = Logger()


def rewrite(tree: Tree, mailbox: MailboxRow, descriptor: int) -> None:
    """Write what the catalogue has. In a writing transaction; the file is locked for writing and taken in.

    Raises:
        OSError: it could not be done; the file is as it was.
    """
    work = _Rewriting(tree, mailbox, descriptor)
    if not work.plan():
        tree.note(mailbox.mailbox_id, tree.files.status_of(descriptor), 0)
        return
    if work.kept_to is not None:
        tree.files.resize(descriptor, work.kept_to)
        tree.files.flush(descriptor)
        status = tree.files.status_of(descriptor)
    else:
        status = _replaced(tree, mailbox, descriptor, work)
    tree.catalogue.messages.set_infos(work.infos)
    tree.note(mailbox.mailbox_id, status, 0)


class _Rewriting:
    """The new content of one file.

    Attributes:
        infos: of all messages that lie elsewhere, or otherwise, then.
        kept_to: nothing has to be written: the file ends here now.
    """

    def __init__(self, tree: Tree, mailbox: MailboxRow, descriptor: int) -> None:
        self._tree = tree
        self._files = tree.files
        self._source = descriptor
        self._marking = Marking(tree, mailbox)
        self._size = tree.files.status_of(descriptor).st_size
        # By UID: where another program has put a message before those with lower UIDs, it goes behind them.
        self._rows = [(row, Spot.of(row.info)) for row in tree.catalogue.messages.rows(mailbox)]
        self._internal = self._internal_message()
        self.infos: list[tuple[int, str | None]] = []
        self.kept_to: int | None = None

    def plan(self) -> bool:
        """Is there anything to do?"""
        at = self._internal[0]
        for number, (row, spot) in enumerate(self._rows):
            first = number == 0 and not at
            if (
                spot.offset != at
                or not self._marking.is_right(row, spot)
                or (first and not self._has_base(spot))
            ):
                return True
            at = spot.end + 1
        if at > self._size:
            return True
        if at < self._size:
            self.kept_to = at
        return at != self._size

    def write(self, target: int, start: int) -> int:
        """Write the content into another file; where it ends.

        Args:
            target: the file.
            start: where in it the content begins.
        """
        at = 0
        length, marks = self._internal
        if length:
            at = self._write_internal(target, start, length, marks)
        run_start, run_end, run_at = 0, 0, at
        for number, (row, spot) in enumerate(self._rows):
            first = number == 0 and not length
            if self._marking.is_right(row, spot) and (not first or self._has_current_base(spot)):
                if spot.offset != run_end:
                    self._copy_run(target, start + run_at, run_start, run_end)
                    run_start, run_at = spot.offset, at
                run_end = spot.end + 1
                if spot.offset != at:
                    self.infos.append((row.id, spot._replace(offset=at).info))
                at += run_end - spot.offset
                continue
            self._copy_run(target, start + run_at, run_start, run_end)
            at = self._write_one(target, start, at, row, spot, first)
            run_start, run_end, run_at = 0, 0, at
        self._copy_run(target, start + run_at, run_start, run_end)
        return start + at

    def _copy_run(self, target: int, target_offset: int, start: int, end: int) -> None:
        """Messages that lie one behind the other, and only move. The blank line behind the last may be missing."""
        count = min(end, self._size) - start
        if count > 0:
            self._files.copy(self._source, start, target, target_offset, count)
            if end > self._size:
                self._files.write_at(target, [b"\n"], target_offset + count)

    def _write_one(self, target: int, start: int, at: int, row: MessageRow, spot: Spot, first: bool) -> int:
        head = self._files.read(self._source, spot.separator + spot.header, spot.offset)
        line = head[: spot.separator].rstrip(b"\r\n") + b"\n"
        header = shown_header(head[spot.separator :], spot.block)
        marks = self._marking.marks(row, spot.body, first)
        block = compose(marks)
        new = Spot(at, len(line), len(block), len(block) + len(header), spot.body, row.uid, marks.state)
        self._files.write_at(target, [line, block, header], start + at)
        self._files.copy(self._source, spot.body_offset, target, start + new.body_offset, spot.body)
        self._files.write_at(target, [b"\n"], start + new.end)
        self.infos.append((row.id, new.info))
        return new.end + 1

    # The first message.

    def _has_base(self, spot: Spot) -> bool:
        """Does the first message tell UIDVALIDITY?"""
        block = self._files.read(self._source, spot.block, spot.text)
        base = parse(block + b"\n").base
        return base is not None and base.uidvalidity == self._marking.base().uidvalidity

    def _has_current_base(self, spot: Spot) -> bool:
        block = self._files.read(self._source, spot.block, spot.text)
        return parse(block + b"\n").base == self._marking.base()

    def _internal_message(self) -> tuple[int, Marks]:
        """How long UW-IMAP's first message is, which is no mail and stays; 0 where there is none."""
        first = min((spot.offset for _, spot in self._rows), default=self._size)
        head = self._files.read(self._source, HEADER_LIMIT, 0) if first else b""
        text = head.find(b"\n") + 1
        marks = parse(head[text : text + header_length(head[text:])])
        return (first, marks) if first and marks.pseudo else (0, Marks())

    def _write_internal(self, target: int, start: int, length: int, marks: Marks) -> int:
        head = self._files.read(self._source, min(HEADER_LIMIT, length), 0)
        text = head.find(b"\n") + 1
        end = text + header_length(head[text:])
        base = self._marking.base()
        words = " ".join([f"{base.uidvalidity:010d}", f"{base.last_uid:010d}", *base.keywords])
        header = f"X-IMAP: {words}\nStatus: RO\n".encode() + shown(head[text:end])
        self._files.write_at(target, [head[:text], header], start)
        self._files.copy(self._source, end, target, start + text + len(header), length - end)
        return text + len(header) + length - end


def _replaced(tree: Tree, mailbox: MailboxRow, descriptor: int, work: _Rewriting) -> os.stat_result:
    """Put the new content in the place of the old one; what the file is like then."""
    status = tree.files.status_of(descriptor)
    path = os.path.realpath(tree.file(mailbox))
    if not tree.place.in_place and status.st_nlink == 1:
        try:
            return _renamed(tree, path, status, work)
        except OSError as fault:
            if fault.errno not in _NOT_HERE:
                raise
            work.infos.clear()
    return _copied(tree, path, descriptor, status, work)


def _renamed(tree: Tree, path: str, status: os.stat_result, work: _Rewriting) -> os.stat_result:
    files = tree.files
    temporary = f"{os.path.dirname(path)}/.{tree.place.names.next()}"
    target = files.make(temporary)
    try:
        files.like(target, status)
        work.write(target, 0)
        files.flush(target)
        files.rename(temporary, path)
        files.flush_directory(os.path.dirname(path))
        return files.status_of(target)
    except BaseException:
        with suppress(OSError):
            files.unlink(temporary)
        raise
    finally:
        files.close(target)


def _copied(
    tree: Tree, path: str, descriptor: int, status: os.stat_result, work: _Rewriting
) -> os.stat_result:
    files = tree.files
    name = f"{tree.index}/{COPY_PREFIX}{tree.place.names.next()}"
    copy = files.make(name)
    try:
        size = work.write(copy, _NOTE) - _NOTE
        if size > status.st_size:
            # Made longer before anything else: what comes behind this end, whenever, is somebody else's.
            files.resize(descriptor, size)
            files.flush(descriptor)
        files.flush(copy)
        # Only with its note the copy is one that is to be finished, so the octets are on the disk before.
        note = {"path": path, "inode": status.st_ino, "old": status.st_size, "new": size}
        _write_note(tree, copy, note)
        files.flush_directory(tree.index)
    except BaseException:
        with suppress(OSError):
            files.unlink(name)
        with suppress(OSError):
            files.resize(descriptor, status.st_size)
        files.close(copy)
        raise
    try:
        _copy_back(tree, copy, descriptor, note)
        _finished(tree, name, descriptor, note)
    finally:
        files.close(copy)
    return files.status_of(descriptor)


def _write_note(tree: Tree, copy: int, note: Mapping[str, Any]) -> None:
    text = json.dumps(note).encode()
    if len(text) >= _NOTE:
        raise OSError(errno.ENAMETOOLONG, "the path is too long", note["path"])
    tree.files.write_at(copy, [text.ljust(_NOTE)], 0)
    tree.files.flush(copy)


def _copy_back(tree: Tree, copy: int, descriptor: int, note: dict[str, Any]) -> None:
    """Put the copy's octets into the file, and behind them what others have appended since it was begun.

    The file is as long afterwards as it was, with blank lines at its end: while there is a copy, what is behind the
    old end is somebody else's.
    """
    files, size = tree.files, note["new"]
    end = max(note["old"], size)
    appended = files.status_of(descriptor).st_size - end
    if appended > 0:
        files.copy(descriptor, end, copy, _NOTE + size, appended)
        files.flush(copy)
        size += appended
        note.update(old=end + appended, new=size)
        _write_note(tree, copy, note)
    files.copy(copy, _NOTE, descriptor, 0, size)
    for offset in range(size, note["old"], _BLANK):
        files.write_at(descriptor, [b"\n" * min(_BLANK, note["old"] - offset)], offset)
    files.flush(descriptor)


def _finished(tree: Tree, name: str, descriptor: int, note: Mapping[str, Any]) -> None:
    """The copy goes, durably, so that it is never put back over what comes later; then the blank lines."""
    tree.files.unlink(name)
    tree.files.flush_directory(tree.index)
    if note["new"] < note["old"]:
        tree.files.resize(descriptor, note["new"])
        tree.files.flush(descriptor)


def unfinished_copies(tree: Tree) -> list[str]:
    """Copies that were made, and perhaps not yet copied back."""
    if not tree.files.exists(tree.index):
        return []
    return [name for name in tree.files.names(tree.index) if name.startswith(COPY_PREFIX)]


def finish_copies(tree: Tree, mailbox: MailboxRow, descriptor: int) -> None:
    """Finish what a crash or a fault has interrupted.

    Args:
        tree: the account's.
        mailbox: whose copies.
        descriptor: its file, locked for writing.

    Raises:
        OSError: it could not be done; it can be tried again.
    """
    for name, copy, note in _copies_of(tree, mailbox):
        if tree.files.status_of(descriptor).st_ino == note["inode"]:
            log.warn("writing of {path} is finished, which was interrupted", path=note["path"])
            _copy_back(tree, copy, descriptor, note)
            _finished(tree, name, descriptor, note)
        else:
            tree.files.unlink(name)


def forget_copies(tree: Tree, mailbox: MailboxRow) -> None:
    """Remove copies of a file that was not changed since: whoever made them was interrupted before that.

    They must not be put back when it was. The file is locked for writing.

    Raises:
        OSError: it could not be done.
    """
    for name, _, _ in _copies_of(tree, mailbox):
        tree.files.unlink(name)
        tree.files.flush_directory(tree.index)


def _copies_of(tree: Tree, mailbox: MailboxRow) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """A mailbox's copies: the path, open, and the note of each."""
    names = unfinished_copies(tree)
    path = os.path.realpath(tree.file(mailbox)) if names else ""
    for name in names:
        copy = tree.files.open_for_change(f"{tree.index}/{name}")
        try:
            note = _read_note(tree, copy)
            if note is not None and note["path"] == path:
                yield f"{tree.index}/{name}", copy, note
        finally:
            tree.files.close(copy)


def sweep_copies(tree: Tree) -> None:
    """Remove copies that never got their note, and are old enough to be nobody's."""
    for name in unfinished_copies(tree):
        path = f"{tree.index}/{name}"
        with suppress(OSError):
            copy = tree.files.open_for_change(path)
            try:
                note = _read_note(tree, copy)
            finally:
                tree.files.close(copy)
            if note is None and tree.files.status(path).st_mtime < tree.files.now() - _OLD_SECONDS:
                tree.files.unlink(path)


def _read_note(tree: Tree, copy: int) -> dict[str, Any] | None:
    try:
        note = json.loads(tree.files.read(copy, _NOTE, 0).rstrip(b"\0 ") or b"null")
    except ValueError:
        return None
    return note if isinstance(note, dict) else None
