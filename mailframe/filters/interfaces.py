"""What a filter does: mail in, mail out."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from mailframe.message.mail import MailObject


class IFilter(Interface):
    """Changes content; never the envelope, never the verdict."""

    def filter(mail: MailObject) -> Awaitable[MailObject]:
        """The message with other content, or as it is. A failure is a temporary refusal of the message."""
