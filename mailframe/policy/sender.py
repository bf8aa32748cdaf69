"""Sender addresses must belong to who sends from them (RFC 6409 section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory, ISenderRights
from mailframe.message.address import Address, parse_domain
from mailframe.message.envelope import Envelope
from mailframe.message.header import leading
from mailframe.message.mail import MailObject
from mailframe.message.mailboxlist import mailboxes
from mailframe.message.origin import Origin
from mailframe.message.status import MailframeError, Status

from .interfaces import IContentPolicy, IMailPolicy
from .metrics import FOREIGN_SENDERS

NOT_YOURS = Status((5, 7, 1), "You may not send from {address}", reply_code=550)
FROM_NOT_YOURS = Status((5, 7, 1), "You may not send with {address} in From or Sender", reply_code=550)
_SHOWN = 100

Check = Literal["off", "warn", "refuse"]
"""What becomes of an address that does not belong to its user: nothing, a line in the log, a refusal."""

_CHECKED = (b"from", b"sender")

log = Logger()


@implementer(IMailPolicy, IContentPolicy)
class SenderPolicy:
    """Compares the reverse-path, and From and Sender, with what belongs to the login.

    The null reverse-path is everybody's: mail programs send their notifications with it (RFC 8098 section 3).

    Args:
        rights: knows which addresses belong to an account.
        directory: knows the local domains, which is what clients without login may send from.
        envelope: how reverse-paths are checked.
        header: how the addresses in From and Sender are checked.
        domains: the domains that clients without login may send from, instead of the local ones; ``*`` for any.

    Raises:
        ValueError: what is given as a domain is none.
    """

    def __init__(
        self,
        rights: ISenderRights,
        directory: IDirectory,
        envelope: Check = "refuse",
        header: Check = "refuse",
        domains: Sequence[str] = (),
    ) -> None:
        self._rights = rights
        self._directory = directory
        self._envelope = envelope
        self._header = header
        self._domains = frozenset(domain if domain == "*" else parse_domain(domain) for domain in domains)

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """Refuse a reverse-path that belongs to somebody else.

        Raises:
            MailframeError: temporary, when nobody can say now.
        """
        address = envelope.reverse_path
        if address is None or self._envelope == "off":
            return None
        if await self._may(origin, address, self._envelope):
            return None
        return self._verdict(origin, address, "envelope", self._envelope, NOT_YOURS)

    async def content(self, mail: MailObject) -> Status | None:
        """Refuse From and Sender fields with addresses that belong to somebody else; raises as `mail`."""
        if self._header == "off":
            return None
        for address in _authors(mail):
            if address is None or not await self._may(mail.origin, address, self._header):
                return self._verdict(mail.origin, address, "header", self._header, FROM_NOT_YOURS)
        return None

    async def _may(self, origin: Origin, address: Address, check: Check) -> bool:
        try:
            if origin.login is not None:
                return await self._rights.may_send_as(origin.login, address)
            return await self._is_allowed_domain(address.domain)
        except MailframeError as error:
            if check == "warn" and error.status.temporary:
                return True
            raise

    async def _is_allowed_domain(self, domain: str) -> bool:
        if self._domains:
            return domain in self._domains or "*" in self._domains
        return bool(domain) and await self._directory.is_local(domain)

    def _verdict(
        self, origin: Origin, address: Address | None, place: str, check: Check, refusal: Status
    ) -> Status | None:
        outcome = "refused" if check == "refuse" else "taken"
        FOREIGN_SENDERS[place, outcome].inc()
        log.warn(
            "{peer} as {login} sends from {address!r} in its {place}, which does not belong to it",
            session_id=origin.session_id,
            peer=origin.peer,
            login=origin.login,
            address=str(address) if address is not None else None,
            place=place,
        )
        if check != "refuse":
            return None
        shown = str(address) if address is not None and address.is_ascii else "that address"
        return refusal.with_text(refusal.text.format(address=shown[:_SHOWN]))


def _authors(mail: MailObject) -> Sequence[Address | None]:
    """The addresses in From and Sender; None for what is none."""
    fields = [field for field in leading(mail.content.head)[0] if field.name.lower() in _CHECKED]
    found = [address for field in fields for address in mailboxes(field.body)]
    if mail.envelope.reverse_path is not None and all(field.name.lower() != b"from" for field in fields):
        # A filter makes a missing From of it.
        found.append(mail.envelope.reverse_path)
    return found
