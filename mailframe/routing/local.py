"""Routing into this node's own mailboxes: domains, accounts, subaddresses, aliases. It cannot name another host."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, cast

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.directory.answers import MISSING, Answers
from mailframe.directory.interfaces import IDirectory
from mailframe.directory.names import name_of
from mailframe.directory.refusals import MISCONFIGURED, held
from mailframe.directory.values import Account, Alias
from mailframe.message.address import Address
from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError, Status
from mailframe.store.values import INBOX

from .interfaces import ICatchAllGuard, IRouter, LocalMailbox, Route
from .meaning import Meaning, Meanings

NOT_OURS = Status((5, 7, 1), "We do not relay; that domain is not ours")
DISABLED = Status((5, 2, 1), "The mailbox is disabled")

ALIAS_DEPTH = 10
"""Aliases that may lead to each other."""
ALIAS_SIZE = 20_000
"""Addresses an alias may stand for in all."""

GROUP: Final = 100
"""Mailboxes that make a group. Where one of 10,000 leads takes 80 ms (measured), and a stranger may ask it often."""
GROUP_SECONDS: Final = 1.0
"""How long it is known where a group leads."""
GROUPS: Final = 32

log = Logger()


@implementer(IRouter)
class LocalRouter:
    """Answers where mail for one of our addresses goes.

    Args:
        directory: domains, accounts and aliases.
        delimiter: parts user and subaddress, as in ``user+tag``; "" for no subaddresses (RFC 5233).
        postmaster: gets what is for the bare Postmaster, and for a postmaster@ that nobody else is
            (RFC 5321 section 4.5.1); None: ``postmaster@`` of ``hostname``.
        hostname: this server's name.
        subaddress_mailboxes: mail for ``user+tag`` goes into the mailbox ``tag``, if there is one.
        seconds: the time, since 1970.
        guard: decides what catch-alls take; None for all of it.
        strangers: it is for mail from anybody, which counts against the budgets of catch-alls.
    """

    def __init__(
        self,
        directory: IDirectory,
        delimiter: str = "+",
        postmaster: Address | None = None,
        hostname: str = "",
        subaddress_mailboxes: bool = False,
        seconds: Callable[[], float] = time.time,
        guard: ICatchAllGuard | None = None,
        strangers: bool = False,
    ) -> None:
        self._directory = directory
        self._meanings = Meanings(directory, delimiter)
        self._guard = guard
        self._strangers = strangers
        self._postmaster = postmaster
        self._hostname = hostname
        self._subaddress_mailboxes = subaddress_mailboxes
        self._seconds = seconds
        self._groups = Answers(GROUPS, GROUP_SECONDS)

    async def route(self, forward_path: Address) -> Route | Status:
        """The mailboxes of one forward-path, or why there are none.

        Raises:
            MailframeError: temporary: the directory cannot be asked, or the address is not set up properly.
        """
        if not forward_path.domain:
            return await self._to_postmaster(forward_path)
        if not await self._directory.is_local(forward_path.domain):
            return NOT_OURS
        meaning = await self._meanings.find(forward_path)
        found = meaning.found
        if found is None:
            if _is_postmaster(forward_path):
                return await self._to_postmaster(forward_path)
            return NO_SUCH_MAILBOX
        if meaning.caught is not None:
            return await self._to_catch_all(forward_path, meaning)
        if isinstance(found, Alias):
            return await self._expand(forward_path, found)
        if not found.enabled:
            return DISABLED
        return Route((self._mailbox(found, meaning.tag, forward_path),))

    async def _to_catch_all(self, forward_path: Address, meaning: Meaning) -> Route | Status:
        """What nobody has, and a domain takes all the same; nothing guards against mail for the postmaster."""
        assert isinstance(meaning.found, Alias)
        assert meaning.caught is not None
        if _is_postmaster(forward_path):
            return await self._expand(forward_path, meaning.found, caught=True)
        if self._guard is not None:
            refusal = await self._guard.admit(meaning.caught, budget=self._strangers)
            if refusal is not None:
                return refusal
        route = await self._expand(forward_path, meaning.found, caught=True)
        return route if isinstance(route, Status) else replace(route, caught=meaning.caught)

    def _mailbox(self, account: Account, tag: str, address: Address) -> LocalMailbox:
        if account.is_held(self._seconds()):
            raise held(account.hold)
        return LocalMailbox(account.name, tag if tag and self._subaddress_mailboxes else INBOX, address)

    async def _to_postmaster(self, forward_path: Address) -> Route | Status:
        """Somebody must read what is for the postmaster; that nobody does is our fault, not the sender's."""
        postmaster = self._postmaster or Address("postmaster", self._hostname)
        if postmaster == forward_path or not postmaster.domain:
            raise MailframeError(MISCONFIGURED, "no account or alias is postmaster")
        if not await self._directory.is_local(postmaster.domain):
            raise MailframeError(MISCONFIGURED, f"the postmaster {postmaster} is not one of our addresses")
        meaning = await self._meanings.find(postmaster)
        if isinstance(meaning.found, Alias):
            return await self._expand(postmaster, meaning.found, caught=meaning.caught is not None)
        if meaning.found is None or not meaning.found.enabled:
            raise MailframeError(MISCONFIGURED, f"the postmaster {postmaster} is no account or alias")
        return Route((self._mailbox(meaning.found, meaning.tag, postmaster),))

    async def _expand(self, address: Address, alias: Alias, *, caught: bool = False) -> Route | Status:
        """All mailboxes an alias, or a catch-all, leads to, each once, in the order of the targets."""
        key, now = name_of(alias.address), self._seconds()
        known = MISSING if caught else self._groups.get(key, now)
        if known is not MISSING:
            return cast(Route, known)
        route = await self._walk(address, alias, caught)
        if isinstance(route, Route) and len(route.mailboxes) >= GROUP and not caught:
            self._groups.put(key, route, now)
        return route

    async def _walk(self, address: Address, alias: Alias, caught: bool) -> Route | Status:
        mailboxes: dict[tuple[str, str], LocalMailbox] = {}
        seen = {address, alias.address}
        level: Sequence[Address] = alias.targets
        looped = False
        for _ in range(ALIAS_DEPTH):
            deeper: list[Address] = []
            for target in level:
                if target in seen:
                    looped = True
                    continue
                seen.add(target)
                if len(seen) > ALIAS_SIZE:
                    raise MailframeError(MISCONFIGURED, f"alias {address} stands for more than {ALIAS_SIZE}")
                deeper += await self._expand_one(address, target, mailboxes, caught)
            level = deeper
            if not level:
                break
        if level:
            raise MailframeError(MISCONFIGURED, f"alias {address} is deeper than {ALIAS_DEPTH} aliases")
        if not mailboxes and looped:
            raise MailframeError(MISCONFIGURED, f"alias {address} leads back to itself")
        if not mailboxes:
            log.warn("alias {alias} leads to no mailbox", alias=str(address))
            return NO_SUCH_MAILBOX
        return Route(tuple(mailboxes.values()))

    async def _expand_one(
        self,
        alias: Address,
        target: Address,
        mailboxes: dict[tuple[str, str], LocalMailbox],
        caught: bool,
    ) -> Sequence[Address]:
        """Note the mailbox of one target, or give the targets of the alias it is."""
        if not await self._directory.is_local(target.domain):
            raise MailframeError(MISCONFIGURED, f"alias {alias} leads to {target}, which is not one of ours")
        meaning = await self._meanings.find(target)
        # A catch-all whose own target is nobody's leads to nobody, and not to itself.
        found = None if caught and meaning.caught is not None else meaning.found
        if isinstance(found, Alias):
            return found.targets
        if found is None or not found.enabled:
            # The others must not go without their mail because one has left.
            log.warn(
                "alias {alias} leads to {target}, who has no mailbox", alias=str(alias), target=str(target)
            )
            return ()
        mailbox = self._mailbox(found, meaning.tag, target)
        mailboxes.setdefault((mailbox.account, mailbox.mailbox), mailbox)
        return ()


def _is_postmaster(address: Address) -> bool:
    return address.local_part.lower() == "postmaster"
