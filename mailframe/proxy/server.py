"""Makes a conversation for each connection at a door."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from mailframe.dialogue.interfaces import IConversation
from mailframe.dialogue.protocol import DialogueProtocol

from .door import Door
from .imap import IMAPConversation
from .managesieve import ManageSieveConversation
from .pop3 import POP3Conversation
from .submission import SubmissionConversation

CONVERSATIONS: dict[str, Callable[[Door], object]] = {
    "imap": IMAPConversation,
    "pop3": POP3Conversation,
    "submission": SubmissionConversation,
    "managesieve": ManageSieveConversation,
}
"""By protocol."""


@implementer(IProtocolFactory)
class ProxyServerFactory:
    """A door's factory.

    Args:
        door: what its conversations share.
    """

    noisy = False

    def __init__(self, door: Door) -> None:
        self._door = door
        self._make = CONVERSATIONS[door.protocol]

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A conversation for one connection."""
        door = self._door
        conversation = cast(IConversation, self._make(door))
        return DialogueProtocol(conversation, door.clock, door.settings.login_timeout)

    def doStart(self) -> None:
        """A port listens."""

    def doStop(self) -> None:
        """A port is closed."""
