"""A folder of Dovecot's or Courier's is taken over: its UIDVALIDITY, UIDs, keywords and POP3 UIDLs. Blocking.

When a mailbox is made of a folder that is there already, it gets the other program's UIDVALIDITY and a UIDNEXT that
no UID of that program reaches; a bit of its column ``settled`` notes that its messages are still to be taken in. They
are at the first look, which comes before any session sees the mailbox; a delivery may come before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from twisted.logger import Logger

from mailframe.message.status import MailframeError
from mailframe.store import uidl_format
from mailframe.store.catalogue.keywords import Keywords
from mailframe.store.catalogue.rows import MailboxRow, MessageRow, new_object_id, row_id
from mailframe.store.line_ends import Form
from mailframe.store.maildrop.maildrop import now
from mailframe.store.values import INBOX

from . import filenames
from .foreign import Foreign, read_folder, read_uids
from .tree import Tree

PENDING = 4
"""In ``settled``: messages are still to be taken over."""
TAKEN_OVER = "mailbox-taken-over"
"""A file in a folder whose messages have been taken over. From then on UIDs are given out here, and the other
program's list is not to be trusted any more, should the catalogue be lost."""
UIDL_LENGTH_LIMIT = 70
"""RFC 1939 section 7."""

log = Logger()


@dataclass(frozen=True, slots=True)
class Came:
    """A file that another program has put into a mailbox.

    Attributes:
        file, info: its name, as a row has it.
        date: of the file.
        sizes: on disk, with CRLF line ends, and the form, where it is known.
    """

    file: str
    info: str | None
    date: int
    sizes: tuple[int, int, Form | None]


def adopt(tree: Tree, mailbox: MailboxRow) -> None:
    """A mailbox was made of a folder: take over what it counts. Needs a writing transaction.

    Raises:
        OSError: what the other program has written cannot be read now.
    """
    if not tree.place.adopts or tree.files.exists(_marker(tree, mailbox)):
        return
    uids, program = read_uids(tree.files, tree.folder(mailbox))
    mailboxes = tree.catalogue.mailboxes
    if uids is not None:
        mailboxes.identify(mailbox, mailbox.mailbox_id, uids.uidvalidity, mailbox.special_use)
        mailboxes.advance(mailbox, uids.uidnext, 0)
        # The other program has told of them; none is new here.
        mailboxes.claim_recent(mailbox)
        log.info(
            "{account} {mailbox} is taken over from {program}: {count} messages, next UID {uidnext}",
            account=tree.account, mailbox=mailbox.name, program=program, count=len(uids.records),
            uidnext=uids.uidnext,
        )  # fmt: skip
    mailboxes.set_times(mailbox, 0, 0, PENDING)


def _marker(tree: Tree, mailbox: MailboxRow) -> str:
    return f"{tree.folder(mailbox)}/{TAKEN_OVER}"


def is_pending(mailbox: MailboxRow) -> bool:
    """Are its messages still to be taken over?"""
    return bool(mailbox.settled & PENDING)


def knowledge(tree: Tree, mailbox: MailboxRow) -> Foreign:
    """What the other program knows of a mailbox whose messages are still to be taken over.

    Raises:
        OSError: it cannot be read now.
    """
    return read_folder(tree.files, tree.folder(mailbox), mailbox.name == INBOX)


def take_over(tree: Tree, mailbox: MailboxRow, foreign: Foreign, came: Sequence[Came]) -> None:
    """Give rows to files, with the UIDs that the other program has given them. Needs a writing transaction.

    Files that it has not seen get new UIDs, in their order.

    Args:
        mailbox: as read within the transaction.
        came: in the order that messages came in.
    """
    uids = _uids(tree, mailbox, foreign)
    known = sorted((one for one in came if one.file in uids), key=lambda one: uids[one.file])
    others = [one for one in came if one.file not in uids]
    if foreign.uids is not None and not tree.files.exists(_marker(tree, mailbox)):
        tree.files.close(tree.files.create(_marker(tree, mailbox)))
    if known:
        tree.catalogue.mailboxes.advance(mailbox, uids[known[-1].file] + 1, 0)
    uid, modseq = tree.catalogue.mailboxes.take_uids(mailbox, len(others))
    numbered = [(uids[one.file], one) for one in known]
    numbered += [(uid + place, one) for place, one in enumerate(others)]
    keywords = tree.catalogue.mailboxes.keywords(mailbox)
    tree.catalogue.messages.add(_row(mailbox, uid, modseq, one, foreign, keywords) for uid, one in numbered)
    tree.catalogue.uidls.add(_uidls(tree, mailbox, foreign, numbered))


def _uids(tree: Tree, mailbox: MailboxRow, foreign: Foreign) -> dict[str, int]:
    """UIDs by file: those that no other message of the mailbox has."""
    if foreign.uids is None or foreign.uids.uidvalidity != mailbox.uidvalidity:
        return {}
    taken = set(tree.catalogue.messages.uids(mailbox))
    return {record.file: record.uid for record in foreign.uids.records if record.uid not in taken}


def _row(
    mailbox: MailboxRow, uid: int, modseq: int, one: Came, foreign: Foreign, keywords: Keywords
) -> MessageRow:
    flags, packed = filenames.flags_of(one.info or ""), None
    words = foreign.keywords_of(one.file, one.info)
    if words:
        try:
            spelled = keywords.spell(words)
        except MailframeError:
            # More than a mailbox may have here; those that it has already are kept.
            spelled = keywords.known(words)
        packed = keywords.pack(spelled)[1]
    disk_size, size, form = one.sizes
    return MessageRow(
        row_id(mailbox, uid), mailbox.id, modseq, flags, packed, one.date, size, now(), new_object_id("M"),
        "", one.file, one.info, disk_size, form,
    )  # fmt: skip


def _uidls(
    tree: Tree, mailbox: MailboxRow, foreign: Foreign, numbered: Sequence[tuple[int, Came]]
) -> Iterator[tuple[int, str]]:
    """Row ids and what POP3 called their messages, where that is not what it calls them here."""
    if mailbox.name == INBOX:
        files = [(uid, one.file) for uid, one in numbered]
        for uid, uidl in uidls_of(foreign, tree.place.uidl_format, files):
            yield row_id(mailbox, uid), uidl


def uidls_of(
    foreign: Foreign, written: str, numbered: Iterable[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """UIDs and what POP3 called their messages, where that is not what it calls them here; none twice.

    Args:
        written: Dovecot's ``pop3_uidl_format``.
        numbered: UIDs and files.
    """
    name, records = None, foreign.records()
    if foreign.program == "dovecot" and written != uidl_format.DEFAULT:
        name = uidl_format.parse(written)
    used = set()
    for uid, file in numbered:
        uidl, record = foreign.uidls.get(file, ""), records.get(file)
        if not uidl and name is not None and record is not None and foreign.uids is not None:
            named = uidl_format.Named(record.uid, foreign.uids.uidvalidity, file, record.extension("G"))
            uidl = name(named)
        if uidl and is_uidl(uidl) and uidl not in used:
            used.add(uidl)
            yield uid, uidl


def is_uidl(text: str) -> bool:
    """Is it what UIDL may tell (RFC 1939 section 7)?"""
    return 0 < len(text) <= UIDL_LENGTH_LIMIT and all("!" <= char <= "~" for char in text)
