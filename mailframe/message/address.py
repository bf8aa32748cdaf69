"""Mailbox addresses as values, and the one parser for them (RFC 5321 section 4.1.2, RFC 6531).

`Address` is what every room passes around. The forms a client may write in MAIL and RCPT (quoted local
parts, address literals, source routes) are parsed by `parse_path`, which is used everywhere; people and
configuration write a plain mailbox, which `parse_mailbox` reads with the same rules. Addresses inside header
fields follow another grammar: see `mailframe.message.addresslist`.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from .idn import to_ascii, to_unicode
from .status import ProtocolError, Status

LOCAL_PART_LIMIT = 64
"""Octets in the local part of an address that may be one of ours (RFC 5321 section 4.5.3.1.1)."""
DOMAIN_LIMIT = 255
"""Octets in a domain (RFC 5321 section 4.5.3.1.2)."""
PATH_LIMIT = 256
"""Octets in a path with its angle brackets, source route not counted (RFC 5321 section 4.5.3.1.3)."""

_LABEL_LIMIT = 63
_DIGITS_AND_LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HIGH = bytes(range(0x80, 0x100))
_ATOM = rb"[0-9A-Za-z!#$%&'*+\-/=?^_`{|}~\x80-\xff]+"
_DOT_STRING = re.compile(_ATOM + rb"(?:\." + _ATOM + rb")*")
_PRINTABLE = bytes(range(0x20, 0x7F)) + _HIGH
# An underscore is not in the grammar of a domain, but hosts that have one send mail, and Postfix and Exim
# take it too. A label never starts or ends with a hyphen.
_DOMAIN = _DIGITS_AND_LETTERS + b"-_." + _HIGH
_DCONTENT = bytes(range(33, 91)) + bytes(range(94, 127))

_NOT_ASCII_SENDER = Status((5, 6, 7), "Address is not ASCII, and SMTPUTF8 was not given", reply_code=550)
NOT_ASCII_RECIPIENT = Status((5, 6, 7), "Address is not ASCII, and SMTPUTF8 was not given", reply_code=553)


class _SyntaxFault(Exception):
    """What is wrong with an address, in words that fit behind a colon."""


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox address.

    Equal addresses have the same local part, letter for letter (its meaning belongs to the domain's own
    host, RFC 5321 section 2.4), and the same domain without regard to case and to whether it is spelled in A-labels
    or U-labels. An address never has control characters, so it may be written into a header field or a command as
    it is.

    Attributes:
        local_part: the local part as meant, without quoting: ``john doe``, never ``"john doe"``.
        domain: the domain in lower case and in U-labels (`mailframe.message.idn`), or an address literal with its
            brackets. Empty only for the bare ``Postmaster`` of RFC 5321 section 4.1.1.3.

    Raises:
        ValueError: when made with a control character or a surrogate in it.
    """

    local_part: str
    domain: str

    def __post_init__(self) -> None:
        domain = self.domain
        if not self.local_part.isprintable() or not domain.isprintable():
            _refuse_controls(self.local_part + domain)
        if domain.startswith("["):
            return
        if not domain.islower():
            domain = domain.lower()
            object.__setattr__(self, "domain", domain)
        if "xn--" in domain:
            object.__setattr__(self, "domain", to_unicode(domain))

    @property
    def is_ascii(self) -> bool:
        """False when the address needs SMTPUTF8 (RFC 6531): its local part is not ASCII; domains have A-labels."""
        return self.local_part.isascii() and (self.domain.isascii() or _ascii_domain(self.domain) is not None)

    @property
    def is_literal(self) -> bool:
        """True when the domain is an address literal such as ``[192.0.2.1]``."""
        return self.domain.startswith("[")

    def __str__(self) -> str:
        """The mailbox as people read it, its local part quoted where it must be, its domain in U-labels."""
        local_part = quote_local_part(self.local_part)
        return f"{local_part}@{self.domain}" if self.domain else local_part

    def __bytes__(self) -> bytes:
        """As it is written between angle brackets: ASCII with A-labels where `is_ascii`, otherwise UTF-8."""
        domain = self.domain
        if domain.isascii() or not self.local_part.isascii():
            return str(self).encode()
        return f"{quote_local_part(self.local_part)}@{_ascii_domain(domain) or domain}".encode()


def _ascii_domain(domain: str) -> str | None:
    try:
        return to_ascii(domain)
    except ValueError:
        return None


def quote_local_part(local_part: str) -> str:
    """The local part as RFC 5321 writes it: a dot-string where it is one, otherwise a quoted string."""
    if _is_dot_string(local_part.encode("utf-8", "replace")):
        return local_part
    return '"' + local_part.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_path(octets: bytes) -> tuple[bytes, bytes]:
    """Part the path of a MAIL or RCPT command from what follows it.

    A path that starts with ``<`` ends behind its ``>``; quotes and address literals are respected. Without
    ``<`` (some clients leave the brackets out) it ends before the first space outside quotes; a caller that
    is so lenient puts brackets around before `parse_path`.

    Args:
        octets: what stands behind ``FROM:`` or ``TO:``, without leading spaces.

    Returns:
        The path, and all that follows it (parameters with the space before them, or ``b""``). Where the end of
        the path is missing, everything is path, which `parse_path` then refuses.
    """
    stop = b">" if octets.startswith(b"<") else b" "
    end = octets.find(stop)
    if end >= 0 and (octets.find(b'"', 0, end) >= 0 or octets.find(b"[", 0, end) >= 0):
        end = _find_outside_quotes(octets, stop[0])
    if end < 0:
        return octets, b""
    if stop == b">":
        end += 1
    return octets[:end], octets[end:]


def parse_path(
    octets: bytes,
    *,
    smtputf8: bool,
    null_allowed: bool,
    postmaster_allowed: bool = False,
    local_part_limit: int | None = None,
) -> Address | None:
    """Read a reverse-path or forward-path with its angle brackets (RFC 5321 section 4.1.2).

    A source route (``<@a,@b:user@c>``) is accepted and dropped (RFC 5321 section 4.1.1.3, appendix C).

    Args:
        octets: the path, ``<`` to ``>``, as `split_path` gives it.
        smtputf8: was SMTPUTF8 given, so that UTF-8 may be in it (RFC 6531)?
        null_allowed: True for a reverse-path: ``<>`` is understood, and errors speak of the sender.
        postmaster_allowed: may it be ``<Postmaster>`` without a domain?
        local_part_limit: octets in the local part. None means `LOCAL_PART_LIMIT` for a forward-path and only
            the path's own limit for a reverse-path: mailing list software sends from longer ones, and
            RFC 5321 section 4.5.3.1 asks to impose no limit where none is needed.

    Returns:
        The address; None for the null reverse-path.

    Raises:
        ProtocolError: 5.1.7 (sender) or 5.1.3 (recipient) for bad syntax, 5.6.7 for an address that is not
            ASCII without SMTPUTF8.
    """
    if octets == b"<>" and null_allowed:
        return None
    try:
        if not octets.startswith(b"<") or not octets.endswith(b">"):
            raise _SyntaxFault("it must stand between < and >")
        mailbox = _without_route(octets[1:-1])
        if not smtputf8 and not mailbox.isascii():
            raise ProtocolError(_NOT_ASCII_SENDER if null_allowed else NOT_ASCII_RECIPIENT)
        if postmaster_allowed and mailbox.lower() == b"postmaster":
            return Address("postmaster", "")
        if local_part_limit is None:
            local_part_limit = PATH_LIMIT if null_allowed else LOCAL_PART_LIMIT
        return _parse_mailbox(mailbox, local_part_limit)
    except _SyntaxFault as fault:
        raise ProtocolError(_syntax_status(fault, sender=null_allowed)) from None


def parse_mailbox(text: str) -> Address:
    """Read a mailbox as people and configuration files write it: ``alice@example.test``.

    White space around it is dropped; angle brackets, a source route or a missing domain are errors.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    text = text.strip()
    try:
        return _parse_mailbox(text.encode(), LOCAL_PART_LIMIT)
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not a mail address: it is not valid Unicode") from None
    except _SyntaxFault as fault:
        raise ValueError(f"{text!r} is not a mail address: {fault}") from None


def parse_domain(text: str) -> str:
    """Read a domain as people and configuration files write it, and give it in lower case and in U-labels.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    text = text.strip()
    try:
        return to_unicode(_parse_domain(text.encode()))
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not a domain: it is not valid Unicode") from None
    except _SyntaxFault as fault:
        raise ValueError(f"{text!r} is not a domain: {fault}") from None


def _syntax_status(fault: _SyntaxFault, *, sender: bool) -> Status:
    if sender:
        return Status((5, 1, 7), f"Bad sender address syntax: {fault}", reply_code=501)
    return Status((5, 1, 3), f"Bad recipient address syntax: {fault}", reply_code=501)


def _refuse_controls(text: str) -> None:
    for character in text:
        # C0 and C1 controls, the Unicode line ends and lone surrogates would break lines or encoding.
        if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs"):
            raise ValueError(f"an address cannot have the character U+{ord(character):04X}")


def _find_outside_quotes(octets: bytes, stop: int) -> int:
    position, end = 0, len(octets)
    quoted = literal = False
    while position < end:
        octet = octets[position]
        if quoted:
            if octet == 0x5C:  # a backslash takes the next octet with it
                position += 1
            elif octet == 0x22:
                quoted = False
        elif octet == stop and not literal:
            return position
        elif octet == 0x22 and not literal:
            quoted = True
        elif octet == 0x5B:
            literal = True
        elif octet == 0x5D:
            literal = False
        position += 1
    return -1


def _without_route(path: bytes) -> bytes:
    if not path.startswith(b"@"):
        return path
    route, colon, mailbox = path.partition(b":")
    # A domain literal of a route may have colons of its own: <@[IPv6:::1]:user@example.test>.
    while colon and route.count(b"[") > route.count(b"]"):
        more, colon, mailbox = mailbox.partition(b":")
        route += b":" + more
    if not colon:
        raise _SyntaxFault("the source route has no end")
    for hop in route.split(b","):
        if not hop.startswith(b"@"):
            raise _SyntaxFault("a source route names @domains, parted by commas")
        _parse_domain(hop[1:])
    return mailbox


def _parse_mailbox(mailbox: bytes, local_part_limit: int) -> Address:
    if mailbox.startswith(b'"'):
        local_part, rest = _parse_quoted(mailbox)
        if not rest.startswith(b"@"):
            raise _SyntaxFault("an @ must follow the quoted local part")
        domain = rest[1:]
    else:
        local_part, at, domain = mailbox.partition(b"@")
        if not at:
            raise _SyntaxFault("it has no @")
        if not _is_dot_string(local_part):
            raise _SyntaxFault("the local part has a character or a dot where none may be")
    if len(local_part) > local_part_limit:
        raise _SyntaxFault(f"the local part is longer than {local_part_limit} octets")
    if len(mailbox) + 2 > PATH_LIMIT:
        raise _SyntaxFault(f"it is longer than {PATH_LIMIT} octets")
    try:
        return Address(local_part.decode(), _parse_domain(domain))
    except UnicodeDecodeError:
        raise _SyntaxFault("it is not valid UTF-8") from None
    except ValueError:
        raise _SyntaxFault("it has a control character") from None


def _is_dot_string(local_part: bytes) -> bool:
    return _DOT_STRING.fullmatch(local_part) is not None


def _parse_quoted(mailbox: bytes) -> tuple[bytes, bytes]:
    """The content of the quoted string the mailbox starts with, and what follows it."""
    content = bytearray()
    position, end = 1, len(mailbox)
    while position < end:
        octet = mailbox[position]
        if octet == 0x22:
            if content.translate(None, _PRINTABLE):
                raise _SyntaxFault("the quoted local part has a control character")
            return bytes(content), mailbox[position + 1 :]
        if octet == 0x5C:
            position += 1
            if position >= end:
                break
            octet = mailbox[position]
        content.append(octet)
        position += 1
    raise _SyntaxFault("the quoted local part has no end")


def _parse_domain(domain: bytes) -> str:
    if not domain:
        raise _SyntaxFault("it has no domain")
    if len(domain) > DOMAIN_LIMIT:
        raise _SyntaxFault(f"the domain is longer than {DOMAIN_LIMIT} octets")
    if domain.startswith(b"["):
        return _parse_literal(domain)
    if domain.translate(None, _DOMAIN):
        raise _SyntaxFault("the domain has a character that no domain has")
    for label in domain.split(b"."):
        if not 1 <= len(label) <= _LABEL_LIMIT:
            raise _SyntaxFault(f"between the domain's dots there must be 1 to {_LABEL_LIMIT} octets")
        if label.startswith(b"-") or label.endswith(b"-"):
            raise _SyntaxFault("no label of a domain starts or ends with a hyphen")
    try:
        text = domain.decode()
    except UnicodeDecodeError:
        raise _SyntaxFault("the domain is not valid UTF-8") from None
    if text.isascii():
        return text.lower()
    # RFC 5890 section 2.3.2.1: a U-label is in Unicode's normal form C, and what IDNA 2008 allows.
    text = unicodedata.normalize("NFC", text.lower())
    if _ascii_domain(text) is None:
        raise _SyntaxFault("the domain is no internationalised domain name")
    return text


def _parse_literal(domain: bytes) -> str:
    """An address literal in one spelling (RFC 5321 section 4.1.3)."""
    content = domain[1:-1]
    if not domain.endswith(b"]") or not content or content.translate(None, _DCONTENT):
        raise _SyntaxFault("the address literal is not well formed")
    text = content.decode("ascii")
    tag, colon, value = text.partition(":")
    try:
        if not colon:
            return f"[{ipaddress.IPv4Address(text)}]"
        if tag.lower() == "ipv6":
            if "%" in value:
                raise ValueError(value)  # a zone has no meaning on another host
            return f"[IPv6:{ipaddress.IPv6Address(value)}]"
    except ValueError:
        raise _SyntaxFault("the address literal is not an IP address") from None
    if not value or tag.encode().translate(None, _DIGITS_AND_LETTERS + b"-") or tag.endswith("-") or not tag:
        raise _SyntaxFault("the address literal is not well formed")
    return f"[{tag}:{value}]"
