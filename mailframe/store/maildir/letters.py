"""Keywords in names of files, as Dovecot writes them: letters ``a`` to ``z``, told apart by ``dovecot-keywords``.

A folder has 26 such keywords; those that come later are in the catalogue only, as Dovecot has them in its index. A
letter is never given to another keyword: some program may have a file of that name before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import ascii_lowercase

from mailframe.store.adoption import dovecot_keywords
from mailframe.store.adoption.broken import BrokenFile
from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, Packed
from mailframe.store.values import SYSTEM_FLAGS, Flags

from .beside import locked
from .filenames import info_for, letters_of
from .folders import TMP
from .foreign import KEYWORDS, read_octets
from .tree import Tree


class Letters:
    """The letters of one open account's mailboxes; all in a writing transaction.

    Args:
        tree: the account's directories.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._sources: dict[int, MailboxRow] = {}
        self._known: dict[int, tuple[tuple[int, int], dict[str, str]]] = {}

    @classmethod
    def of(cls, tree: Tree) -> Letters:
        """The open account's."""
        if not isinstance(tree.letters, cls):
            tree.letters = cls(tree)
        return tree.letters

    def moved(self, row: MessageRow, target: MailboxRow, flags: int) -> str | None:
        """The info of a copy of a message in another mailbox, where letters stand for other keywords."""
        source = self._sources.get(row.mailbox)
        if source is None or self._tree.catalogue.mailboxes.with_id(source.mailbox_id) != source:
            boxes = self._tree.catalogue.mailboxes.all()
            source = self._sources[row.mailbox] = next(box for box in boxes if box.id == row.mailbox)
        left = info_for(flags, row.info, (), self._of(source))
        words = self._tree.catalogue.mailboxes.keywords(source)
        return self.info(target, (flags, row.keywords), left, words)

    def info(
        self, mailbox: MailboxRow, packed: Packed, before: str | None, keywords: Keywords | None = None
    ) -> str | None:
        """The info of a message with these flags and keywords; None where it has none and had none.

        Args:
            before: its info so far.
            keywords: of the mailbox that the keywords are told by; None: of this one.
        """
        keywords = keywords or self._tree.catalogue.mailboxes.keywords(mailbox)
        words = keywords.unpack(*packed) - SYSTEM_FLAGS
        letters = self._letters(mailbox, words)
        if before is None and not packed[0] and not letters:
            return None
        return info_for(packed[0], before or self._tree.place.no_flags, letters, self._of(mailbox))

    def changed(self, mailbox: MailboxRow, words: Flags, before: str | None, after: str) -> Flags:
        """The keywords of a message whose file another program has given another info."""
        known = self._of(mailbox)
        old, new = letters_of(before or ""), letters_of(after)
        gone = {known[letter].lower() for letter in old - new if letter in known}
        came = {known[letter] for letter in new - old if letter in known}
        return frozenset(word for word in words if word.lower() not in gone) | came

    def words(self, mailbox: MailboxRow, info: str | None) -> Flags:
        """The keywords that a file's name tells."""
        known = self._of(mailbox) if info else {}
        return frozenset(known[letter] for letter in letters_of(info or "") if letter in known)

    def _letters(self, mailbox: MailboxRow, words: Iterable[str]) -> set[str]:
        """The letters of keywords; new ones get letters, as long as there are any."""
        wanted = {word.lower(): word for word in words}
        if not wanted:
            return set()
        known = self._of(mailbox)
        missing = wanted.keys() - set(map(str.lower, known.values()))
        if missing and len(known) < dovecot_keywords.KEYWORDS_LIMIT:
            known = self._add(mailbox, [wanted[word] for word in sorted(missing)])
        return {letter for letter, word in known.items() if word.lower() in wanted}

    def _add(self, mailbox: MailboxRow, words: Iterable[str]) -> dict[str, str]:
        path = self._path(mailbox)
        with locked(self._tree.files, path + ".lock"):
            known = self._read(path)
            there = set(map(str.lower, known.values()))
            free = iter([letter for letter in ascii_lowercase if letter not in known])
            new = [word for word in words if word.lower() not in there and dovecot_keywords.is_keyword(word)]
            known.update(zip(free, new, strict=False))
            aside = f"{self._tree.folder(mailbox)}/{TMP}"
            self._tree.replace_file(aside, path, dovecot_keywords.write(known))
        self._known.pop(mailbox.id, None)
        return known

    def _of(self, mailbox: MailboxRow) -> Mapping[str, str]:
        path = self._path(mailbox)
        try:
            stamp = (self._tree.files.time(path), self._tree.files.size(path))
        except FileNotFoundError:
            return {}
        kept = self._known.get(mailbox.id)
        if kept is None or kept[0] != stamp:
            kept = self._known[mailbox.id] = (stamp, self._read(path))
        return kept[1]

    def _read(self, path: str) -> dict[str, str]:
        try:
            return dovecot_keywords.read(read_octets(self._tree.files, path) or b"")
        except BrokenFile:
            return {}

    def _path(self, mailbox: MailboxRow) -> str:
        return f"{self._tree.folder(mailbox)}/{KEYWORDS}"
