"""A service of links: reading an account whole, for a node that takes it over."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

from zope.interface import implementer

from mailframe.message.status import MailframeError
from mailframe.store.interfaces import IMailAccount, IMailbox, IMailStore
from mailframe.store.refusals import NONEXISTENT

from .frames import Frame
from .interfaces import ILinkService
from .store_values import (
    FACTS,
    MESSAGES_LIMIT,
    from_access,
    from_entry,
    from_message,
    from_quota,
    from_snapshot,
    to_spans,
    unpacked,
)

NAME = "accounts"
OPEN_LIMIT = 10
"""Mailboxes that one connection may have open."""

Answer = tuple[dict[str, Any], bytes]


@implementer(ILinkService)
class AccountService:
    """Reads one account for one connection. Nothing can be changed.

    Args:
        store: has it.
        exists: has an account of this name any mail here? Asking for one makes none.
    """

    def __init__(self, store: IMailStore, exists: Callable[[str], Awaitable[bool]]) -> None:
        self._store = store
        self._exists = exists
        self._account: IMailAccount | None = None
        self._open: dict[int, IMailbox] = {}
        self._last = 0
        self._calls: dict[str, Callable[[Frame], Awaitable[Answer]]] = {
            "account": self._open_account,
            "mailboxes": self._mailboxes,
            "access": self._access,
            "identifiers": self._identifiers,
            "quotas": self._quotas,
            "metadata": self._metadata,
            "open": self._open_mailbox,
            "snapshot": self._snapshot,
            "fetch": self._fetch,
            "read": self._read,
            "close": self._close_mailbox,
        }

    async def call(self, request: Frame) -> Frame:
        """See `ILinkService.call`."""
        return Frame(*await self._calls[request.header["call"]](request))

    def close(self) -> None:
        """See `ILinkService.close`."""
        for mailbox in self._open.values():
            mailbox.close()
        self._open.clear()
        if self._account is not None:
            self._account.close()
        self._account = None

    @property
    def _of(self) -> IMailAccount:
        if self._account is None:
            raise ValueError("no account has been opened")
        return self._account

    def _mailbox(self, request: Frame) -> IMailbox:
        return self._open[request.header["mailbox"]]

    async def _open_account(self, request: Frame) -> Answer:
        name = _text(request, "name")
        if not await self._exists(name):
            raise MailframeError(NONEXISTENT, f"there is no mail of {name} here")
        self.close()
        self._account = await self._store.account(name)
        return {"name": self._account.name}, b""

    async def _mailboxes(self, request: Frame) -> Answer:
        return {"mailboxes": [from_entry(entry) for entry in await self._of.mailboxes()]}, b""

    async def _access(self, request: Frame) -> Answer:
        entries = await self._of.access(_text(request, "name"))
        return {"access": [from_access(entry) for entry in entries]}, b""

    async def _identifiers(self, request: Frame) -> Answer:
        return {"identifiers": sorted(await self._of.identifiers())}, b""

    async def _quotas(self, request: Frame) -> Answer:
        return {"quotas": [from_quota(root) for root in await self._of.quotas()]}, b""

    async def _metadata(self, request: Frame) -> Answer:
        said = request.header
        found = await self._of.metadata(said["name"], said["entries"], said["depth"], said["user"])
        return {"metadata": {entry: b64encode(value).decode("ascii") for entry, value in found.items()}}, b""

    async def _open_mailbox(self, request: Frame) -> Answer:
        if len(self._open) >= OPEN_LIMIT:
            raise ValueError("too many mailboxes are open")
        mailbox = await self._of.open(_text(request, "name"), read_only=True)
        self._last += 1
        self._open[self._last] = mailbox
        facts = {"name": mailbox.name, "mailbox_id": mailbox.mailbox_id, "uidvalidity": mailbox.uidvalidity}
        return {"mailbox": self._last, **facts}, b""

    async def _snapshot(self, request: Frame) -> Answer:
        return from_snapshot(await self._mailbox(request).snapshot())

    async def _fetch(self, request: Frame) -> Answer:
        uids = unpacked(request.octets)
        if len(uids) > MESSAGES_LIMIT:
            raise ValueError("too many messages are asked for")
        messages = await self._mailbox(request).fetch(uids, FACTS)
        return {"messages": [from_message(message) for message in messages]}, b""

    async def _read(self, request: Frame) -> Answer:
        pieces = await self._mailbox(request).read(to_spans(request.header["spans"]))
        lengths = [None if piece is None else len(piece) for piece in pieces]
        return {"lengths": lengths}, b"".join(piece for piece in pieces if piece is not None)

    async def _close_mailbox(self, request: Frame) -> Answer:
        self._open.pop(request.header["mailbox"]).close()
        return {}, b""


def _text(request: Frame, name: str) -> str:
    text = request.header[name]
    if not isinstance(text, str):
        raise ValueError(f"{name} is a text")
    return text
