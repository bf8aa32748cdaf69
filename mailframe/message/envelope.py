"""The envelope: reverse-path, forward-paths and their parameters (RFC 5321 section 2.3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from . import esmtp
from .address import Address


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted forward-path with the parameters of its RCPT command.

    Attributes:
        forward_path: the address as the client gave it, parsed.
        parameters: ESMTP parameters, upper-case keyword to value (None where it has none), such as
            ``NOTIFY`` and ``ORCPT`` (RFC 3461).
    """

    forward_path: Address
    parameters: dict[str, str | None] = field(default_factory=dict)

    @property
    def notify(self) -> esmtp.Notify | None:
        """When the sender wants to hear; None where NOTIFY was not given: of failures, perhaps of delays."""
        value = self.parameters.get("NOTIFY")
        return None if value is None else esmtp.parse_notify(value)

    @property
    def original_recipient(self) -> esmtp.OriginalRecipient | None:
        """Whom the sender wrote to (ORCPT), or None where it is not told."""
        value = self.parameters.get("ORCPT")
        return None if value is None else esmtp.parse_original_recipient(value)


@dataclass(slots=True)
class Envelope:
    """An envelope that is being filled by MAIL and RCPT.

    Attributes:
        reverse_path: the originator's address; None is the null reverse-path ``<>``.
        recipients: accepted recipients in the order of their RCPT commands.
        parameters: ESMTP parameters of MAIL, upper-case keyword to value: ``SIZE``, ``BODY``,
            ``SMTPUTF8``, ``RET``, ``ENVID``, ``AUTH`` ...
    """

    reverse_path: Address | None
    recipients: list[Recipient] = field(default_factory=list)
    parameters: dict[str, str | None] = field(default_factory=dict)

    @property
    def smtputf8(self) -> bool:
        """True when the client announced internationalised mail (RFC 6531)."""
        return "SMTPUTF8" in self.parameters

    @property
    def body(self) -> str:
        """The BODY parameter in upper case: 7BIT where none was given (RFC 6152)."""
        return (self.parameters.get("BODY") or "7BIT").upper()

    @property
    def size(self) -> int | None:
        """The size that the client declared, octets, or None (RFC 1870)."""
        value = self.parameters.get("SIZE")
        return None if value is None else esmtp.parse_size(value)

    @property
    def ret(self) -> esmtp.Return | None:
        """What a notification should bring back (RET), or None where it is left to us (RFC 3461)."""
        value = self.parameters.get("RET")
        return None if value is None else esmtp.parse_return(value)

    @property
    def envelope_id(self) -> str | None:
        """The sender's own name for this message (ENVID), decoded, or None (RFC 3461)."""
        value = self.parameters.get("ENVID")
        return None if value is None else esmtp.parse_envelope_id(value)

    @property
    def submitter(self) -> Address | None:
        """Who submitted the message first (AUTH=), where somebody trusted said so (RFC 4954 section 5)."""
        value = self.parameters.get("AUTH")
        return None if value is None else esmtp.parse_auth(value)

    @property
    def require_tls(self) -> bool:
        """True when the message must travel under verified TLS all the way (RFC 8689)."""
        return "REQUIRETLS" in self.parameters

    @property
    def priority(self) -> int:
        """-9 to 9; 0 where none was given (RFC 6710)."""
        value = self.parameters.get("MT-PRIORITY")
        return 0 if value is None else esmtp.parse_priority(value)

    @property
    def hold_for(self) -> int | None:
        """Seconds to keep the message from when it was received (HOLDFOR, RFC 4865), or None."""
        value = self.parameters.get("HOLDFOR")
        return None if value is None else esmtp.parse_hold_for(value)

    @property
    def hold_until(self) -> datetime | None:
        """The time before which the message is not sent (HOLDUNTIL, RFC 4865), or None."""
        value = self.parameters.get("HOLDUNTIL")
        return None if value is None else esmtp.parse_hold_until(value)

    @property
    def deliver_by(self) -> esmtp.DeliverBy | None:
        """By when the message has to arrive (BY, RFC 2852), or None."""
        value = self.parameters.get("BY")
        return None if value is None else esmtp.parse_deliver_by(value)
