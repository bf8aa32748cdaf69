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
from mailframe.message.dates import format_date
from mailframe.message.mail import MailObject
from mailframe.message.mailboxlist import mailboxes

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
        if repaired.kept != repaired.end or not repaired.end:
            return mail.with_content(content.with_header(repaired.header, repaired.end))
        added = repaired.header[: len(repaired.header) - repaired.kept]
        return mail.with_content(content.with_prefix(added)) if added else mail

    async def _additions(self, mail: MailObject, head: bytes) -> Additions:
        originator = _originator(mail)
        now = format_date(self._clock.seconds())
        return Additions(
            date=_field("Date", now),
            message_id=_field("Message-ID", f"<{mail.queue_id}@{self._hostname}>"),
            originator=_field("From", _written(mail, originator)) if originator is not None else None,
            sender=await self._sender_field(mail, head),
            resent_date=_field("Resent-Date", now),
            resent_message_id=_field("Resent-Message-ID", f"<{mail.queue_id}.resent@{self._hostname}>"),
        )

    async def _sender_field(self, mail: MailObject, head: bytes) -> bytes | None:
        login = mail.origin.login
        if login is None or self._sender == "never":
            return None
        fields, _ = header.leading(head)
        names = [one for field in fields if field.name.lower() == b"from" for one in mailboxes(field.body)]
        account = _account(mail)
        if account is None or await self._is_own(login, account, names or [_originator(mail)]):
            return None
        return _field("Sender", _written(mail, account))

    async def _is_own(self, login: str, account: Address, names: list[Address | None]) -> bool:
        if self._sender == "differs" or self._rights is None:
            return [str(name).lower() for name in names] == [str(account).lower()]
        for name in names:
            if name is None or not await self._rights.may_send_as(login, name):
                return False
        return True


def _originator(mail: MailObject) -> Address | None:
    """Who sent a message without From: its reverse-path, or the login where that is null."""
    return mail.envelope.reverse_path or _account(mail)


def _account(mail: MailObject) -> Address | None:
    """The login's own address."""
    try:
        return parse_mailbox(mail.origin.login) if mail.origin.login is not None else None
    except ValueError:
        return None


def _written(mail: MailObject, address: Address) -> str:
    """An address for a field. UTF-8 may be in one of an internationalised message only (RFC 6532)."""
    return str(address) if mail.envelope.smtputf8 else bytes(address).decode()


def _field(name: str, body: str) -> bytes:
    """A field in one line: to fold an address or an id at white space inside of quotes would change it."""
    return f"{name}: {body}\r\n".encode()
