"""The envelope: reverse-path, forward-paths and their parameters (RFC 5321 section 2.3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

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
