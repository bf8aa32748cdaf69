"""A tree of Maildir++ folders, with what Dovecot or Courier keep beside them, as a source and as a target."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from mailframe.dialogue.spill import Spill
from mailframe.message.content import Content
from mailframe.store.adoption import dovecot_keywords, subscriptions, uidlist
from mailframe.store.adoption.broken import BrokenFile
from mailframe.store.catalogue.keywords import pack_system, unpack_system
from mailframe.store.directories import encode_utf7
from mailframe.store.maildir.filenames import flags_of, info_for, order, split
from mailframe.store.maildir.folders import folder_of, mailbox_of
from mailframe.store.values import INBOX, SEPARATOR, SYSTEM_FLAGS, TakenMailbox, TakenMessage
from mailframe.transfer.values import Folder, Known, TransferError

from .files import NewDirectory, pieces, small
from .line_ends import to_crlf, to_lf

_UID_LISTS = ("dovecot-uidlist", "courierimapuiddb")


class MaildirSource:
    """A tree that nobody writes to while it is read; it is not changed. See `Source`.

    Args:
        path: its INBOX, in which the other folders lie.

    Raises:
        TransferError: it is none.
    """

    def __init__(self, path: Path) -> None:
        if not (path / "cur").is_dir():
            raise TransferError(f"{path} is no Maildir: it has no directory cur.")
        self._path = path

    def folders(self) -> Iterator[Folder]:
        """See `Source.folders`."""
        yield self._folder(self._path, INBOX)
        for place in sorted(self._path.iterdir()):
            name = mailbox_of(place.name)
            if name is not None and (place / "cur").is_dir():
                yield self._folder(place, name)

    def messages(self, folder: Folder, known: Known) -> Iterator[TakenMessage]:
        """See `Source.messages`."""
        place = Path(folder.key)
        letters = dovecot_keywords.read(small(place / "dovecot-keywords") or b"")
        uids = self._uids(place)
        found = self._files(place)
        records = {record.file: record for record in uids.records} if uids is not None else {}
        listed = sorted((file for file in found if file in records), key=lambda file: records[file].uid)
        # What no program has given a UID yet comes last, in the order it came.
        uid = uids.uidnext if uids is not None else 0
        for file in [*listed, *sorted(found.keys() - records.keys(), key=order)]:
            record = records.get(file)
            number = record.uid if record is not None else uid
            uid += uids is not None and record is None
            message = self._message(found[file], number, number < known.below, letters)
            if message is not None:
                yield message

    def subscriptions(self) -> frozenset[str] | None:
        """See `Source.subscriptions`."""
        octets = small(self._path / "subscriptions")
        if octets is not None:
            names = subscriptions.read(octets)
        else:
            octets = small(self._path / "courierimapsubscribed")
            if octets is None:
                return None
            names = subscriptions.read_courier(octets)
        found = (mailbox_of("." + ".".join(levels)) for levels in names if levels != (INBOX,))
        return frozenset({name for name in found if name} | ({INBOX} if (INBOX,) in names else set()))

    def close(self) -> None:
        """See `Source.close`."""

    def _folder(self, place: Path, name: str) -> Folder:
        uids, count = self._uids(place), len(self._files(place))
        if uids is None:
            return Folder(name, messages=count, key=str(place))
        new = sum(1 for _ in self._files(place).keys() - {record.file for record in uids.records})
        return Folder(name, TakenMailbox(uids.uidvalidity, uids.uidnext + new), count, str(place))

    def _uids(self, place: Path) -> uidlist.UidList | None:
        """The UIDs that another program has given; a list that is broken counts as none."""
        for name in _UID_LISTS:
            octets = small(place / name, 1 << 30)
            if octets is not None:
                try:
                    return uidlist.read(octets)
                except BrokenFile:
                    continue
        return None

    def _files(self, place: Path) -> dict[str, Path]:
        """Message files, by their names without flags."""
        found = {}
        for part in ("new", "cur"):
            if (place / part).is_dir():
                for path in (place / part).iterdir():
                    if not path.name.startswith("."):
                        found[split(path.name)[0]] = path
        return found

    def _message(self, path: Path, uid: int, known: bool, letters: dict[str, str]) -> TakenMessage | None:
        """None for a file that is gone meanwhile."""
        info = split(path.name)[1]
        keywords = frozenset(letters[letter] for letter in info[3:] if letter in letters)
        flags = unpack_system(flags_of(info)) | keywords
        try:
            date = int(path.stat().st_mtime)
            content = None if known and uid else _content(path)
        except FileNotFoundError:
            return None
        return TakenMessage(content, uid, flags, date)


class MaildirTarget:
    """A new tree, as Dovecot has it: UIDs, keywords and subscriptions beside the folders. See `Target`.

    Args:
        path: where; nothing may be there.

    Raises:
        TransferError: something is.
    """

    def __init__(self, path: Path) -> None:
        self._directory = NewDirectory(path)
        self._place = self._directory.partial
        self._taken = TakenMailbox()
        self._records: list[uidlist.Record] = []
        self._letters: dict[str, str] = {}
        self._count = 0
        self._begun = False

    def begin(self, folder: Folder) -> None:
        """See `Target.begin`."""
        self._end()
        self._place = self._directory.partial / folder_of(folder.name)
        for part in ("cur", "new", "tmp"):
            (self._place / part).mkdir(parents=True, mode=0o700)
        if folder.name != INBOX:
            (self._place / "maildirfolder").touch(mode=0o600)
        self._taken, self._records, self._letters = folder.taken, [], {}
        self._begun = True

    def add(self, message: TakenMessage) -> None:
        """See `Target.add`."""
        assert message.content is not None
        self._count += 1
        partial = self._place / "tmp" / str(self._count)
        size = 0
        with partial.open("xb") as file:
            for piece in to_lf(message.content.chunks()):
                size += file.write(piece)
        name = f"{message.internal_date}.M{self._count}.mailframe,S={size}"
        info = info_for(pack_system(message.flags & SYSTEM_FLAGS), ":2," + self._letters_of(message))
        path = self._place / "cur" / (name + info)
        partial.rename(path)
        os.utime(path, (message.internal_date, message.internal_date))
        self._records.append(uidlist.Record(message.uid, name))

    def finish(self, subscribed: frozenset[str]) -> None:
        """See `Target.finish`."""
        self._end()
        levels = [tuple(encode_utf7(level) for level in name.split(SEPARATOR)) for name in sorted(subscribed)]
        (self._directory.partial / "subscriptions").write_bytes(subscriptions.write(levels))
        self._directory.finish()

    def abandon(self) -> None:
        """See `Target.abandon`."""
        self._directory.abandon()

    def _letters_of(self, message: TakenMessage) -> str:
        """Keywords as Dovecot has them in file names: 26 of a mailbox, no more."""
        found = ""
        for keyword in sorted(message.flags - SYSTEM_FLAGS):
            letter = self._letters.get(keyword)
            if letter is None and len(self._letters) < dovecot_keywords.KEYWORDS_LIMIT:
                letter = self._letters[keyword] = chr(ord("a") + len(self._letters))
            found += letter or ""
        return found

    def _end(self) -> None:
        if not self._begun:
            return
        last = self._records[-1].uid if self._records else 0
        uids = uidlist.UidList(
            self._taken.uidvalidity, max(self._taken.uidnext, last + 1), uuid4().hex, self._records
        )
        (self._place / "dovecot-uidlist").write_bytes(uidlist.write(uids))
        letters = {letter: keyword for keyword, letter in self._letters.items()}
        if letters:
            (self._place / "dovecot-keywords").write_bytes(dovecot_keywords.write(letters))


def _content(path: Path) -> Content:
    spill = Spill(tempfile.gettempdir())
    try:
        with path.open("rb") as file:
            for piece in to_crlf(pieces(file)):
                spill.write(piece)
        return spill.finish()
    finally:
        spill.discard()
