"""Names of domains and accounts: one form for comparing, and what is allowed when one is added.

Domains are compared as A-labels in lower case (RFC 5891), local parts in NFC and lower case (RFC 6530 leaves
that to the receiving side). Looking up never refuses: a name that could not be added is merely unknown.
"""

from __future__ import annotations

import unicodedata

import idna

from mailframe.message.address import Address
from mailframe.message.status import MailframeError, Status

BAD_ADDRESS = Status((5, 1, 3), "This is no address an account can have", "CANNOT")
BAD_DOMAIN = Status((5, 1, 2), "This is no domain name", "CANNOT")

# RFC 5322 atext without the slash: account names become names of directories.
_ATEXT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-=?^_`{|}~.")
_LDH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def comparable_domain(domain: str) -> str:
    """The form in which domains are compared: A-labels in lower case, without a final dot."""
    domain = domain.lower().removesuffix(".")
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


def comparable_local_part(local_part: str) -> str:
    """The form in which local parts are compared."""
    if local_part.isascii():
        return local_part.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local_part).lower())


def comparable(address: Address) -> Address:
    """The form in which addresses are compared and kept."""
    return Address(comparable_local_part(address.local_part), comparable_domain(address.domain))


def name_of(address: Address) -> str:
    """The canonical account name an address would have: ``alice@example.test``."""
    return f"{comparable_local_part(address.local_part)}@{comparable_domain(address.domain)}"


def split_name(name: str) -> Address:
    """An account name taken apart for comparing; without an ``@`` the domain is empty."""
    local_part, at, domain = name.rpartition("@")
    return comparable(Address(local_part, domain) if at else Address(name, ""))


def checked_domain(domain: str) -> str:
    """A domain that may be added, in the form it is kept.

    Raises:
        MailframeError: it is no domain name (RFC 1123 section 2.1, RFC 5891).
    """
    domain = comparable_domain(domain)
    labels = domain.split(".")
    if len(domain) > 253 or not all(map(_is_label, labels)):
        raise MailframeError(BAD_DOMAIN, f"no domain name: {domain!r}")
    return domain


def checked_address(address: Address) -> Address:
    """An address that may be added, in the form it is kept.

    Raises:
        MailframeError: the local part is no dot-string (RFC 5321 section 4.1.2) or has a slash; or the domain
            is none.
    """
    address = Address(comparable_local_part(address.local_part), checked_domain(address.domain))
    if not _is_local_part(address.local_part):
        raise MailframeError(BAD_ADDRESS, f"no address for an account: {address.local_part!r}")
    return address


def checked_name(name: str) -> Address:
    """An account name that may be added, taken apart.

    Raises:
        MailframeError: as `checked_address`.
    """
    local_part, _, domain = name.rpartition("@")
    return checked_address(Address(local_part, domain))


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and _LDH.issuperset(label) and label[0] != "-" and label[-1] != "-"


def _is_local_part(local_part: str) -> bool:
    if not local_part or len(local_part.encode("utf-8", "replace")) > 64:
        return False
    if local_part[0] == "." or local_part[-1] == "." or ".." in local_part:
        return False
    return all(character in _ATEXT or _is_letter(character) for character in local_part)


def _is_letter(character: str) -> bool:
    """RFC 6531 allows all of UTF-8 here; letters, marks and digits are what people's names have."""
    return not character.isascii() and unicodedata.category(character)[0] in "LMN"
