"""Grants: addresses, or whole domains, that an account may send from although they are not its own.

A grant's subject is kept as text: ``info@example.net`` for an address, ``@example.net`` for all of a domain.
"""

from __future__ import annotations

from mailframe.message.address import Address, parse_mailbox
from mailframe.message.status import MailframeError

from .names import BAD_ADDRESS, checked_domain, comparable_domain, name_of


def checked_subject(subject: str) -> str:
    """What somebody wants to grant, in the form it is kept.

    Args:
        subject: an address, or a domain with ``@`` or ``*@`` before it.

    Raises:
        MailframeError: it is neither.
    """
    if subject.startswith(("@", "*@")):
        return "@" + checked_domain(subject.partition("@")[2])
    try:
        return name_of(parse_mailbox(subject))
    except ValueError as error:
        raise MailframeError(BAD_ADDRESS, f"{error}; a whole domain is granted as @example.test") from None


def subjects_of(address: Address) -> tuple[str, str]:
    """The two subjects by which an address may be granted: itself, and its domain."""
    return name_of(address), "@" + comparable_domain(address.domain)
