"""What sessions and commands have in common: states, replies, and what all sessions of a listener share."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from mailframe.directory.interfaces import IAuthenticator
from mailframe.limits.connections import ConnectionLimits
from mailframe.store.interfaces import IMailStore
from mailframe.store.sharing.namespaces import Namespaces

from .settings import IMAPSettings

if TYPE_CHECKING:
    from mailframe.tls.interfaces import IServerContexts


NO_TAG = b"*"
"""Stands for a tag where there is none; no command can have it."""


class State(enum.Enum):
    """Where a session stands (RFC 3501 section 3)."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()
    LOGOUT = enum.auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """A tagged OK.

    Attributes:
        text: for people.
        word: the response code with its arguments, or None.
    """

    text: str
    word: str | None = None


Continuation = Callable[[bytes], Awaitable[Reply | None]]
"""Takes the line that answers a continuation request; None when it asked for another."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions of one listener share."""

    store: IMailStore
    authenticator: IAuthenticator
    settings: IMAPSettings
    clock: IReactorTime
    limits: ConnectionLimits
    tls: IServerContexts | None = None
    namespaces: Namespaces | None = None
    """Names above the mailboxes of others; None where mailboxes are not shared."""
