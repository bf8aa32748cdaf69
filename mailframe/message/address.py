"""Mailbox addresses as values, and the one parser for them (RFC 5321 section 4.1.2, RFC 6531).

`Address` is what every room passes around. The forms a client may write in MAIL and RCPT (quoted local
parts, address literals, source routes) are parsed by `parse_path`, which is used everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox address.

    Attributes:
        local_part: the local part as meant, without quoting: ``john doe``, never ``"john doe"``.
        domain: the domain in lower case, or an address literal with its brackets. Empty only for the
            bare ``Postmaster`` of RFC 5321 section 4.1.1.3.
    """

    local_part: str
    domain: str

    @property
    def is_ascii(self) -> bool:
        """False when the address needs SMTPUTF8 (RFC 6531)."""
        return self.local_part.isascii() and self.domain.isascii()
