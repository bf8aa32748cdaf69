"""For tests of what uses a directory, and of directories: a fake authenticator and the contract suite."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import implementer

from mailframe.directory.interfaces import IAuthenticator
from mailframe.directory.values import Account, Credentials, Identity
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError


@implementer(IAuthenticator)
class FakeAuthenticator:
    """Accepts the passwords it was told; answers at once.

    Args:
        passwords: account name to password in clear.

    Attributes:
        seen: the credentials it was asked about, in order.
        error: raised instead of an answer, when set.
    """

    def __init__(self, passwords: Mapping[str, bytes | str]) -> None:
        self._passwords = {
            name: password.encode("utf-8") if isinstance(password, str) else password
            for name, password in passwords.items()
        }
        self.seen: list[Credentials] = []
        self.error: MailframeError | None = None

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Is it the password it was told?"""
        self.seen.append(credentials)
        if self.error is not None:
            raise self.error
        name = credentials.authcid
        if credentials.authzid not in ("", name) or self._passwords.get(name) != credentials.password:
            raise MailframeError(CREDENTIALS_INVALID)
        return Identity(Account(name), name)
