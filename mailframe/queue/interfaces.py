"""What others may ask of mail that is kept here."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from mailframe.message.mail import MailObject


class IHolding(Interface):
    """Takes responsibility for a message without delivering it."""

    def hold(mail: MailObject, reason: str) -> Awaitable[None]:
        """Keep a message durably until somebody releases or deletes it.

        Args:
            mail: as it would be delivered now; its content stays the caller's to discard afterwards.
            reason: a sentence for whoever looks at held mail.

        Raises:
            MailframeError: temporary: there is no room (4.3.1), or the disk cannot be written. Nothing was kept.
        """
