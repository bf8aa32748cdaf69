"""The maildrop: INBOX as one POP3 session sees it, numbered when it was opened (RFC 1939 sections 4 to 6).

Nothing is changed before `update`: deletions are kept here and done all at once at QUIT. A session that just breaks
off leaves everything as it was.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Final

from mailframe.message.status import MailframeError, Status
from mailframe.store.interfaces import IMailAccount, IMailbox
from mailframe.store.uidl_format import DEFAULT, Named, Uidl, parse
from mailframe.store.values import INBOX, SEEN, FlagChange, Item, Span

NO_SUCH_MESSAGE: Final = Status((5, 5, 4), "There is no such message")
IS_DELETED: Final = Status((5, 5, 4), "This message is marked deleted")
IS_GONE: Final = Status((4, 2, 0), "This message was removed meanwhile")
AHEAD: Final = 32
"""Messages read at a time for a client that fetches one after the other. One by one, a session that fetches a hundred
takes half as long again."""
AHEAD_OCTETS: Final = 256 * 1024
"""Octets of messages that are kept for such a client."""
_SIZES_A_TIME: Final = 1000
_BY_DEFAULT: Final = parse(DEFAULT)


class Maildrop:
    """The messages, by number.

    Use `open_maildrop`.

    Args:
        account: closed with the maildrop.
        mailbox: INBOX, for reading.
        uids: of all messages, ascending.
        sizes: of the same messages, in octets with CRLF line ends.
        uidls: what another server called messages, by UID, where it had names of its own for them.
        unique_id: gives the others their names.
    """

    def __init__(
        self,
        account: IMailAccount,
        mailbox: IMailbox,
        uids: Sequence[int],
        sizes: Sequence[int],
        uidls: Mapping[int, str],
        unique_id: Uidl = _BY_DEFAULT,
    ) -> None:
        self._account = account
        self._mailbox = mailbox
        self._uids = array("I", uids)
        self._sizes = array("Q", sizes)
        self._uidls = uidls
        self._unique_id = unique_id
        self._deleted: set[int] = set()
        self._ahead: dict[int, bytes] = {}
        self._retrieved: set[int] = set()

    # What there is.

    @property
    def figures(self) -> tuple[int, int]:
        """How many messages are not marked deleted, and their octets."""
        total = sum(self._sizes) - sum(self._sizes[number - 1] for number in self._deleted)
        return len(self._uids) - len(self._deleted), total

    def numbers(self) -> Iterator[int]:
        """Message numbers that are not marked deleted, ascending."""
        return (number for number in range(1, len(self._uids) + 1) if number not in self._deleted)

    def size(self, number: int) -> int:
        """Octets of one message.

        Raises:
            MailframeError: there is no such message, or it is marked deleted.
        """
        self._check(number)
        return self._sizes[number - 1]

    def unique_id(self, number: int) -> str:
        """What UIDL tells of one message: UID and UIDVALIDITY in hexadecimal digits, unless there is another format.

        This is how Dovecot writes them by default, so that clients of a Maildir that moved here do not fetch all of
        their mail again. A message that another server called something else keeps that name.

        Raises:
            MailframeError: there is no such message, or it is marked deleted.
        """
        self._check(number)
        uid = self._uids[number - 1]
        return self._uidls.get(uid) or self._unique_id(Named(uid, self._mailbox.uidvalidity))

    async def octets(self, number: int, window: int, first: int = 0) -> AsyncGenerator[bytes, None]:
        """One message, piece by piece.

        Args:
            number: which.
            window: octets a piece.
            first: octets of the first piece, for who may want no more than that; then each has twice as many as the
                one before, up to ``window``. 0: all alike.

        Raises:
            MailframeError: there is no such message, or (perhaps between two pieces) it is gone.
        """
        size, uid = self.size(number), self._uids[number - 1]
        if size <= min(first or window, window):
            yield await self._whole(number)
            return
        offset, length = 0, min(first or window, window)
        while offset < size:
            (piece,) = await self._mailbox.read([Span(uid, offset, length)])
            if not piece:
                raise MailframeError(IS_GONE)
            yield piece
            offset += length
            length = min(2 * length, window)

    async def _whole(self, number: int) -> bytes:
        """A small message; those behind it are read in the same go for a client that goes on to the next."""
        octets = self._ahead.pop(number, None)
        if octets is None:
            begun = number - 1 in self._retrieved
            numbers = self._following(number) if begun else [number]
            spans = [Span(self._uids[one - 1]) for one in numbers]
            found = await self._mailbox.read(spans)
            self._ahead = {one: piece for one, piece in zip(numbers, found, strict=True) if piece}
            octets = self._ahead.pop(number, None)
        if octets is None:
            raise MailframeError(IS_GONE)
        return octets

    def _following(self, number: int) -> list[int]:
        """Numbers from this one on, as many as may be read ahead."""
        found, octets = [number], self._sizes[number - 1]
        for one in range(number + 1, min(number + AHEAD, len(self._uids) + 1)):
            octets += self._sizes[one - 1]
            if octets > AHEAD_OCTETS:
                break
            if one not in self._deleted:
                found.append(one)
        return found

    # What is to become of it.

    def retrieved(self, number: int) -> None:
        """Note that the client has it."""
        self._retrieved.add(number)

    def delete(self, number: int) -> None:
        """Mark one message deleted.

        Raises:
            MailframeError: there is no such message, or it is marked deleted.
        """
        self._check(number)
        self._deleted.add(number)

    def reset(self) -> None:
        """Take all marks away."""
        self._deleted.clear()

    async def update(self, mark_seen: bool) -> int:
        """The UPDATE state: remove what is marked; nothing is opened for writing where nothing is to be done.

        Args:
            mark_seen: set ``\\Seen`` on what was retrieved and stays.

        Returns:
            How many messages this removed. Those that another session removed before are not counted; they
            are gone as the client wanted.
        """
        seen = self._retrieved - self._deleted if mark_seen else set()
        if not self._deleted and not seen:
            return 0
        mailbox = await self._account.open(INBOX)
        removed: Sequence[int] = ()
        if self._deleted:
            removed = await mailbox.remove(self._uids_of(self._deleted))
        if seen:
            await mailbox.store(self._uids_of(seen), FlagChange.ADD, frozenset({SEEN}))
        return len(removed)

    def close(self) -> None:
        """The session is over."""
        self._account.close()

    def _uids_of(self, numbers: set[int]) -> list[int]:
        return [self._uids[number - 1] for number in sorted(numbers)]

    def _check(self, number: int) -> None:
        if not 1 <= number <= len(self._uids):
            raise MailframeError(NO_SUCH_MESSAGE)
        if number in self._deleted:
            raise MailframeError(IS_DELETED)


async def open_maildrop(account: IMailAccount, uidl_format: str = DEFAULT) -> Maildrop:
    """Open the INBOX of an account, which is closed with the maildrop, also when this fails.

    It is opened for reading only, so that ``\\Recent`` stays for whoever reads by IMAP.

    Args:
        account: whose INBOX.
        uidl_format: see `mailframe.store.uidl_format.parse`.

    Raises:
        MailframeError: the store cannot be read.
    """
    try:
        mailbox = await account.open(INBOX, read_only=True)
        uids = (await mailbox.snapshot()).uids
        found: list[int] = []
        sizes: list[int] = []
        uidls: dict[int, str] = {}
        for start in range(0, len(uids), _SIZES_A_TIME):
            for message in await mailbox.fetch(uids[start : start + _SIZES_A_TIME], Item.SIZE | Item.UIDL):
                found.append(message.uid)
                sizes.append(message.size)
                if message.uidl:
                    uidls[message.uid] = message.uidl
    except BaseException:
        account.close()
        raise
    return Maildrop(account, mailbox, found, sizes, uidls, parse(uidl_format))
