"""Variable envelope return paths: a reverse-path for each recipient, so that who failed can be read from the address.

``XVERP`` with MAIL asks for them, as Postfix understands it: of ``list@example.test`` and the recipient
``bob@example.net`` becomes ``list+bob=example.net@example.test``. The sender's host takes the two characters as it
likes, ``XVERP=-=`` for example.
"""

from __future__ import annotations

from typing import Final

from .address import PATH_LIMIT, Address, parse_mailbox
from .envelope import Envelope, Recipient

KEYWORD: Final = "XVERP"
"""The parameter of MAIL, and the keyword of EHLO."""
DELIMITERS: Final = "+="
"""What stands before the recipient and in place of its ``@``, where the sender does not say."""
ALLOWED: Final = "+=-"
"""Characters that a sender may choose of."""


def parse_delimiters(value: str | None) -> tuple[str, str]:
    """The value of XVERP: two characters, or none for the usual ones.

    Returns:
        What stands before the recipient, and what in place of its ``@``.

    Raises:
        ValueError: with words that fit into a reply.
    """
    if value is None:
        value = DELIMITERS
    if len(value) != 2 or not set(value) <= set(ALLOWED):
        raise ValueError(f"XVERP has two of the characters {ALLOWED}")
    return value[0], value[1]


def asked(envelope: Envelope) -> bool:
    """Does each recipient of this message get a reverse-path of its own?"""
    return envelope.reverse_path is not None and KEYWORD in envelope.parameters


def reverse_path(envelope: Envelope, recipient: Recipient) -> Address | None:
    """The reverse-path that a message has for one recipient.

    Args:
        envelope: reverse-path and parameters of the message.
        recipient: one of its recipients. It is named as the sender wrote it (ORCPT), where that is known.

    Returns:
        A path of its own where the sender asked for that; otherwise, and where it would be longer than a path may be
        (RFC 5321 section 4.5.3.1.3), the envelope's.
    """
    sender = envelope.reverse_path
    if sender is None or KEYWORD not in envelope.parameters:
        return sender
    before, at = parse_delimiters(envelope.parameters[KEYWORD])
    named = _named(recipient)
    domain = f"{at}{named.domain}" if named.domain else ""
    path = Address(f"{sender.local_part}{before}{named.local_part}{domain}", sender.domain)
    return path if len(bytes(path)) + 2 <= PATH_LIMIT else sender


def _named(recipient: Recipient) -> Address:
    original = recipient.original_recipient
    if original is not None and original.address_type in ("rfc822", "utf-8"):
        try:
            return parse_mailbox(original.address)
        except ValueError:
            pass
    return recipient.forward_path
