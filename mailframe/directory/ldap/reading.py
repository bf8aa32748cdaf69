"""What entries of an LDAP server say, as the directory's values."""

from __future__ import annotations

from mailframe.directory.names import address_of, checked_name, comparable_domain
from mailframe.directory.passwords import is_hash
from mailframe.directory.values import Account, Credential
from mailframe.message.status import MailframeError

from .connections import Found
from .options import LDAPOptions
from .presets import attributes_of

ELSEWHERE = ("nolocal", "forwardonly")
"""Values of qmail-ldap's deliveryMode for accounts that keep nothing."""


class Reading:
    """Reads entries by the attributes that are configured.

    Args:
        options: which they are.

    Attributes:
        attributes: those, with what the preset says.
        default: the domain of names without one; "" for none.
        passwords: are they read here, and not checked by the server?
    """

    def __init__(self, options: LDAPOptions) -> None:
        self.attributes = attributes_of(options)
        self.default = comparable_domain(options.default_domain)
        self.passwords = self.attributes.login == "read"

    def credential(self, found: Found) -> Credential:
        """An account with what its password is checked against."""
        attributes = self.attributes
        name = self.names(found)[0]
        status = texts(found, attributes.status_attribute)
        said = self.sane_all(found, attributes.forward_attribute)
        forwards = [each for each in said if each != name]
        own = name in said
        if attributes.mode_attribute:
            own = not any(mode.lower() in ELSEWHERE for mode in texts(found, attributes.mode_attribute))
        quota = "".join(texts(found, attributes.quota_attribute)[:1])
        account = Account(
            name,
            enabled=not status or _enabled(status[0], attributes.disabled_bit),
            quota=int(quota) if quota.isdecimal() else 0,
            store="".join(texts(found, attributes.store_attribute)[:1]),
            forwards=tuple(map(address_of, forwards)),
            keeps_copy=own or not forwards,
        )
        kept = texts(found, attributes.password_attribute) if self.passwords else []
        return Credential(account, _password_hash(kept))

    def names(self, found: Found) -> list[str]:
        """An account's names; the first one has the mail."""
        return self.sane_all(found, self.attributes.name_attribute)

    def sane_all(self, found: Found, attribute: str) -> list[str]:
        """The values of an attribute that can be addresses, as these are compared."""
        names = texts(found, attribute)
        if self.default:
            names = [each if "@" in each else f"{each}@{self.default}" for each in names]
        return [name for name in map(sane, names) if name]

    def wanted(self) -> list[str]:
        """The attributes that make an account."""
        attributes = self.attributes
        wanted = [
            *(attributes.name_attribute, attributes.quota_attribute),
            *([attributes.password_attribute] if self.passwords else []),
            *(attributes.store_attribute, attributes.forward_attribute, attributes.status_attribute),
            attributes.mode_attribute,
        ]
        return [each for each in wanted if each]


def texts(found: Found, attribute: str) -> list[str]:
    """The values of an attribute."""
    return [value.decode("utf-8", "replace") for value in found.values.get(attribute.lower(), ())]


def _enabled(status: str, disabled_bit: int) -> bool:
    if not disabled_bit:
        return status.lower() == "active"
    return not (status.isdecimal() and int(status) & disabled_bit)


def sane(name: str) -> str:
    """A name that an account can have, in the form in which names are compared; "" for any other."""
    try:
        return checked_name(name)
    except MailframeError:
        return ""


def _password_hash(values: list[str]) -> str:
    """The first that can be checked; text without a scheme is the password itself (RFC 4519 section 2.41)."""
    for value in values:
        if is_hash(value):
            return value
        if value and not value.startswith("{"):
            return "{PLAIN}" + value
    return ""
