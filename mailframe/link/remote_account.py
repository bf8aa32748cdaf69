"""An account on another node, read over a link: as much of `IMailAccount` as copying it needs.

Calls block, and their coroutines are done when they are called: for commands, which have no reactor.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mailframe.message.status import MailframeError
from mailframe.store.quota import QuotaRoot
from mailframe.store.sharing.rights import AccessEntry
from mailframe.store.values import Item, MailboxEntry, Message, Snapshot, Span

from .accounts import NAME
from .client import LinkClient, LinkPeer
from .store_values import (
    MESSAGES_LIMIT,
    from_spans,
    packed,
    to_access,
    to_entry,
    to_message,
    to_quota,
    to_snapshot,
)


class RemoteAccount:
    """One account of another node; nothing there can be changed.

    Args:
        peer: the node.
        name: the account's canonical name.

    Raises:
        MailframeError: the node is not there, or has no mail of this account (``NONEXISTENT``).
    """

    def __init__(self, peer: LinkPeer, name: str) -> None:
        self._link = LinkClient(peer, NAME)
        try:
            self.name: str = self._call("account", name=name)["name"]
        except BaseException:
            self._link.close()
            raise

    async def mailboxes(self) -> Sequence[MailboxEntry]:
        """See `IMailAccount.mailboxes`."""
        return [to_entry(said) for said in self._call("mailboxes")["mailboxes"]]

    async def access(self, name: str) -> Sequence[AccessEntry]:
        """See `IMailAccount.access`."""
        return [to_access(said) for said in self._call("access", name=name)["access"]]

    async def identifiers(self) -> frozenset[str]:
        """See `IMailAccount.identifiers`."""
        return frozenset(self._call("identifiers")["identifiers"])

    async def quotas(self, name: str | None = None) -> Sequence[QuotaRoot]:
        """See `IMailAccount.quotas`; those of the whole account."""
        return [to_quota(said) for said in self._call("quotas")["quotas"]]

    async def metadata(
        self, name: str | None, entries: Sequence[str], depth: int = 0, user: str = ""
    ) -> Mapping[str, bytes]:
        """See `IMailAccount.metadata`."""
        said = self._call("metadata", name=name, entries=list(entries), depth=depth, user=user)
        return {entry: b64decode(value) for entry, value in said["metadata"].items()}

    async def open(self, name: str, read_only: bool = False) -> RemoteMailbox:
        """See `IMailAccount.open`; it is always opened for reading only."""
        return RemoteMailbox(self._link, self._call("open", name=name))

    def close(self) -> None:
        """Leave."""
        self._link.close()

    def _call(self, call: str, **arguments: object) -> dict[str, Any]:
        return self._link.call({"call": call, **arguments}).header


class RemoteMailbox:
    """One mailbox of it, opened.

    Args:
        link: the connection.
        said: what the other node says of it.
    """

    read_only = True

    def __init__(self, link: LinkClient, said: dict[str, Any]) -> None:
        self._link = link
        self._handle: int = said["mailbox"]
        self.name: str = said["name"]
        self.mailbox_id: str = said["mailbox_id"]
        self.uidvalidity: int = said["uidvalidity"]

    async def snapshot(self) -> Snapshot:
        """See `IMailbox.snapshot`."""
        frame = self._link.call({"call": "snapshot", "mailbox": self._handle})
        return to_snapshot(frame.header, frame.octets)

    async def fetch(self, uids: Sequence[int], items: Item) -> Sequence[Message]:
        """See `IMailbox.fetch`; all that can be had over a link comes along."""
        found: list[Message] = []
        for start in range(0, len(uids), MESSAGES_LIMIT):
            request = {"call": "fetch", "mailbox": self._handle}
            frame = self._link.call(request, packed(uids[start : start + MESSAGES_LIMIT]))
            found += [to_message(said) for said in frame.header["messages"]]
        return found

    async def read(self, spans: Sequence[Span]) -> Sequence[bytes | None]:
        """See `IMailbox.read`; each span has a length."""
        frame = self._link.call({"call": "read", "mailbox": self._handle, "spans": from_spans(spans)})
        pieces: list[bytes | None] = []
        place = 0
        for length in frame.header["lengths"]:
            pieces.append(None if length is None else frame.octets[place : place + length])
            place += length or 0
        return pieces

    def close(self) -> None:
        """Done with it."""
        # Where the link is lost, the other node has closed it already.
        with suppress(MailframeError):
            self._link.call({"call": "close", "mailbox": self._handle})
