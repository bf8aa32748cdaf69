"""What to say to one server about one message: which of its needs are met, and what is refused without asking.

The rules of the extensions, from the sender's side. What a server does not offer is either left out because nothing
is lost that cannot be told later (DSN, MT-PRIORITY, FUTURERELEASE, AUTH=), or done without (SIZE, 8BITMIME by
converting, SMTPUTF8 where A-labels will do), or the reason to refuse (REQUIRETLS, SMTPUTF8, DELIVERBY with mode R).

An internationalised header needs SMTPUTF8 (RFC 6531 section 3.1). But a header that is UTF-8 in a message which came
without SMTPUTF8 is somebody's old program, and common: where the server offers SMTPUTF8 it is said, and otherwise the
message goes on as it came, as 8-bit content. To bounce what we accepted would help nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailframe.dialogue.dotstuffing import BARE_IN_CONTENT
from mailframe.message import esmtp
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.status import MailframeError, Status

from .capabilities import Capabilities
from .content import Facts
from .downgrade import NOT_CONVERTIBLE, Target
from .settings import ClientSettings

TOO_LARGE: Final = Status((5, 3, 4), "The message is larger than the next server takes")
NEEDS_SMTPUTF8: Final = Status(
    (5, 6, 7), "The message needs SMTPUTF8, which the next server does not have", reply_code=550
)
NEEDS_REQUIRETLS: Final = Status((5, 7, 30), "The next server cannot promise TLS (REQUIRETLS)")
NEEDS_DELIVERBY: Final = Status((5, 3, 3), "The next server cannot promise delivery by a time (DELIVERBY)")
TOO_LATE: Final = Status((5, 4, 7), "The time by which the message had to be delivered is over")
BAD_ENVELOPE: Final = Status((5, 5, 4), "An address or a parameter cannot be sent")


@dataclass(frozen=True, slots=True)
class Security:
    """What protects a connection.

    Attributes:
        tls: TLS is on.
        verified: and the server is who it should be.
    """

    tls: bool = False
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How a message goes to one server.

    Attributes:
        mail: the MAIL command.
        rcpts: a RCPT command for each recipient, or why it cannot be said.
        chunked: by BDAT.
        binary: as BODY=BINARYMIME.
        target: what the content has to be converted to; None to send it as it is.
        normalise: line ends have to be put right.
        dsn: the server takes over notifications.
    """

    mail: bytes
    rcpts: Sequence[bytes | Status]
    chunked: bool
    binary: bool
    target: Target | None
    normalise: bool
    dsn: bool


def prepare(
    envelope: Envelope,
    recipients: Sequence[Recipient],
    facts: Facts,
    capabilities: Capabilities,
    security: Security,
    settings: ClientSettings,
    age: float = 0.0,
) -> Plan:
    """What to say.

    Args:
        envelope: the reverse-path and the parameters of MAIL; its own recipients do not matter.
        recipients: to whom it goes over this server.
        facts: what the content is.
        capabilities: the server's.
        security: the connection's.
        settings: ours.
        age: seconds since the message was received, which count for DELIVERBY and FUTURERELEASE.

    Raises:
        MailframeError: the message cannot go to this server at all, and why.
    """
    if envelope.require_tls and not (security.verified and "REQUIRETLS" in capabilities):
        raise MailframeError(NEEDS_REQUIRETLS)
    limit = capabilities.size_limit
    if limit is not None and facts.size > limit:
        raise MailframeError(TOO_LARGE.with_text(f"{TOO_LARGE.text}: {facts.size} octets, not {limit}"))
    binary, target = _transport(envelope, facts, capabilities, settings)
    normalise = not binary and envelope.body != "BINARYMIME" and (facts.bare or not facts.ended)
    if normalise and facts.bare and settings.line_ends == "refuse":
        raise MailframeError(BARE_IN_CONTENT)
    international = _international(envelope, recipients, facts, capabilities)
    words = [
        *_content_words(envelope, facts, capabilities, binary, converted=normalise or target is not None),
        *(["SMTPUTF8"] if international else []),
        *_service_words(envelope, capabilities, settings, age),
    ]
    mail = _command(b"MAIL FROM:", envelope.reverse_path, words, international)
    if isinstance(mail, Status):
        raise MailframeError(mail)
    chunked = binary or (settings.chunking and "CHUNKING" in capabilities)
    rcpts = [_rcpt(recipient, capabilities, international) for recipient in recipients]
    return Plan(mail, rcpts, chunked, binary, target, normalise, "DSN" in capabilities)


def _transport(
    envelope: Envelope, facts: Facts, capabilities: Capabilities, settings: ClientSettings
) -> tuple[bool, Target | None]:
    """Goes it as BINARYMIME, and what must it be made?"""
    eight_bit = "8BITMIME" in capabilities
    if envelope.body == "BINARYMIME":
        if "BINARYMIME" in capabilities and "CHUNKING" in capabilities:
            return True, None
        target: Target = "8bit" if eight_bit else "7bit"
    elif eight_bit or not facts.eight_bit:
        return False, None
    else:
        target = "7bit"
    if not settings.convert:
        raise MailframeError(NOT_CONVERTIBLE)
    return False, target


def _international(
    envelope: Envelope, recipients: Sequence[Recipient], facts: Facts, capabilities: Capabilities
) -> bool:
    """Is SMTPUTF8 said?

    Raises:
        MailframeError: it is needed by the sender's address or the header, and not offered.
    """
    offered = "SMTPUTF8" in capabilities
    sender_needs = envelope.reverse_path is not None and not bytes(envelope.reverse_path).isascii()
    if not offered:
        if sender_needs or (facts.utf8_header and envelope.smtputf8):
            raise MailframeError(NEEDS_SMTPUTF8)
        return False
    paths = any(not bytes(recipient.forward_path).isascii() for recipient in recipients)
    return sender_needs or paths or facts.utf8_header


def _content_words(
    envelope: Envelope, facts: Facts, capabilities: Capabilities, binary: bool, *, converted: bool
) -> list[str]:
    words = []
    if "SIZE" in capabilities and not converted:
        words.append(f"SIZE={facts.size}")
    if binary:
        words.append("BODY=BINARYMIME")
    elif "8BITMIME" in capabilities and (facts.eight_bit or envelope.body != "7BIT"):
        words.append("BODY=8BITMIME")
    return words


def _service_words(
    envelope: Envelope, capabilities: Capabilities, settings: ClientSettings, age: float
) -> list[str]:
    parameters = envelope.parameters
    words = []
    if "DSN" in capabilities:
        words += [f"{key}={parameters[key]}" for key in ("RET", "ENVID") if parameters.get(key)]
    if envelope.require_tls:
        words.append("REQUIRETLS")
    if "MT-PRIORITY" in capabilities and parameters.get("MT-PRIORITY"):
        words.append(f"MT-PRIORITY={envelope.priority}")
    words += _times(envelope, capabilities, age)
    if "AUTH" in capabilities and "AUTH" in parameters:
        submitter = envelope.submitter if settings.trust_submitter else None
        words.append(f"AUTH={esmtp.format_auth(submitter)}")
    return words


def _times(envelope: Envelope, capabilities: Capabilities, age: float) -> list[str]:
    words = []
    by = envelope.deliver_by
    if by is not None:
        words += _deliver_by(by, capabilities, int(age))
    hold, until = envelope.hold_for, envelope.parameters.get("HOLDUNTIL")
    if hold is not None and 0 < hold - int(age) <= capabilities.longest_hold:
        words.append(f"HOLDFOR={hold - int(age)}")
    elif until and "FUTURERELEASE" in capabilities:
        words.append(f"HOLDUNTIL={until}")
    return words


def _deliver_by(by: esmtp.DeliverBy, capabilities: Capabilities, age: int) -> list[str]:
    """RFC 2852 section 4.1: the time that is left; with mode R only to who promises to keep it."""
    left = by.seconds - age
    if by.mode == "R":
        if left <= 0:
            raise MailframeError(TOO_LATE)
        if "DELIVERBY" not in capabilities or left < capabilities.least_by_time:
            raise MailframeError(NEEDS_DELIVERBY)
    if "DELIVERBY" not in capabilities:
        return []
    return [f"BY={esmtp.format_deliver_by(esmtp.DeliverBy(left, by.mode, by.trace))}"]


def _rcpt(recipient: Recipient, capabilities: Capabilities, international: bool) -> bytes | Status:
    words = []
    if "DSN" in capabilities:
        if recipient.parameters.get("NOTIFY"):
            words.append(f"NOTIFY={recipient.parameters['NOTIFY']}")
        original = recipient.parameters.get("ORCPT")
        if original:
            words.append(f"ORCPT={_original(original, international)}")
    return _command(b"RCPT TO:", recipient.forward_path, words, international)


def _original(value: str, international: bool) -> str:
    """ORCPT is passed on as it is (RFC 3461 section 5.2.1), but for UTF-8 to who does not know it (RFC 6533)."""
    if international or value.isascii():
        return value
    try:
        return esmtp.format_original_recipient(esmtp.parse_original_recipient(value))
    except ValueError:
        return value


def _command(verb: bytes, path: Address | None, words: Sequence[str], international: bool) -> bytes | Status:
    """A command, or why it cannot be said; an address has A-labels where it is ASCII otherwise."""
    address = b"" if path is None else bytes(path)
    if not international and not address.isascii():
        return NEEDS_SMTPUTF8
    if not international and not all(word.isascii() for word in words):
        return BAD_ENVELOPE
    command = verb + b"<" + address + b">" + b"".join([b" " + word.encode() for word in words])
    # An envelope that was read from the wire has no such thing; one that somebody made by hand may.
    if any(octet < 32 or octet == 127 for octet in command) or any(" " in word for word in words):
        return BAD_ENVELOPE
    return command
