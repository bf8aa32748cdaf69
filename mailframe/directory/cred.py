"""Bridges to ``twisted.cred``: its checkers as our authenticator, our authenticator as its checker.

With the first, anything that checks passwords for Twisted checks them for mail; with the second, a web or SSH
server beside the mail takes the same passwords. ``twisted.cred.portal`` works with either.
"""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from mailframe.message.status import CREDENTIALS_INVALID, MailframeError

from .interfaces import IAuthenticator, IDirectory
from .values import Account, Credentials, Identity


@implementer(IAuthenticator)
class CheckerAuthenticator:
    """An `ICredentialsChecker` for `IUsernamePassword` as an `IAuthenticator`.

    It delays nothing and remembers nothing; that the checker does not hash on the reactor's thread is the
    checker's business.

    Args:
        checker: whose avatar ids are account names, ``bytes`` or ``str``.
        directory: where accounts are looked up, so that a disabled one stays out; without it every avatar id is
            an enabled account without a quota.

    Raises:
        ValueError: the checker takes no passwords.
    """

    def __init__(self, checker: ICredentialsChecker, directory: IDirectory | None = None) -> None:
        if not any(IUsernamePassword.isOrExtends(interface) for interface in _accepted(checker)):
            raise ValueError("the checker does not take IUsernamePassword")
        self._checker = checker
        self._directory = directory

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Ask the checker."""
        asked = UsernamePassword(credentials.authcid.encode("utf-8"), credentials.password)
        try:
            avatar_id: Any = await maybeDeferred(self._checker.requestAvatarId, asked)
        except LoginFailed as error:
            raise MailframeError(CREDENTIALS_INVALID, "the checker refused") from error
        name = _text(avatar_id)
        if name is None or credentials.authzid not in ("", credentials.authcid):
            raise MailframeError(CREDENTIALS_INVALID, "anonymous, or on behalf of another")
        return Identity(await self._account(name), credentials.authcid)

    async def _account(self, name: str) -> Account:
        if self._directory is None:
            return Account(name)
        account = await self._directory.account(name)
        if account is None or not account.enabled:
            raise MailframeError(CREDENTIALS_INVALID, "no such account, or it may not log in")
        return account


@implementer(ICredentialsChecker)
class AuthenticatorChecker:
    """An `IAuthenticator` as an `ICredentialsChecker`; the avatar id is the account's name as UTF-8.

    Args:
        protocol: what is logged as the protocol.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, authenticator: IAuthenticator, protocol: str = "cred") -> None:
        self._authenticator = authenticator
        self._protocol = protocol

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        """Ask the authenticator.

        Returns:
            Fails with `UnauthorizedLogin`, or with a temporary `MailframeError` when it cannot be checked.
        """
        return Deferred.fromCoroutine(self._request(credentials))

    async def _request(self, credentials: Any) -> bytes | tuple[()]:
        try:
            authcid = credentials.username.decode("utf-8")
            identity = await self._authenticator.authenticate(
                Credentials(authcid, credentials.password, protocol=self._protocol)
            )
        except UnicodeDecodeError as error:
            raise UnauthorizedLogin("the name is not UTF-8") from error
        except MailframeError as error:
            if error.status.permanent:
                raise UnauthorizedLogin(error.status.text) from error
            raise
        return identity.account.name.encode("utf-8")


def _accepted(checker: ICredentialsChecker) -> Any:
    return checker.credentialInterfaces


def _text(avatar_id: object) -> str | None:
    """An avatar id as an account's name; None for the empty tuple that stands for anonymous."""
    if isinstance(avatar_id, bytes):
        return avatar_id.decode("utf-8", "replace")
    return avatar_id if isinstance(avatar_id, str) else None
