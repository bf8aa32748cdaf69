"""Routing into this node's own mailboxes: domains, accounts, subaddresses, aliases. It cannot name another host."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from twisted.logger import Logger
from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.refusals import MISCONFIGURED, held
from mailframe.directory.values import Account, Alias
from mailframe.message.address import Address
from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError, Status
from mailframe.store.values import INBOX

from .interfaces import IRouter, LocalMailbox, Route

NOT_OURS = Status((5, 7, 1), "We do not relay; that domain is not ours")
DISABLED = Status((5, 2, 1), "The mailbox is disabled")

ALIAS_DEPTH = 10
"""Aliases that may lead to each other."""
ALIAS_SIZE = 1000
"""Addresses an alias may stand for in all."""

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
    """

    def __init__(
        self,
        directory: IDirectory,
        delimiter: str = "+",
        postmaster: Address | None = None,
        hostname: str = "",
        subaddress_mailboxes: bool = False,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._delimiter = delimiter
        self._postmaster = postmaster
        self._hostname = hostname
        self._subaddress_mailboxes = subaddress_mailboxes
        self._seconds = seconds

    async def route(self, forward_path: Address) -> Route | Status:
        """The mailboxes of one forward-path, or why there are none.

        Raises:
            MailframeError: temporary: the directory cannot be asked, or the address is not set up properly.
        """
        if not forward_path.domain:
            return await self._to_postmaster(forward_path)
        if not await self._directory.is_local(forward_path.domain):
            return NOT_OURS
        found, tag = await self._find(forward_path)
        if found is None:
            if forward_path.local_part.lower() == "postmaster":
                return await self._to_postmaster(forward_path)
            return NO_SUCH_MAILBOX
        if isinstance(found, Alias):
            return await self._expand(forward_path, found)
        if not found.enabled:
            return DISABLED
        return Route((self._mailbox(found, tag, forward_path),))

    async def _find(self, address: Address) -> tuple[Account | Alias | None, str]:
        """What an address is, and its tag where only the part before that is known."""
        found = await self._directory.lookup(address)
        if found is not None or not self._delimiter:
            return found, ""
        user, delimiter, tag = address.local_part.partition(self._delimiter)
        if not delimiter or not user:
            return None, ""
        return await self._directory.lookup(Address(user, address.domain)), tag

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
        found, tag = await self._find(postmaster)
        if isinstance(found, Alias):
            return await self._expand(postmaster, found)
        if found is None or not found.enabled:
            raise MailframeError(MISCONFIGURED, f"the postmaster {postmaster} is no account or alias")
        return Route((self._mailbox(found, tag, postmaster),))

    async def _expand(self, address: Address, alias: Alias) -> Route | Status:
        """All mailboxes an alias leads to, each once, in the order of the targets."""
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
                deeper += await self._expand_one(address, target, mailboxes)
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
        self, alias: Address, target: Address, mailboxes: dict[tuple[str, str], LocalMailbox]
    ) -> Sequence[Address]:
        """Note the mailbox of one target, or give the targets of the alias it is."""
        if not await self._directory.is_local(target.domain):
            raise MailframeError(MISCONFIGURED, f"alias {alias} leads to {target}, which is not one of ours")
        found, tag = await self._find(target)
        if isinstance(found, Alias):
            return found.targets
        if found is None or not found.enabled:
            # The others must not go without their mail because one has left.
            log.warn(
                "alias {alias} leads to {target}, who has no mailbox", alias=str(alias), target=str(target)
            )
            return ()
        mailbox = self._mailbox(found, tag, target)
        mailboxes.setdefault((mailbox.account, mailbox.mailbox), mailbox)
        return ()
