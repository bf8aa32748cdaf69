"""What a submission service does to a message that a mail program left unfinished (RFC 6409 section 8).

For submission only: a message that comes from elsewhere is not ours to change.
"""

from __future__ import annotations

from typing import Literal

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.directory.interfaces import ISenderRights
from mailframe.message import header
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.addresslist import mailboxes
from mailframe.message.dates import format_date
from mailframe.message.mail import MailObject

from .interfaces import IFilter
from .repair import Additions, repair

SenderField = Literal["never", "foreign", "differs"]
"""When a Sender field names the login: never; where From has an address that does not belong to it; or where From is
not exactly its own address."""


@implementer(IFilter)
class SubmissionFilter:
    """Completes header sections.

    Args:
        hostname: what this server calls itself, for message ids.
        clock: its ``seconds`` are the time of day, as the reactor's are.
        rights: knows which addresses belong to a login; needed for ``foreign``.
        sender: when to say by a Sender field who really sent it (RFC 6409 section 8.1).
    """

    def __init__(
        self,
        hostname: str,
        clock: IReactorTime,
        rights: ISenderRights | None = None,
        sender: SenderField = "never",
    ) -> None:
        self._hostname = hostname
        self._clock = clock
        self._rights = rights
        self._sender = sender

    async def filter(self, mail: MailObject) -> MailObject:
        """The message with a header section that has what it must have."""
        content = mail.content
        head = content.head
        repaired = repair(head, await self._additions(mail, head))
        if repaired.kept != repaired.end:
            return mail.with_content(content.with_header(repaired.header, repaired.end))
        added = repaired.header[: len(repaired.header) - repaired.kept]
        return mail.with_content(content.with_prefix(added)) if added else mail

    async def _additions(self, mail: MailObject, head: bytes) -> Additions:
        return Additions(
            date=_field("Date", format_date(self._clock.seconds())),
            message_id=_field("Message-ID", f"<{mail.queue_id}@{self._hostname}>"),
            originator=_originator(mail),
            sender=await self._sender_field(mail, head),
        )

    async def _sender_field(self, mail: MailObject, head: bytes) -> bytes | None:
        login = mail.origin.login
        if login is None or self._sender == "never":
            return None
        fields, _ = header.leading(head)
        names = [one for field in fields if field.name.lower() == b"from" for one in mailboxes(field.body)]
        if not names or await self._is_own(login, names):
            return None
        return _field("Sender", login)

    async def _is_own(self, login: str, names: list[Address | None]) -> bool:
        if self._sender == "differs" or self._rights is None:
            return [str(name).lower() for name in names] == [login.lower()]
        for name in names:
            if name is None or not await self._rights.may_send_as(login, name):
                return False
        return True


def _originator(mail: MailObject) -> bytes | None:
    """A From field for who sent the message: its reverse-path, or the login where that is null."""
    address = mail.envelope.reverse_path
    if address is None and mail.origin.login is not None:
        try:
            address = parse_mailbox(mail.origin.login)
        except ValueError:
            return None
    return _field("From", str(address)) if address is not None else None


def _field(name: str, body: str) -> bytes:
    """A field in one line: to fold an address or an id at white space inside of quotes would change it."""
    return f"{name}: {body}\r\n".encode()
