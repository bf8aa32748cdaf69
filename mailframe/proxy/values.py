"""What a proxied session is. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mailframe.directory.values import Account

from .exchanges import PassedExchange


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the door.

    Attributes:
        peer, port: the client's address.
        local, local_port: the address it connected to; "" and 0 where that is not known.
        secure: under TLS.
        session_id: names the session in the log, here and at the store.
        hops: proxies of ours it has come through already.
    """

    peer: str
    port: int = 0
    local: str = ""
    local_port: int = 0
    secure: bool = False
    session_id: str = ""
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """Who was let in, and what is needed at the store.

    Attributes:
        account: whose mail it is.
        authcid: the name that was said.
        password: and the password, where one was said; only for as long as the store is logged in to.
        token: or the OAuth 2.0 token.
        exchange: how the client itself talks with the store; None where we do.
        master: whose password it was, where somebody logged in for the account; "" for its own.
    """

    account: Account
    authcid: str
    password: str | None = None
    token: str | None = None
    master: str = ""
    exchange: PassedExchange | None = None

    def __repr__(self) -> str:
        return f"Admission(account={self.account!r}, authcid={self.authcid!r})"


@dataclass(slots=True)
class ProxiedSession:
    """One session, for lists and for kicking.

    Attributes:
        session_id: as in the log.
        protocol: ``imap``, ``pop3``, ...
        account: whose.
        peer: the client's address.
        store, host: where it went, by their names.
        began: seconds since 1970.
        cut: ends it.
    """

    session_id: str
    protocol: str
    account: str
    peer: str
    store: str
    host: str
    began: float
    cut: Callable[[], None] = field(repr=False)
