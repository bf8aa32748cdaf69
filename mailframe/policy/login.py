"""Takes mail only from people who logged in: what makes a listener a submission service (RFC 6409)."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.message.envelope import Envelope
from mailframe.message.networks import Networks, are_everybody
from mailframe.message.origin import Origin
from mailframe.message.status import Status

from .interfaces import IMailPolicy

LOGIN_FIRST = Status((5, 7, 0), "Log in first", reply_code=530)
NOT_YOURS = Status((5, 7, 1), "You may not send from that address", reply_code=553)
SHUT_OUT = Status((5, 7, 13), "This account may not send any more", reply_code=550)
EVERYBODY = "these networks are everybody: nobody would have to log in, and this would be an open relay"


@implementer(IMailPolicy)
class LoginPolicy:
    """Refuses MAIL before a login, and of accounts that were shut out since.

    Args:
        own_address_only: the reverse-path must be the account's own address, or null.
        networks: clients there need not log in, ``"192.0.2.0/24"``.
        directory: asked whether who logged in may still do so; None to believe it for as long as the session lasts.

    Raises:
        ValueError: what is given as a network is none; or they are everybody.
    """

    def __init__(
        self,
        own_address_only: bool = False,
        networks: Sequence[str] = (),
        directory: IDirectory | None = None,
    ) -> None:
        if are_everybody(networks):
            raise ValueError(EVERYBODY)
        self._own_address_only = own_address_only
        self._networks = Networks(networks)
        self._directory = directory

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """Refuse without login, or with another's address.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """
        if origin.login is None:
            return None if origin.peer in self._networks else LOGIN_FIRST
        if self._directory is not None:
            account = await self._directory.account(origin.login)
            if account is None or not account.enabled:
                return SHUT_OUT
        reverse_path = envelope.reverse_path
        if not self._own_address_only or reverse_path is None:
            return None
        return None if str(reverse_path).lower() == origin.login.lower() else NOT_YOURS
