"""Logins that the stores check: what a client says is said to the store of whom it names, and the store decides."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.directory.attempts import Attempts
from mailframe.directory.interfaces import IDirectory, INameAccounts, ISASLAuthenticator
from mailframe.directory.names import comparable_name
from mailframe.directory.values import Account, Credentials, Evidence, Identity
from mailframe.location.values import Store
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError, ProtocolError, Status
from mailframe.sasl import scram
from mailframe.sasl.exchange import CANCELLED, NOT_BASE64
from mailframe.sasl.scram import Keys
from mailframe.sasl.values import Token

from .exchanges import PassedExchange

MECHANISMS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
"""Those that name the user before a secret is said. Without channel binding: there are two channels."""
NAMELESS: Final = Status((5, 7, 8), "Say whose token it is", "AUTHENTICATIONFAILED")


@implementer(ISASLAuthenticator)
class Passing:
    """An authenticator that lets everybody on to the store, which decides.

    Args:
        directory: says where mailboxes are.
        stores: where those ask in vain whom the directory does not know: at the first one.
        attempts: delays those who fail.
    """

    oauth_hints = b""

    def __init__(self, directory: IDirectory, stores: Sequence[Store], attempts: Attempts) -> None:
        self._directory = directory
        self._elsewhere = stores[0].name
        self.attempts = attempts

    def mechanisms(self) -> Collection[str]:
        """Whatever can be passed on."""
        return MECHANISMS

    async def keys(self, authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Keys:
        """Nobody has keys here."""
        raise MailframeError(CREDENTIALS_INVALID, "logins are checked by the stores")

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Whose mailbox a client wants that said a password."""
        account = await self.account(credentials.authzid or credentials.authcid)
        return Identity(account, credentials.authcid if credentials.authzid else account.name)

    async def judge(self, evidence: Evidence) -> Identity:
        """Whose mailbox a client wants that has a token."""
        claim = evidence.claim
        if not isinstance(claim, Token) or not claim.authcid:
            raise MailframeError(NAMELESS)
        account = await self.account(claim.authcid)
        return Identity(account, account.name)

    async def account(self, name: str) -> Account:
        """The account of a name; one that looks like any other where there is none.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """
        name = comparable_name(name)
        if INameAccounts.providedBy(self._directory):
            name = await cast(INameAccounts, self._directory).canonical(name)
        return await self._directory.account(name) or Account(name, store=self._elsewhere)


class PassedLogin:
    """A SASL exchange between a client and a store, seen from the door as `mailframe.dialogue.logins.Login` is.

    Args:
        mechanism: SCRAM, without channel binding.
        passing: knows where the store is.
        enter: logs in there.
    """

    def __init__(
        self, mechanism: str, passing: Passing, enter: Callable[[Identity, PassedExchange], Any]
    ) -> None:
        self._mechanism = mechanism
        self._passing = passing
        self._enter = enter
        self._exchange: PassedExchange | None = None
        self._identity: Identity | None = None
        self._entering: Deferred[Any] | None = None

    async def begin(self, initial: bytes | None) -> bytes | Identity:
        """Take what came with the command; the store's answer to it.

        Raises:
            ProtocolError: it is not the mechanism's.
            MailframeError: the store refused, or cannot be asked now.
        """
        return b"" if initial is None else await self.answer(initial)

    async def answer(self, line: bytes) -> bytes | Identity:
        """Take a response line; see `begin`."""
        if line == b"*":
            self.give_up()
            raise ProtocolError(CANCELLED)
        if self._exchange is not None:
            self._exchange.respond(line)
            return await self._next()
        self._exchange = PassedExchange(self._mechanism, line)
        account = await self._passing.account(_name(line))
        self._identity = Identity(account, account.name)
        self._entering = ensureDeferred(self._enter(self._identity, self._exchange))
        return await self._next()

    def give_up(self) -> None:
        """The client has gone, or wants something else."""
        if self._entering is not None:
            self._entering.addErrback(lambda _: None)
            self._entering.cancel()

    async def _next(self) -> bytes | Identity:
        """What comes first: the store's next challenge, or its verdict."""
        assert self._exchange is not None
        assert self._entering is not None
        first: Deferred[bytes | Identity] = Deferred()
        self._exchange.challenge().addCallback(_tell, first)
        self._entering.addBoth(self._over, first)
        return await first

    def _over(self, result: object, first: Deferred[Any]) -> object:
        if not first.called:
            if isinstance(result, Failure):
                first.errback(result)
                return None
            first.callback(self._identity)
        return result


def _tell(challenge: bytes, first: Deferred[Any]) -> None:
    if not first.called:
        first.callback(challenge)


def _name(line: bytes) -> str:
    """Whose mailbox a client's first message asks for (RFC 5802 section 7).

    Raises:
        ProtocolError: it is none.
    """
    try:
        message = base64.b64decode(line, validate=True)
    except binascii.Error:
        raise ProtocolError(NOT_BASE64) from None
    flag, authzid, bare = [*message.split(b",", 2), b"", b""][:3]
    if len(message) > scram.LIMIT or flag not in (b"n", b"y") or (authzid and not authzid.startswith(b"a=")):
        raise ProtocolError(scram.MALFORMED)
    (name, _), _ = scram.attributes(bare, "n", "r")
    return scram.from_saslname(authzid[2:] or name)
