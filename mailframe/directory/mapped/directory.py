"""The directory in a site's own tables. Nothing of it runs in the reactor's thread; nothing is remembered here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailframe.database.sqlite import UnusableDatabase
from mailframe.directory.interfaces import ICredentialSource, IDirectory, ISenderGrants
from mailframe.directory.metrics import LOOKUP_ASKED, LOOKUP_FAILED
from mailframe.directory.names import address_of, checked_name, comparable_domain, comparable_name, name_of
from mailframe.directory.passwords import is_hash
from mailframe.directory.values import Account, Alias, Credential, Domain
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError

from .options import MappedOptions
from .parameters import check_parameters
from .sources import BadQuery, Row, Source

T = TypeVar("T")
COLUMNS = {
    "account_query": ({"password"}, {"name", "enabled", "quota", "store", "forwards", "keeps_copy"}),
    "alias_query": ({"target"}, set[str]()),
    "domain_query": (set[str](), {"name", "alias_of", "catch_all"}),
}
"""The columns a query must have, and those it may have besides."""
_ADDRESS = ("address", "local", "domain")
PARAMETERS = {
    "account_query": _ADDRESS,
    "alias_query": _ADDRESS,
    "domain_query": ("domain",),
    "grants_query": ("account", *_ADDRESS),
}
_NO = frozenset({"", "0", "n", "no", "f", "false", "off"})
_BETWEEN = re.compile(r"[,\s]+")

log = Logger()


@implementer(IDirectory, ICredentialSource, ISenderGrants)
class MappedDirectory:
    """Domains, accounts and aliases, found by queries.

    Args:
        options: the queries, and bounds.
        source: answers them.
        reactor: where answers arrive.

    Raises:
        ValueError: a query has a parameter that there is not.
    """

    def __init__(self, options: MappedOptions, source: Source, reactor: Any) -> None:
        for name, known in PARAMETERS.items():
            check_parameters(name, getattr(options, name), known)
        self._options = options
        self._source = source
        self._reactor = reactor
        self._domains = frozenset(map(comparable_domain, options.domains))
        self._scheme = "{" + options.password_scheme.strip("{}") + "}" if options.password_scheme else ""
        if self._scheme and not is_hash(self._scheme):
            raise ValueError(f"password_scheme: {options.password_scheme} is not known")
        self._threads: ThreadPool | None = None
        self._asked = 0

    async def start(self) -> None:
        """Have the queries looked at by the database; where it is away, that is done without.

        Raises:
            UnusableDatabase: it does not understand one, or there are other columns than there should be.
        """
        if self._threads is None:
            self._threads = ThreadPool(0, self._options.connections, "mapped directory")
            self._threads.start()
        try:
            await self._in_thread(self._check)
        except MailframeError as error:
            log.warn("the queries of the directory could not be looked at: {reason}", reason=error.reason)
        except ValueError as error:
            await self.stop()
            raise UnusableDatabase(str(error)) from None

    async def stop(self) -> None:
        """Close the connections; safe to call twice."""
        threads, self._threads = self._threads, None
        if threads is not None:
            await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), threads.stop)
            self._source.close()

    async def is_local(self, domain: str) -> bool:
        """Is this one of our domains?"""
        return await self.domain(domain) is not None

    async def domain(self, name: str) -> Domain | None:
        """What is known of one of our domains."""
        name = comparable_domain(name)
        if name in self._domains:
            return Domain(name)
        if not name or not self._options.domain_query:
            return None
        return await self._in_thread(self._find_domain, name)

    async def lookup(self, address: Address) -> Account | Alias | None:
        """What exactly this address is."""
        name = _sane(name_of(address))
        return await self._in_thread(self._find, name) if name and await self._has(name) else None

    async def account(self, name: str) -> Account | None:
        """The account of this name."""
        found = await self.credential(name)
        return None if found is None else found.account

    async def credential(self, name: str) -> Credential | None:
        """What this account's password is checked against."""
        name = _sane(name)
        return await self._in_thread(self._find_account, name) if name and await self._has(name) else None

    async def granted(self, account: str, address: Address) -> bool:
        """Was this address granted to this account?"""
        name, wanted = _sane(account), _sane(name_of(address))
        if not self._options.grants_query or not name or not wanted:
            return False
        return await self._in_thread(self._is_granted, name, wanted)

    async def _has(self, name: str) -> bool:
        return await self.is_local(name.rpartition("@")[2])

    async def _in_thread(self, question: Callable[..., T], *names: str) -> T:
        if self._threads is None or self._asked >= self._options.connections + self._options.queue:
            LOOKUP_FAILED.inc()
            raise MailframeError(
                CANNOT_LOOK_UP, "too many questions wait for the database, or it was stopped"
            )
        self._asked += 1
        try:
            answer: T = await deferToThreadPool(self._reactor, self._threads, question, *names)
        except MailframeError:
            LOOKUP_FAILED.inc()
            raise
        finally:
            self._asked -= 1
        LOOKUP_ASKED.inc()
        return answer

    # In threads.

    def _check(self) -> None:
        for option, (needed, possible) in COLUMNS.items():
            query = getattr(self._options, option)
            if not query:
                continue
            try:
                columns = set(self._source.columns(query))
            except BadQuery as error:
                raise ValueError(f"{option}: {error}") from None
            missing, strange = sorted(needed - columns), sorted(columns - needed - possible)
            if missing:
                raise ValueError(f"{option}: there is no column {missing[0]}")
            if strange and option != "domain_query":
                expected = ", ".join(sorted(needed | possible))
                raise ValueError(f"{option}: the column {strange[0]} means nothing; expected {expected}")

    def _find_domain(self, name: str) -> Domain | None:
        for row in self._source.ask(self._options.domain_query, {"domain": name}):
            alias_of = comparable_domain(_text(row.get("alias_of")))
            catch_all = () if alias_of else _addresses(_text(row.get("catch_all")))
            return Domain(name, "" if alias_of == name else alias_of, catch_all)
        return None

    def _find(self, name: str) -> Account | Alias | None:
        found = self._find_account(name)
        if found is not None:
            return found.account
        account = self._credential(name)
        # An account that can be asked for by another address.
        targets = self._targets(name) or (() if account is None else (address_of(account.account.name),))
        return Alias(address_of(name), targets) if targets else None

    def _find_account(self, name: str) -> Credential | None:
        found = self._credential(name)
        return found if found is not None and found.account.name == name else None

    def _credential(self, name: str) -> Credential | None:
        rows = self._source.ask(self._options.account_query, _parameters(name))
        if len(rows) > 1:
            raise MailframeError(CANNOT_LOOK_UP, f"account_query finds {len(rows)} rows for {name}")
        if not rows:
            return None
        row = rows[0]
        own = _sane(_text(row["name"])) if row.get("name") is not None else name
        if not own:
            raise MailframeError(CANNOT_LOOK_UP, f"account_query: {row['name']!r} is no address")
        return Credential(_account(own, row), self._password(row.get("password")))

    def _password(self, value: object) -> str:
        stored = _text(value)
        if stored.startswith("$"):
            return "{CRYPT}" + stored
        if stored.startswith("{"):
            return stored if is_hash(stored) else ""
        return self._scheme + stored if self._scheme and stored else ""

    def _targets(self, name: str) -> tuple[Address, ...]:
        if not self._options.alias_query:
            return ()
        rows = self._source.ask(self._options.alias_query, _parameters(name))
        found = [target for row in rows for target in _addresses(_text(row["target"]))]
        return tuple(dict.fromkeys(found))

    def _is_granted(self, account: str, address: str) -> bool:
        return bool(
            self._source.ask(self._options.grants_query, {"account": account, **_parameters(address)})
        )


def _account(name: str, row: Row) -> Account:
    quota = _text(row.get("quota")).partition(".")[0]
    forwards = tuple(one for one in _addresses(_text(row.get("forwards"))) if name_of(one) != name)
    return Account(
        name,
        enabled=_true(row.get("enabled")),
        quota=int(quota) if quota.isdecimal() else 0,
        store=_text(row.get("store")),
        forwards=forwards,
        keeps_copy=_true(row.get("keeps_copy")) or not forwards,
    )


def _parameters(name: str) -> Mapping[str, str]:
    local, _, domain = name.rpartition("@")
    return {"address": name, "local": local, "domain": domain}


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return "" if value is None else str(value).strip()


def _true(value: object) -> bool:
    """What is not said is so."""
    return value is None or _text(value).lower() not in _NO


def _addresses(text: str) -> tuple[Address, ...]:
    found: list[Address] = []
    for word in _split(text):
        try:
            found.append(parse_mailbox(word))
        except ValueError:
            raise MailframeError(CANNOT_LOOK_UP, f"{word!r} is no address") from None
    return tuple(found)


def _split(text: str) -> Sequence[str]:
    return [word for word in _BETWEEN.split(text) if word]


def _sane(name: str) -> str:
    """A name that an account can have, in the form in which names are compared; "" for any other."""
    try:
        return checked_name(comparable_name(name))
    except MailframeError:
        return ""
