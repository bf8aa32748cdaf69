"""Notices to senders: what became of their mail, as messages for the queue (RFC 3461 section 6, RFC 3464)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailframe.message.content import Content
from mailframe.message.dsn import Action, RecipientReport
from mailframe.message.mail import MailObject

from .notice_settings import NoticeSettings
from .values import QueuedMessage

__all__ = ["Action", "NoticeSettings", "Notices", "RecipientReport"]


class Notices:
    """Writes notices.

    Args:
        hostname: our name (Reporting-MTA).
        settings: how.
        seconds: the time of day, in seconds since the epoch.
    """

    def __init__(self, hostname: str, settings: NoticeSettings, seconds: Callable[[], float]) -> None:
        self._hostname = hostname
        self._settings = settings
        self._seconds = seconds

    def make(
        self, message: QueuedMessage, reports: Sequence[RecipientReport], content: Content | None
    ) -> Sequence[MailObject]:
        """Tell the sender of a message what became of recipients, as far as that is wanted (NOTIFY).

        Args:
            message: the message.
            reports: what there is to tell; all in one notice, whatever their actions, unless each recipient has a
                reverse-path of its own (`mailframe.message.verp`).
            content: of the message, to bring back what the sender asked for (RET); None where it cannot be had.
                It stays the caller's, and must not be discarded before the notices are in the queue: they read it.

        Returns:
            A message for each notice, mostly one, each with one recipient; empty where nobody wants to hear: the
            null reverse-path, NOTIFY, or a message that is a notification itself. No I/O, and nothing to discard.
        """
        raise NotImplementedError
