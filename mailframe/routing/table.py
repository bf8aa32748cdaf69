"""The ways out of the queue: mailboxes for our own domains, else the first rule that fits, else the usual way."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.idn import to_ascii
from mailframe.message.origin import Origin
from mailframe.message.status import NO_SUCH_MAILBOX, Status
from mailframe.queue.values import NORMAL

from .interfaces import IMailRouter, IRouter, Route

NOBODY = "<>"
"""The pattern for a null reverse-path, and for mail without a login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A way for some mail; what is empty does not matter. Patterns as in ``[[routing.rules]]``.

    Attributes:
        domains: of the recipient.
        recipients: whole addresses.
        senders: reverse-paths, ``<>`` for the null one.
        logins: accounts that sent it, ``<>`` for none.
        classes: classes of mail.
        way: the delivery, "" for the usual one.
        queue: the queue, "" for the usual one.
    """

    domains: Sequence[str] = ()
    recipients: Sequence[str] = ()
    senders: Sequence[str] = ()
    logins: Sequence[str] = ()
    classes: Sequence[str] = ()
    way: str = ""
    queue: str = ""


class Patterns:
    """Shell patterns as one regular expression, compared without regard to case.

    Only ``*`` and ``?`` mean something: a bracket is a bracket, as address literals have it. Expressions made of
    these have no nested repetition, and addresses are short, so no pattern can keep us long.

    Args:
        texts: the patterns; none fit everything.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        parts = [fnmatch.translate(text.lower().replace("[", "[[]")) for text in texts]
        self._all = not texts
        self._pattern = re.compile("|".join(parts))

    def __contains__(self, text: str) -> bool:
        """Does one of them fit?"""
        return self._all or self._pattern.match(text.lower()) is not None


class _Compiled:
    """A rule, ready to compare."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._domains = Patterns([comparable_pattern(text) for text in rule.domains])
        self._recipients = Patterns(rule.recipients)
        self._senders = Patterns(rule.senders)
        self._logins = Patterns(rule.logins)
        self._classes = Patterns(rule.classes)

    def fits(self, envelope: Envelope, recipient: Recipient, origin: Origin, domain: str) -> bool:
        """Does all that it says fit?"""
        path = envelope.reverse_path
        return (
            domain in self._domains
            and str(recipient.forward_path) in self._recipients
            and (str(path) if path is not None else NOBODY) in self._senders
            and (origin.login or NOBODY) in self._logins
            and origin.attributes.get("class", "") in self._classes
        )


@implementer(IMailRouter)
class RoutingTable:
    """Chooses ways by domain, recipient, sender, login and class.

    Mail for our own domains goes into their mailboxes whatever the rules say: a rule for ``*`` must not send it out
    of the house.

    Args:
        default: the way of what no rule fits.
        rules: the first that fits counts.
        local: routes mail for our own domains; None where no domain is.
        directory: knows which are ours; goes with ``local``.
        local_way: the way to mailboxes.
        by_domain: ways that find the hosts for a domain themselves, so that each domain is a destination of its own;
            the others are one destination each.
    """

    def __init__(
        self,
        default: str,
        rules: Sequence[Rule] = (),
        *,
        local: IRouter | None = None,
        directory: IDirectory | None = None,
        local_way: str = "store",
        by_domain: Collection[str] = ("remote",),
    ) -> None:
        if (local is None) != (directory is None):
            raise ValueError(
                "a router of mailboxes goes with the directory that knows which domains are ours"
            )
        self._default = default
        self._rules = [_Compiled(rule) for rule in rules]
        self._local = local
        self._directory = directory
        self._local_way = local_way
        self._by_domain = frozenset(by_domain)

    async def way(self, envelope: Envelope, recipient: Recipient, origin: Origin) -> Route | Status:
        """The way of one recipient, now (see `IMailRouter.way`).

        Raises:
            MailframeError: temporary: the directory cannot be asked, or an address of ours is not set up properly.
        """
        address = recipient.forward_path
        if self._local is not None and await self._is_local(address):
            found = await self._local.route(address)
            return found if isinstance(found, Status) else replace(found, way=self._local_way)
        if not address.domain:
            # RFC 5321 section 4.5.1 has a bare Postmaster wherever mail is delivered; here none is.
            return NO_SUCH_MAILBOX
        return self._outward(envelope, recipient, origin)

    async def _is_local(self, address: Address) -> bool:
        assert self._directory is not None
        return not address.domain or await self._directory.is_local(address.domain)

    def _outward(self, envelope: Envelope, recipient: Recipient, origin: Origin) -> Route:
        domain = comparable_domain(recipient.forward_path)
        rule = next(
            (one.rule for one in self._rules if one.fits(envelope, recipient, origin, domain)), Rule()
        )
        way = rule.way or self._default
        finds_hosts = way in self._by_domain
        return Route(onward=True, way=way, domain=domain if finds_hosts else "", queue=rule.queue or NORMAL)


def comparable_domain(address: Address) -> str:
    """The domain as A-labels and in lower case; an address literal as it is."""
    if address.is_literal:
        return address.domain
    try:
        return to_ascii(address.domain)
    except ValueError:
        # No name that the DNS could have; who looks for its hosts says so.
        return address.domain


def comparable_pattern(pattern: str) -> str:
    """A pattern for domains with A-labels: ``*.xn--bcher-kva.example``.

    Raises:
        ValueError: a label that is not ASCII is none that a domain can have.
    """
    return to_ascii(pattern.lower())
