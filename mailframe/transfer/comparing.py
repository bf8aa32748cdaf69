"""Where two accounts, or a source and an account, differ: ``--verify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount, IMailbox
from mailframe.store.values import MailboxEntry, TakenMessage

from .importing import Import
from .reading import messages
from .sharing import compare_sharing
from .values import NOTHING_HERE, Folder, Progress, Source, digest, no_progress

DIFFERENCES_LIMIT = 100
"""Differences that are told one by one; the first ones are enough to see what is wrong."""


async def compare_accounts(
    source: IMailAccount, image: IMailAccount, progress: Progress = no_progress
) -> list[str]:
    """What of an account is not the same in its image: mailboxes, numbers, identity, flags, dates, octets, rights."""
    differences = _Differences()
    entries = {entry.name: entry for entry in await source.mailboxes()}
    others = {entry.name: entry for entry in await image.mailboxes()}
    for name in sorted(entries.keys() | others.keys()):
        if entries.get(name) != others.get(name):
            differences.add(
                f"{name}: the mailbox is {_entry(others.get(name))}, not {_entry(entries.get(name))}"
            )
        elif entries[name].selectable:
            await _compare_mailbox(source, image, name, differences, progress)
    both = [name for name, entry in entries.items() if entry.selectable and others.get(name) == entry]
    async for text in compare_sharing(source, image, both):
        differences.add(text)
    return differences.found


async def compare_source(
    source: Source, account: IMailAccount, work: Import, progress: Progress = no_progress
) -> list[str]:
    """What of a source is not in an account: by UIDs where they were kept, else by octets alone."""
    differences = _Differences()
    for folder in source.folders():
        name = work.name_of(folder.name)
        try:
            mailbox = await account.open(name, read_only=True)
        except MailframeError as error:
            differences.add(f"{name}: {error.reason}")
            continue
        try:
            await _compare_folder(source, folder, mailbox, differences, progress)
        finally:
            mailbox.close()
    return differences.found


class _Differences:
    """Differences, in words."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, text: str) -> None:
        """One more."""
        if len(self.found) < DIFFERENCES_LIMIT:
            self.found.append(text)


def _entry(entry: MailboxEntry | None) -> str:
    if entry is None:
        return "missing"
    return f"{entry.mailbox_id or 'no mailbox'}, {'' if entry.subscribed else 'not '}subscribed, {entry.special_use}"


async def _compare_mailbox(
    source: IMailAccount, image: IMailAccount, name: str, differences: _Differences, progress: Progress
) -> None:
    before, after = await source.open(name, read_only=True), await image.open(name, read_only=True)
    try:
        if before.uidvalidity != after.uidvalidity:
            differences.add(f"{name}: UIDVALIDITY is {after.uidvalidity}, not {before.uidvalidity}")
        old, new = await before.snapshot(), await after.snapshot()
        if new.uidnext < old.uidnext or new.modseq < old.modseq:
            differences.add(f"{name}: UIDNEXT or HIGHESTMODSEQ is behind")
        wanted, found = set(old.uids), set(new.uids)
        for uid in sorted(wanted ^ found):
            differences.add(f"{name}: UID {uid} is {'missing' if uid in wanted else 'not of the account'}")
        uids = sorted(wanted & found)
        pairs = _pairs(before, after, uids)
        async for one, other in pairs:
            progress(name, 1)
            for fact in _facts(one, other):
                differences.add(f"{name}: UID {one.uid} has another {fact}")
    finally:
        before.close()
        after.close()


async def _pairs(
    before: IMailbox, after: IMailbox, uids: Sequence[int]
) -> AsyncIterator[tuple[TakenMessage, TakenMessage]]:
    for uid in uids:
        one = [message async for message in messages(before, [uid])]
        other = [message async for message in messages(after, [uid])]
        for pair in zip(one, other, strict=False):
            yield pair
        for message in one + other:
            assert message.content is not None
            message.content.body.discard()


def _facts(one: TakenMessage, other: TakenMessage) -> list[str]:
    assert one.content is not None
    assert other.content is not None
    pairs = {
        "content": (digest(one.content), digest(other.content)),
        "set of flags": (one.flags, other.flags),
        "internal date": (one.internal_date, other.internal_date),
        "MODSEQ": (one.modseq, other.modseq),
        "EMAILID": (one.email_id, other.email_id),
        "THREADID": (one.thread_id, other.thread_id),
        "SAVEDATE": (one.save_date, other.save_date),
        "UIDL": (one.uidl, other.uidl),
    }
    return [fact for fact, (here, there) in pairs.items() if here != there]


async def _compare_folder(
    source: Source, folder: Folder, mailbox: IMailbox, differences: _Differences, progress: Progress
) -> None:
    identity = folder.taken.uidvalidity == mailbox.uidvalidity
    by_uid, left = await _digests(mailbox)
    for message in source.messages(folder, NOTHING_HERE):
        assert message.content is not None
        wanted = digest(message.content)
        message.content.body.discard()
        progress(mailbox.name, 1)
        if identity and message.uid and by_uid.get(message.uid) != wanted:
            differences.add(f"{mailbox.name}: UID {message.uid} is missing or has other octets")
        elif not left[wanted]:
            differences.add(f"{mailbox.name}: a message with SHA-256 {wanted[:16]}... is missing")
        else:
            left[wanted] -= 1


async def _digests(mailbox: IMailbox) -> tuple[dict[int, str], Counter[str]]:
    found = {}
    async for message in messages(mailbox, (await mailbox.snapshot()).uids):
        assert message.content is not None
        found[message.uid] = digest(message.content)
        message.content.body.discard()
    return found, Counter(found.values())
