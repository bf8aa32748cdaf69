"""What others say about clients they speak for: XCLIENT (take me for it) and XFORWARD (its mail comes next).

Both are believed of listed peers only, and the list is asked about the client as it is known now: once somebody has
been presented by XCLIENT, what comes on the connection is its own words, and a proxy such as nginx passes them on as
they are. So XCLIENT may be followed by more of them (a line is short), and after any other command only by clients
that are listed themselves; who presents another client opens another connection.

A login that is vouched for (LOGIN) counts only where a role gave its reception the accounts to look it up in. An
exchanger has none, so nobody is ever logged in there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from twisted.logger import Logger

from mailframe.message.networks import Networks
from mailframe.message.origin import Origin, ip_address
from mailframe.message.status import Status

from .reception import Reception
from .settings import SMTPSettings
from .wire.xclient import XCLIENT_NAMES, XFORWARD_NAMES, Absent, Attributes

NOT_LISTED: Final = Status((5, 7, 0), "You may not speak for others here", reply_code=550)
UNKNOWN_PEER: Final = "unknown"
"""`Origin.peer` of a client whose address is not available: in no network, and not on this machine."""
PRESENTED_BY: Final = "xclient"
"""The attribute of an origin that names who presented it."""
XFORWARD_PREFIX: Final = "xforward_"
"""What the attributes of an origin that XFORWARD sets begin with: ``xforward_addr``, ``xforward_ident`` ..."""

log = Logger()


class Presenting:
    """What one session's client may say for others.

    Args:
        reception: may have accounts, to look up logins in.
        settings: has the lists.
        origin: the client.
        again: it was presented just now, so that whoever did may go on.
    """

    def __init__(
        self, reception: Reception, settings: SMTPSettings, origin: Origin, again: bool = False
    ) -> None:
        self._reception = reception
        self._origin = origin
        self._listed = _is_in(settings.xclient_networks, origin.peer)
        self._forwards = _is_in(settings.xforward_networks, origin.peer)
        self._again = again

    @property
    def may_present(self) -> bool:
        """May it say XCLIENT now?"""
        return self._listed or self._again

    @property
    def may_forward(self) -> bool:
        """May it say XFORWARD?"""
        return self._forwards

    def over(self) -> None:
        """Something else than XCLIENT came: from here on the client speaks for itself."""
        self._again = False

    def keywords(self) -> Sequence[str]:
        """What EHLO offers to this client."""
        offered = []
        if self._listed:
            names = [
                name for name in XCLIENT_NAMES if name != "LOGIN" or self._reception.accounts is not None
            ]
            offered.append("XCLIENT " + " ".join(names))
        if self._forwards:
            offered.append("XFORWARD " + " ".join(XFORWARD_NAMES))
        return offered

    async def present(self, said: Attributes) -> Origin:
        """The client that is meant; the dialogue begins anew with it.

        What is not said stays as it was, but for what the session found out itself: greeting, login, TLS.

        Raises:
            MailframeError: temporary, when the login cannot be looked up.
        """
        before = self._origin
        if not self._again:
            before = replace(before, helo=None, extended=False, login=None, attributes={})
        attributes = dict(before.attributes)
        attributes.setdefault(PRESENTED_BY, self._origin.peer)
        _note(attributes, "client_name", said.get("NAME"))
        _note(attributes, "destination", said.get("DESTADDR"))
        return replace(
            before,
            peer=self._peer(said),
            peer_port=_number(said.get("PORT"), 0 if "ADDR" in said else before.peer_port),
            local_port=_number(said.get("DESTPORT"), before.local_port),
            helo=_text(said.get("HELO"), before.helo),
            extended=said["PROTO"] == "ESMTP" if "PROTO" in said else before.extended,
            tls=None,
            login=await self._login(said, before),
            attributes=attributes,
        )

    def forward(self, said: Attributes) -> None:
        """Note whose mail comes next; what is not said stays as it was since the last message."""
        attributes = self._origin.attributes
        if said.get("ADDR") is Absent.UNAVAILABLE:
            # The mail began at the host that speaks; what else it says has no meaning (XFORWARD_README).
            self.forget()
            attributes[f"{XFORWARD_PREFIX}source"] = "LOCAL"
            return
        for name, value in said.items():
            _note(attributes, XFORWARD_PREFIX + name.lower(), value)

    def forget(self) -> None:
        """The transaction is over: XFORWARD counts for one."""
        if self._forwards:
            attributes = self._origin.attributes
            for name in [name for name in attributes if name.startswith(XFORWARD_PREFIX)]:
                del attributes[name]

    def _peer(self, said: Attributes) -> str:
        if "ADDR" not in said:
            return self._origin.peer
        claimed = said["ADDR"]
        if isinstance(claimed, Absent):
            return UNKNOWN_PEER
        if _is_here(claimed) and not (self._origin.peer == "unix" or _is_here(self._origin.peer)):
            # On the loopback of another machine: it must not get what clients on this one get.
            return UNKNOWN_PEER
        return claimed

    async def _login(self, said: Attributes, before: Origin) -> str | None:
        if "LOGIN" not in said:
            return before.login
        name, accounts = said["LOGIN"], self._reception.accounts
        if isinstance(name, Absent) or accounts is None:
            return None
        account = await accounts.account(name)
        if account is None or not account.enabled:
            log.warn(
                "{peer} vouches for {login!r}, who has no account here", peer=self._origin.peer, login=name
            )
            return None
        return account.name


def forwarded_facts(origin: Origin) -> dict[str, str]:
    """What XFORWARD said of the message under way, for its log line; nothing where it was not used."""
    if not origin.attributes:
        return {}
    return {
        name.removeprefix(XFORWARD_PREFIX): value
        for name, value in origin.attributes.items()
        if name.startswith(XFORWARD_PREFIX)
    }


def _is_in(networks: Sequence[str], peer: str) -> bool:
    return bool(networks) and peer in _networks(tuple(networks))


@functools.lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> Networks:
    return Networks(texts)


def _is_here(peer: str) -> bool:
    address = ip_address(peer)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _note(attributes: dict[str, str], name: str, value: str | Absent | None) -> None:
    if isinstance(value, str):
        attributes[name] = value
    elif value is not None:
        attributes.pop(name, None)


def _number(value: str | Absent | None, otherwise: int) -> int:
    if value is None:
        return otherwise
    return 0 if isinstance(value, Absent) else int(value)


def _text(value: str | Absent | None, otherwise: str | None) -> str | None:
    if value is None:
        return otherwise
    return None if isinstance(value, Absent) else value
