"""What others may ask of mail that is kept here, and what a spool must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from zope.interface import Interface

from mailframe.message.content import Content
from mailframe.message.mail import MailObject
from mailframe.message.status import Status

from .values import (
    Change,
    Claim,
    ClaimRequest,
    Closed,
    Conclusion,
    Listed,
    NewMessage,
    Place,
    Selection,
    Usage,
)


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


class ISpool(Interface):
    """Where the queue keeps its mail. Several runners, in several processes or on several nodes, may use one.

    Durable means: on stable storage before the answer. Faults of disk and database are a temporary `MailframeError`;
    whoever gets one asks again later, and nothing has happened. A spool has the time of day from its constructor.

    Leases: a runner enlists, and renews its lease as long as it lives. What it has claimed is its own until the lease
    has ended *and* another runner has taken it over. So what a killed runner worked on is taken up by the others, and
    delivered twice only where a host had taken it and the conclusion was not written down.
    """

    def start() -> Awaitable[None]:
        """Make everything ready; safe to call twice.

        Raises:
            MailframeError: temporary: it cannot be reached.
            UnusableDatabase: it is not ours, or newer than we are.
        """

    def stop() -> Awaitable[None]:
        """Do what waits, and let go of everything; safe to call twice."""

    # Runners.

    def enlist(seconds: float) -> Awaitable[str]:
        """Become a runner, with a lease for so many seconds; its name is never used again."""

    def renew(runner: str, seconds: float) -> Awaitable[bool]:
        """Have the lease for so many seconds from now; False where it has been taken over: enlist again."""

    def discharge(runner: str) -> Awaitable[None]:
        """End a lease: what the runner still has is due at once; no error for an unknown one."""

    def take_over() -> Awaitable[int]:
        """Make due what belongs to runners whose lease has ended, or who are known to be dead.

        Returns:
            How many recipients.
        """

    # Messages.

    def add(message: NewMessage, runner: str | None = None) -> Awaitable[None]:
        """Keep a message durably: when this answers, we are responsible for it.

        Args:
            message: what to keep; `mailframe.queue.values.NewMessage` tells of recipients that the runner
                attempts itself.
            runner: who adds it; needed for recipients that are `LEASED`.

        Raises:
            MailframeError: temporary. Nothing was kept.
        """

    def content(queue_id: str) -> Awaitable[Content]:
        """The octets of a message; the caller discards its body.

        Raises:
            MailframeError: temporary; also where the message is unknown or its octets are damaged.
        """

    def claim(runner: str, request: ClaimRequest) -> Awaitable[Sequence[Claim]]:
        """Have recipients that are due, for places that are not closed.

        Urgent lanes first; among equals the destination first that was served the longest ago, and there what is due
        the longest. But lanes do not starve: some of each answer may ignore them. The cost does not grow with the
        number of messages that wait, nor with that of those for one destination.

        A place whose closing time has passed gets one claim until it is opened or closed again.

        Returns:
            At most as many as asked for; empty where nothing is due. Recipients of one message at one place come in
            one claim, at most 1,000 of them.
        """

    def claim_for_review(runner: str, messages: int) -> Awaitable[Sequence[Claim]]:
        """Have DUE recipients whose ``review`` has come, whatever their place: not to attempt, but to decide on."""

    def next_due() -> Awaitable[float | None]:
        """When there will be something to claim or review; a time that is over means now, None: nothing waits."""

    def conclude(runner: str, conclusion: Conclusion) -> Awaitable[bool]:
        """Write down what became of claimed recipients, durably; a message whose recipients are all final is gone.

        Returns:
            False where the lease had been lost: what was DELIVERED or FAILED is written down unless it was final
            before, and the notices are kept if anything was; the rest is not written down.
        """

    # Destinations.

    def close(closed: Closed) -> Awaitable[None]:
        """Attempt nothing there for a while. Runners of all processes go by it."""

    def open(place: Place) -> Awaitable[None]:
        """It answers again; no error where it was not closed."""

    def closed() -> Awaitable[Sequence[Closed]]:
        """All closed places whose time is not over, longest first; at most 1,000."""

    # Room.

    def usage() -> Awaitable[Usage]:
        """How full it is; may be some seconds old where counting is dear."""

    def used_by(account: str) -> Awaitable[tuple[int, int]]:
        """Messages and octets that an account has here; costs the same however many there are."""


class ISpoolRecords(Interface):
    """What administrators ask of a spool, while runners use it; every spool provides it, too."""

    def listing(selection: Selection, after: str = "", limit: int = 500) -> Awaitable[Sequence[Listed]]:
        """Messages that have such recipients, and these; in order of queue ids, that is by age.

        Args:
            selection: which.
            after: only ids greater than this: the last one of the page before.
            limit: messages of a page.
        """

    def find(queue_id: str) -> Awaitable[Listed | None]:
        """One message with all its recipients that are still known; None for unknown."""

    def change(
        change: Change, queue_id: str, numbers: Sequence[int], status: Status | None = None
    ) -> Awaitable[int]:
        """Change recipients of one message, durably.

        Args:
            change: what; recipients in a state that it is not for are left alone.
            queue_id: of which message.
            numbers: which recipients.
            status: why, for HOLD (temporary class) and BOUNCE (permanent class).

        Returns:
            How many recipients were changed.
        """

    def change_all(
        change: Change, messages: Sequence[tuple[str, Sequence[int]]], status: Status | None = None
    ) -> Awaitable[Sequence[int]]:
        """Change recipients of many messages in one transaction: all of it is durable, or nothing has happened.

        Args:
            change: what; see `change`.
            messages: queue ids and recipients; some hundred at a time, as others wait meanwhile.
            status: why; see `change`.

        Returns:
            For each message, how many recipients were changed; 0 for an unknown one.
        """

    def flush(destination: str | None = None, queue: str | None = None) -> Awaitable[int]:
        """All that waits (there) is due now and its places are open; held mail stays held.

        Returns:
            How many recipients.
        """


class IWakes(Interface):
    """A spool that several nodes share, and that tells when another has changed something; optional."""

    def watch(changed: Callable[[], None]) -> None:
        """Have a function called when there may be something new to claim.

        Args:
            changed: called without arguments in the reactor's thread; only a hint: it may be called for nothing, and
                may not be called, so whoever watches still looks from time to time.
        """
