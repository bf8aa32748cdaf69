"""Several policies as one: asked in the order given, the first refusal wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status

from .interfaces import (
    Hold,
    IConclusionPolicy,
    IConnectPolicy,
    IContentPolicy,
    IHeloPolicy,
    IMailPolicy,
    IRecipientPolicy,
)

_STAGES = (IConnectPolicy, IHeloPolicy, IMailPolicy, IRecipientPolicy, IContentPolicy, IConclusionPolicy)


class PolicyChain:
    """Policies sorted by stage once, when the role is built, so that a connection asks nobody in vain.

    Args:
        policies: objects that provide one or several of the interfaces in `mailframe.policy.interfaces`.

    Raises:
        TypeError: an object provides none of them: it would never be asked.
    """

    def __init__(self, policies: Iterable[object]) -> None:
        policies = tuple(policies)
        for policy in policies:
            if not any(stage.providedBy(policy) for stage in _STAGES):
                raise TypeError(f"{policy!r} provides no policy interface")
        self._connect: Sequence[IConnectPolicy] = [p for p in policies if IConnectPolicy.providedBy(p)]
        self._helo: Sequence[IHeloPolicy] = [p for p in policies if IHeloPolicy.providedBy(p)]
        self._mail: Sequence[IMailPolicy] = [p for p in policies if IMailPolicy.providedBy(p)]
        self._rcpt: Sequence[IRecipientPolicy] = [p for p in policies if IRecipientPolicy.providedBy(p)]
        self._content: Sequence[IContentPolicy] = [p for p in policies if IContentPolicy.providedBy(p)]
        self._told: Sequence[IConclusionPolicy] = [p for p in policies if IConclusionPolicy.providedBy(p)]

    async def connect(self, origin: Origin) -> Status | None:
        """The first refusal of the connection, or None."""
        for policy in self._connect:
            if (refusal := await policy.connect(origin)) is not None:
                return refusal
        return None

    async def helo(self, origin: Origin) -> Status | None:
        """The first refusal of the greeting, or None."""
        for policy in self._helo:
            if (refusal := await policy.helo(origin)) is not None:
                return refusal
        return None

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        """The first refusal of the reverse-path, or None."""
        for policy in self._mail:
            if (refusal := await policy.mail(origin, envelope)) is not None:
                return refusal
        return None

    async def rcpt(self, origin: Origin, envelope: Envelope, recipient: Recipient) -> Status | None:
        """The first refusal of the recipient, or None."""
        for policy in self._rcpt:
            if (refusal := await policy.rcpt(origin, envelope, recipient)) is not None:
                return refusal
        return None

    async def content(self, mail: MailObject) -> Status | Hold | None:
        """The first refusal of the message, else the first hold, or None."""
        hold: Hold | None = None
        for policy in self._content:
            verdict = await policy.content(mail)
            if isinstance(verdict, Hold):
                hold = hold or verdict
            elif verdict is not None:
                return verdict
        return hold

    def concluded(self, mail: MailObject, accepted: bool) -> None:
        """Tell those who want to know how it ended."""
        for policy in self._told:
            policy.concluded(mail, accepted)
