"""The directory in an LDAP server. Nothing of it runs in the reactor's thread; nothing is remembered here."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import alsoProvides, implementer

from mailframe.directory.interfaces import ICredentialSource, IDirectory, IVerifyPasswords
from mailframe.directory.metrics import LOOKUP_ASKED, LOOKUP_FAILED
from mailframe.directory.names import address_of, checked_name, comparable_domain, name_of
from mailframe.directory.passwords import is_hash
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.sasl.saslprep import saslprep

from .connections import Connections, Found
from .filters import both, either, equals, in_name
from .options import LDAPOptions
from .presets import attributes_of

ANY = "(objectClass=*)"
MEMBERS = 1000
"""A group has no more: each member is an entry to be read."""
ELSEWHERE = ("nolocal", "forwardonly")
"""Values of qmail-ldap's deliveryMode for accounts that keep nothing."""

_FIELD = re.compile(r"\{(address|local|domain)\}")
_PLACES = frozenset({"address", "local", "domain"})
_T = TypeVar("_T")


@implementer(IDirectory, ICredentialSource)
class LDAPDirectory:
    """Domains, accounts, their further addresses and groups.

    Args:
        options: where it is, and which attributes mean what.
        reactor: where answers arrive.

    Raises:
        ValueError: the options do not go together.
    """

    def __init__(self, options: LDAPOptions, reactor: Any) -> None:
        self._options = options
        self._reactor = reactor
        self._attributes = attributes_of(options)
        self._reads = self._attributes.login == "read"
        if not self._reads:
            alsoProvides(self, IVerifyPasswords)
        if self._attributes.login == "template" and not _PLACES.intersection(
            _FIELD.findall(options.login_template)
        ):
            raise ValueError("login_template: none of {address}, {local} and {domain} is in it")
        self._connections = Connections(options)
        self._domains = frozenset(map(comparable_domain, options.domains))
        self._default = comparable_domain(options.default_domain)
        if self._default:
            self._domains |= {self._default}
        self._threads: ThreadPool | None = None
        self._asked = 0

    async def start(self) -> None:
        """Get ready; servers are asked when there is something to ask."""
        if self._threads is None:
            self._connections.open()
            self._threads = ThreadPool(0, self._options.connections, "ldap")
            self._threads.start()

    async def stop(self) -> None:
        """Close the connections; safe to call twice."""
        threads, self._threads = self._threads, None
        if threads is not None:
            self._connections.close()
            await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), threads.stop)

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains."""
        name = comparable_domain(name)
        if name in self._domains:
            return Domain(name)
        if not name or not self._options.domain_attribute:
            return None
        return await self._in_thread(self._find_domain, name)

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What exactly this address is."""
        name = _sane(name_of(address))
        return None if not name or not await self._has(name) else await self._in_thread(self._find, name)

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        found = await self.credential(name)
        return found.account if found is not None else None

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against."""
        name = _sane(name)
        return (
            None if not name or not await self._has(name) else await self._in_thread(self._find_account, name)
        )

    async def verify(self, name: str, password: bytes) -> bool:
        """Does the server say that this is the password? (see `IVerifyPasswords.verify`)"""
        name = _sane(name)
        try:
            # As the library prepares it, which cannot say any other (RFC 4513 section 5.1.3).
            said = saslprep(password.decode("utf-8"))
        except ValueError:
            return False
        if not name or not said or not await self._has(name):
            return False
        return await self._in_thread(self._verify, name, said)

    async def _has(self, name: str) -> bool:
        return await self.is_local(name.rpartition("@")[2])

    async def _in_thread(self, question: Callable[..., _T], *words: str) -> _T:
        if self._threads is None or self._asked >= self._options.connections + self._options.queue:
            LOOKUP_FAILED.inc()
            raise MailframeError(
                CANNOT_LOOK_UP, "too many questions wait for the LDAP server, or it was stopped"
            )
        self._asked += 1
        try:
            answer: _T = await deferToThreadPool(self._reactor, self._threads, question, *words)
        except MailframeError:
            LOOKUP_FAILED.inc()
            raise
        finally:
            self._asked -= 1
        LOOKUP_ASKED.inc()
        return answer

    # In threads.

    def _find_domain(self, name: str) -> Domain | None:
        attribute = self._options.domain_attribute
        text = both(self._options.domain_filter, equals(attribute, name))
        return Domain(name) if self._search(text, [attribute], 100) else None

    def _find(self, name: str) -> Account | Alias | None:
        found = self._find_account(name)
        if found is not None:
            return found.account
        return self._find_alias(name) or self._find_group(name)

    def _verify(self, name: str, password: str) -> bool:
        attributes = self._attributes
        if attributes.login == "template":
            parts = dict(zip(("address", "local", "domain"), (name, *name.split("@")), strict=True))
            template = self._options.login_template
            # A name that is all of it is no distinguished name, but what Active Directory takes for one.
            write = str if template == "{address}" else in_name
            return self._connections.log_in(
                _FIELD.sub(lambda field: write(parts[field[1]]), template), password
            )
        found = self._entry(name)
        # Who is not there costs what others cost.
        entry = f"cn={secrets.token_hex(8)},{self._options.base}" if found is None else found.name
        if attributes.login == "compare":
            return (
                self._connections.compare(entry, attributes.password_attribute, password)
                and found is not None
            )
        return self._connections.log_in(entry, password) and found is not None

    def _find_account(self, name: str) -> Credential | None:
        found = self._entry(name)
        return None if found is None else self._credential(found)

    def _entry(self, name: str) -> Found | None:
        """The entry of an account by its own name."""
        attributes = self._attributes
        text = both(
            attributes.account_filter,
            either(equals(attributes.name_attribute, each) for each in self._spelt(name)),
        )
        found = self._only(text)
        # One account may have several names here; the first one has the mail.
        return found if found is not None and self._names(found)[:1] == [name] else None

    def _spelt(self, name: str) -> list[str]:
        """A name, and how it is written where names have no domain."""
        local, _, domain = name.rpartition("@")
        return [name, local] if domain == self._default else [name]

    def _find_alias(self, name: str) -> Alias | None:
        attributes = self._attributes
        wanted = [equals(attributes.name_attribute, name)]
        if attributes.alias_attribute:
            wanted.append(equals(attributes.alias_attribute, attributes.alias_prefix + name))
        found = self._only(both(attributes.account_filter, either(wanted)))
        names = self._names(found) if found is not None else []
        return Alias(address_of(name), (address_of(names[0]),)) if names and names[0] != name else None

    def _find_group(self, name: str) -> Alias | None:
        options = self._options
        if not options.group_attribute:
            return None
        wanted = [*options.member_attributes, *options.address_attributes]
        names = either(equals(options.group_attribute, each) for each in self._spelt(name))
        text = both(options.group_filter, names)
        targets: dict[Address, None] = {}
        for group in self._search(text, wanted, 2):
            for attribute in options.address_attributes:
                targets.update(dict.fromkeys(map(address_of, self._sane_all(group, attribute))))
            for attribute in options.member_attributes:
                for member in _texts(group, attribute)[:MEMBERS]:
                    targets.update(dict.fromkeys(self._member(member)))
        return Alias(address_of(name), tuple(targets)) if targets else None

    def _member(self, entry: str) -> list[Address]:
        """The address of a member, which may be a group again: routing asks for that."""
        attributes = [self._attributes.name_attribute, self._options.group_attribute]
        for found in self._connections.search(entry, ANY, attributes, entry=True):
            names = self._names(found) or self._sane_all(found, self._options.group_attribute)
            return [address_of(name) for name in names[:1]]
        return []

    def _credential(self, found: Found) -> Credential:
        attributes = self._attributes
        name = self._names(found)[0]
        status = _texts(found, attributes.status_attribute)
        said = self._sane_all(found, attributes.forward_attribute)
        forwards = [each for each in said if each != name]
        own = name in said
        if attributes.mode_attribute:
            own = not any(mode.lower() in ELSEWHERE for mode in _texts(found, attributes.mode_attribute))
        quota = "".join(_texts(found, attributes.quota_attribute)[:1])
        account = Account(
            name,
            enabled=not status or _enabled(status[0], attributes.disabled_bit),
            quota=int(quota) if quota.isdecimal() else 0,
            store="".join(_texts(found, attributes.store_attribute)[:1]),
            forwards=tuple(map(address_of, forwards)),
            keeps_copy=own or not forwards,
        )
        kept = _texts(found, attributes.password_attribute) if self._reads else []
        return Credential(account, _password_hash(kept))

    def _names(self, found: Found) -> list[str]:
        return self._sane_all(found, self._attributes.name_attribute)

    def _sane_all(self, found: Found, attribute: str) -> list[str]:
        names = _texts(found, attribute)
        if self._default:
            names = [each if "@" in each else f"{each}@{self._default}" for each in names]
        return [name for name in map(_sane, names) if name]

    def _only(self, text: str) -> Found | None:
        attributes = self._attributes
        wanted = [
            *(attributes.name_attribute, attributes.quota_attribute),
            *([attributes.password_attribute] if self._reads else []),
            *(attributes.store_attribute, attributes.forward_attribute, attributes.status_attribute),
            attributes.mode_attribute,
        ]
        found = self._search(text, [each for each in wanted if each], 2)
        if len(found) > 1:
            raise MailframeError(CANNOT_LOOK_UP, f"several entries have one address: {text}")
        return found[0] if found else None

    def _search(self, text: str, attributes: list[str], limit: int) -> list[Found]:
        return self._connections.search(self._options.base, text, attributes, limit)


def _texts(found: Found, attribute: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in found.values.get(attribute.lower(), ())]


def _enabled(status: str, disabled_bit: int) -> bool:
    if not disabled_bit:
        return status.lower() == "active"
    return not (status.isdecimal() and int(status) & disabled_bit)


def _sane(name: str) -> str:
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
