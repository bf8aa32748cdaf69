"""The directory in an LDAP server. Nothing of it runs in the reactor's thread; nothing is remembered here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailframe.directory.interfaces import ICredentialSource, IDirectory
from mailframe.directory.metrics import LOOKUP_ASKED, LOOKUP_FAILED
from mailframe.directory.names import address_of, checked_name, comparable_domain, name_of
from mailframe.directory.passwords import is_hash
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .connections import Connections, Found
from .filters import both, either, equals
from .options import LDAPOptions
from .presets import attributes_of

ANY = "(objectClass=*)"
MEMBERS = 1000
"""A group has no more: each member is an entry to be read."""
ELSEWHERE = ("nolocal", "forwardonly")
"""Values of qmail-ldap's deliveryMode for accounts that keep nothing."""

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

    async def _has(self, name: str) -> bool:
        return await self.is_local(name.rpartition("@")[2])

    async def _in_thread(self, question: Callable[[str], _T], name: str) -> _T:
        if self._threads is None or self._asked >= self._options.connections + self._options.queue:
            LOOKUP_FAILED.inc()
            raise MailframeError(
                CANNOT_LOOK_UP, "too many questions wait for the LDAP server, or it was stopped"
            )
        self._asked += 1
        try:
            answer = await deferToThreadPool(self._reactor, self._threads, question, name)
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

    def _find_account(self, name: str) -> Credential | None:
        attributes = self._attributes
        attribute = attributes.name_attribute
        names = [name]
        if name.endswith(f"@{self._default}"):
            names.append(name.rpartition("@")[0])
        text = both(attributes.account_filter, either(equals(attribute, each) for each in names))
        found = self._only(text)
        if found is None or name not in self._names(found):
            return None
        # One account may have several names here; the first one has the mail.
        return self._credential(found) if self._names(found)[0] == name else None

    def _find_alias(self, name: str) -> Alias | None:
        attributes = self._attributes
        wanted = [each for each in (attributes.alias_attribute, attributes.name_attribute) if each]
        found = self._only(both(attributes.account_filter, either(equals(each, name) for each in wanted)))
        names = self._names(found) if found is not None else []
        return Alias(address_of(name), (address_of(names[0]),)) if names and names[0] != name else None

    def _find_group(self, name: str) -> Alias | None:
        options = self._options
        if not options.group_attribute:
            return None
        wanted = [*options.member_attributes, *options.address_attributes]
        text = both(options.group_filter, equals(options.group_attribute, name))
        targets: dict[Address, None] = {}
        for group in self._search(text, wanted, 2):
            for attribute in options.address_attributes:
                targets.update(dict.fromkeys(map(address_of, _sane_all(group, attribute))))
            for attribute in options.member_attributes:
                for member in _texts(group, attribute)[:MEMBERS]:
                    targets.update(dict.fromkeys(self._member(member)))
        return Alias(address_of(name), tuple(targets)) if targets else None

    def _member(self, entry: str) -> list[Address]:
        """The address of a member, which may be a group again: routing asks for that."""
        attributes = [self._attributes.name_attribute, self._options.group_attribute]
        for found in self._connections.search(entry, ANY, attributes, entry=True):
            names = self._names(found) or _sane_all(found, self._options.group_attribute)
            return [address_of(name) for name in names[:1]]
        return []

    def _credential(self, found: Found) -> Credential:
        attributes = self._attributes
        name = self._names(found)[0]
        status = _texts(found, attributes.status_attribute)
        forwards = [each for each in _sane_all(found, attributes.forward_attribute) if each != name]
        own = name in _sane_all(found, attributes.forward_attribute)
        if attributes.mode_attribute:
            own = not any(mode.lower() in ELSEWHERE for mode in _texts(found, attributes.mode_attribute))
        quota = "".join(_texts(found, attributes.quota_attribute)[:1])
        account = Account(
            name,
            enabled=not status or status[0].lower() == "active",
            quota=int(quota) if quota.isdecimal() else 0,
            store="".join(_texts(found, attributes.store_attribute)[:1]),
            forwards=tuple(map(address_of, forwards)),
            keeps_copy=own or not forwards,
        )
        return Credential(account, _password_hash(_texts(found, attributes.password_attribute)))

    def _names(self, found: Found) -> list[str]:
        names = _texts(found, self._attributes.name_attribute)
        if self._default:
            names = [each if "@" in each else f"{each}@{self._default}" for each in names]
        return [name for name in map(_sane, names) if name]

    def _only(self, text: str) -> Found | None:
        attributes = self._attributes
        wanted = [
            *(attributes.name_attribute, attributes.password_attribute, attributes.quota_attribute),
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


def _sane_all(found: Found, attribute: str) -> list[str]:
    return [name for name in map(_sane, _texts(found, attribute)) if name]


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
