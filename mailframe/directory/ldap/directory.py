"""The directory in an LDAP server. Nothing of it runs in the reactor's thread; nothing is remembered here."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import alsoProvides, implementer

from mailframe.directory.entries import Batch, Entry, Key, Kind, key_of
from mailframe.directory.entry_interfaces import IDirectoryFeed
from mailframe.directory.interfaces import ICredentialSource, IDirectory, IVerifyPasswords
from mailframe.directory.metrics import LOOKUP_ASKED, LOOKUP_FAILED
from mailframe.directory.names import address_of, comparable_domain, name_of
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError
from mailframe.sasl.saslprep import saslprep

from .connections import Connections, Found
from .feeding import OVERLAP, Sorted, stamp
from .filters import both, either, equals, in_name, since
from .options import LDAPOptions
from .reading import Reading, sane, texts

ANY = "(objectClass=*)"
MEMBERS = 1000
"""A group has no more: each member is an entry to be read."""
_FIELD = re.compile(r"\{(address|local|domain)\}")
_STAMP = re.compile(r"\d{14}\.0Z")
_PLACES = frozenset({"address", "local", "domain"})
_T = TypeVar("_T")


@implementer(IDirectory, ICredentialSource, IDirectoryFeed)
class LDAPDirectory:
    """Domains, accounts, their further addresses and groups.

    Args:
        options: where it is, and which attributes mean what.
        reactor: where answers arrive.

    Raises:
        ValueError: the options do not go together.
    """

    tells_removals = False

    def __init__(self, options: LDAPOptions, reactor: Any) -> None:
        self._options = options
        self._reactor = reactor
        self._reading = Reading(options)
        self._attributes = self._reading.attributes
        if not self._reading.passwords:
            alsoProvides(self, IVerifyPasswords)
        if self._attributes.login == "template" and not _PLACES.intersection(
            _FIELD.findall(options.login_template)
        ):
            raise ValueError("login_template: none of {address}, {local} and {domain} is in it")
        self._connections = Connections(options)
        self._domains = frozenset(map(comparable_domain, options.domains))
        if self._reading.default:
            self._domains |= {self._reading.default}
        self._threads: ThreadPool | None = None
        self._asked = 0
        self._seconds = time.time
        self._sorted: Sorted | None = None
        self._next_look = 0.0

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
        name = sane(name_of(address))
        return None if not name or not await self._has(name) else await self._in_thread(self._find, name)

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        found = await self.credential(name)
        return found.account if found is not None else None

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against."""
        name = sane(name)
        return (
            None if not name or not await self._has(name) else await self._in_thread(self._find_account, name)
        )

    async def verify(self, name: str, password: bytes) -> bool:
        """Does the server say that this is the password? (see `IVerifyPasswords.verify`)"""
        name = sane(name)
        try:
            # As the library prepares it, which cannot say any other (RFC 4513 section 5.1.3).
            said = saslprep(password.decode("utf-8"))
        except ValueError:
            return False
        if not name or not said or not await self._has(name):
            return False
        return await self._in_thread(self._verify, name, said)

    # For copies.

    async def version(self) -> str:
        """From when changes are to be asked for (see `IDirectoryFeed.version`)."""
        return stamp(self._seconds() - OVERLAP)

    async def entries(self, after: Key | None = None, limit: int = 1000) -> Sequence[Entry]:
        """The next entries, of a copy that is made when the first are asked for (see `IDirectoryFeed.entries`)."""
        if after is None or self._sorted is None:
            self._sorted = await self._in_thread(self._load, "")
        found = await self._in_thread(lambda: self._sorted.page(after, limit) if self._sorted else ())
        if len(found) < limit:
            self._sorted = None
        return found

    async def changes(self, since: str, limit: int = 1000) -> Batch | None:
        """What was changed since a time (see `IDirectoryFeed.changes`)."""
        if not _STAMP.fullmatch(since):
            return None
        now = self._seconds()
        if now < self._next_look:
            return Batch(since)
        self._next_look = now + self._options.look_every
        changed = await self._in_thread(self._load, since)
        found: list[Entry] = []
        while page := changed.page(key_of(found[-1]) if found else None, 1000):
            found += page
        return Batch(stamp(now - OVERLAP), found)

    def listen(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Nobody hints: the server is asked."""
        return lambda: None

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

    def _load(self, changed_since: str) -> Sorted:
        """All entries, or those that were changed since some time."""
        options, attributes = self._options, self._attributes
        found, domains = Sorted(), set(self._domains)
        for name in self._domains:
            found.put(Domain(name))

        def take_domain(entry: Found) -> None:
            domains.update(filter(None, map(comparable_domain, texts(entry, options.domain_attribute))))

        def take_account(entry: Found) -> None:
            names = [name for name in self._reading.names(entry) if name.rpartition("@")[2] in domains]
            if not names or names[0] != self._reading.names(entry)[0]:
                return
            found.note(entry.name, names[0])
            found.put(self._reading.credential(entry))
            further = texts(entry, attributes.alias_attribute) if attributes.alias_attribute else []
            start = len(attributes.alias_prefix)
            right = (one[start:] for one in further if one[:start].lower() == attributes.alias_prefix)
            for name in (*names[1:], *filter(None, map(sane, right))):
                key = Key(Kind.ACCOUNT, name)
                if name != names[0] and name.rpartition("@")[2] in domains and not found.has(key):
                    found.put(Alias(address_of(name), (address_of(names[0]),)))

        def take_group(entry: Found) -> None:
            targets = self._targets(entry, found.noted)
            for name in self._reading.sane_all(entry, options.group_attribute):
                if targets and name.rpartition("@")[2] in domains and not found.has(Key(Kind.ACCOUNT, name)):
                    found.put(Alias(address_of(name), targets))

        if options.domain_attribute:
            self._each(options.domain_filter, [options.domain_attribute], take_domain)
            for name in domains:
                found.put(Domain(name))
        changed = since(attributes.changed_attribute, changed_since) if changed_since else ""
        wanted = [
            *self._reading.wanted(),
            *([attributes.alias_attribute] if attributes.alias_attribute else []),
        ]
        self._each(both(attributes.account_filter, changed), wanted, take_account)
        if options.group_attribute:
            wanted = [options.group_attribute, *options.member_attributes, *options.address_attributes]
            self._each(both(options.group_filter, changed), wanted, take_group)
        return found

    def _each(self, text: str, attributes: list[str], take: Callable[[Found], None]) -> None:
        self._connections.each(self._options.base, text, attributes, take)

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
        return None if found is None else self._reading.credential(found)

    def _entry(self, name: str) -> Found | None:
        """The entry of an account by its own name."""
        attributes = self._attributes
        text = both(
            attributes.account_filter,
            either(equals(attributes.name_attribute, each) for each in self._spelt(name)),
        )
        found = self._only(text)
        # One account may have several names here; the first one has the mail.
        return found if found is not None and self._reading.names(found)[:1] == [name] else None

    def _spelt(self, name: str) -> list[str]:
        """A name, and how it is written where names have no domain."""
        local, _, domain = name.rpartition("@")
        return [name, local] if domain == self._reading.default else [name]

    def _find_alias(self, name: str) -> Alias | None:
        attributes = self._attributes
        wanted = [equals(attributes.name_attribute, name)]
        if attributes.alias_attribute:
            wanted.append(equals(attributes.alias_attribute, attributes.alias_prefix + name))
        found = self._only(both(attributes.account_filter, either(wanted)))
        names = self._reading.names(found) if found is not None else []
        return Alias(address_of(name), (address_of(names[0]),)) if names and names[0] != name else None

    def _find_group(self, name: str) -> Alias | None:
        options = self._options
        if not options.group_attribute:
            return None
        wanted = [*options.member_attributes, *options.address_attributes]
        names = either(equals(options.group_attribute, each) for each in self._spelt(name))
        text = both(options.group_filter, names)
        targets = [target for group in self._search(text, wanted, 2) for target in self._targets(group)]
        return Alias(address_of(name), tuple(dict.fromkeys(targets))) if targets else None

    def _targets(self, group: Found, known: Callable[[str], str] = lambda entry: "") -> tuple[Address, ...]:
        """Where mail for a group goes; ``known`` tells addresses of entries without asking."""
        targets: dict[Address, None] = {}
        for attribute in self._options.address_attributes:
            targets.update(dict.fromkeys(map(address_of, self._reading.sane_all(group, attribute))))
        for attribute in self._options.member_attributes:
            for member in texts(group, attribute)[:MEMBERS]:
                name = known(member)
                targets.update(dict.fromkeys([address_of(name)] if name else self._member(member)))
        return tuple(targets)

    def _member(self, entry: str) -> list[Address]:
        """The address of a member, which may be a group again: routing asks for that."""
        attributes = [self._attributes.name_attribute, self._options.group_attribute]
        for found in self._connections.search(entry, ANY, attributes, entry=True):
            names = self._reading.names(found) or self._reading.sane_all(found, self._options.group_attribute)
            return [address_of(name) for name in names[:1]]
        return []

    def _only(self, text: str) -> Found | None:
        found = self._search(text, self._reading.wanted(), 2)
        if len(found) > 1:
            raise MailframeError(CANNOT_LOOK_UP, f"several entries have one address: {text}")
        return found[0] if found else None

    def _search(self, text: str, attributes: list[str], limit: int) -> list[Found]:
        return self._connections.search(self._options.base, text, attributes, limit)
