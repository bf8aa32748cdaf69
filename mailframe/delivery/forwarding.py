"""Forwarding at the last station: mail that comes into an account's mailbox goes on from there to where it wants.

Nobody but the directory says where to. Whoever sent the mail chooses an account of ours, as he does for any mail, and
no octet of what he sends becomes a recipient of a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.directory.interfaces import IDirectory
from mailframe.directory.names import comparable_name, name_of
from mailframe.message import header
from mailframe.message.address import Address
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.esmtp import Notify, OriginalRecipient, format_notify, format_original_recipient
from mailframe.message.mail import MailObject, new_queue_id
from mailframe.message.status import OK, UNKNOWN_FAULT, MailframeError, Status, worst
from mailframe.routing.interfaces import Route
from mailframe.store.interfaces import IMailStore

from .interfaces import IAttempts, IDelivery, IReturnPath
from .metrics import FORWARDED
from .values import Attempt

HOPS: Final = 10
"""Delivered-To fields with which a message is forwarded no more: accounts that forward to each other multiply it."""
CLASS: Final = "forward"
"""``origin.attributes["class"]`` of every copy, for routes."""
_ONWARD: Final = ("BODY", "SMTPUTF8", "RET", "ENVID", "REQUIRETLS", "MT-PRIORITY")
"""Parameters of MAIL that hold for copies. When to send it was between the sender and us."""

log = Logger()


@implementer(IReturnPath)
class SameReturnPath:
    """The sender's: notices that a copy could not be delivered go there."""

    def of(self, reverse_path: Address | None, account: str) -> Address | None:
        """What it was."""
        return reverse_path


@dataclass(frozen=True, slots=True)
class _Forward:
    """What an account wants.

    Attributes:
        account: its name.
        targets: where copies go; not empty.
        keeps: one comes into the mailbox.
        recipient: through whom the message came to it.
    """

    account: str
    targets: Sequence[Address]
    keeps: bool
    recipient: Recipient


@implementer(IDelivery, IAttempts)
class ForwardingDelivery:
    """Puts mail into mailboxes, and hands copies on for accounts that forward theirs.

    Copies are handed on first: when that cannot be done now, the whole message comes again, and nothing lies in a
    mailbox that would lie there twice. What cannot be handed on at all is kept in the mailbox, whatever the account
    says, and so is what came here by itself before.

    Args:
        delivery: into mailboxes.
        store: of these; asked for room before copies are handed on.
        directory: knows who forwards.
        onward: takes copies, such as a queue.
        return_path: whom copies come from.
    """

    def __init__(
        self,
        delivery: IDelivery,
        store: IMailStore,
        directory: IDirectory,
        onward: IDelivery,
        return_path: IReturnPath | None = None,
    ) -> None:
        self._delivery = delivery
        self._store = store
        self._directory = directory
        self._onward = onward
        self._return_path: IReturnPath = return_path or IReturnPath(SameReturnPath())

    async def room(self, account: str) -> Status | None:
        """As `IMailStore.room`; what is only forwarded needs none."""
        found = await self._directory.account(account)
        if found is not None and found.forwards and not found.keeps_copy:
            return None
        return await self._store.room(account)

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`."""
        try:
            forwards = await self._forwards(mail, routes)
            if not forwards:
                return await self._delivery.deliver(mail, routes, atomic)
            answers = await self._hand_on(mail, forwards, atomic)
        except CancelledError:
            raise
        except MailframeError as error:
            log.warn("{queue_id}: {reason}", queue_id=mail.queue_id, reason=error.reason)
            status = error.status if error.status.temporary else UNKNOWN_FAULT
            return [status] * len(routes)
        except Exception:
            log.failure("{queue_id}: cannot be forwarded", queue_id=mail.queue_id)
            return [UNKNOWN_FAULT] * len(routes)
        refusals = [answer for answer in answers.values() if answer is not None and not answer.success]
        if atomic and refusals:
            return [worst(refusals)] * len(routes)
        return await self._keep(mail, routes, atomic, answers)

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; what was forwarded is in our hands, so success is final."""
        statuses = await self.deliver(mail, routes, False)
        return [Attempt(status, final=status.success) for status in statuses]

    async def _forwards(self, mail: MailObject, routes: Sequence[Route]) -> list[_Forward]:
        """The accounts whose mail goes on, each once."""
        found: dict[str, _Forward | None] = {}
        for recipient, route in zip(mail.envelope.recipients, routes, strict=True):
            for mailbox in route.mailboxes:
                if mailbox.account not in found:
                    found[mailbox.account] = await self._forward(mail, mailbox.account, recipient)
        return [forward for forward in found.values() if forward is not None]

    async def _forward(self, mail: MailObject, name: str, recipient: Recipient) -> _Forward | None:
        account = await self._directory.account(name)
        if account is None or not account.forwards:
            return None
        targets = {name_of(target): target for target in account.forwards}
        # Many write their own address among the others to say that a copy is kept.
        to_itself = targets.pop(account.name, None) is not None
        if not targets:
            return None
        if _went_round(mail, account.name):
            log.warn(
                "{queue_id}: not forwarded again for {account}", queue_id=mail.queue_id, account=account.name
            )
            return None
        return _Forward(account.name, list(targets.values()), account.keeps_copy or to_itself, recipient)

    async def _hand_on(
        self, mail: MailObject, forwards: Sequence[_Forward], atomic: bool
    ) -> dict[str, Status | None]:
        """Hand copies on.

        Returns:
            For each account success where that was all, a failure where the message has to come again, None where
            it comes into the mailbox as well.
        """
        answers: dict[str, Status | None] = {}
        for forward in forwards:
            full = await self._store.room(forward.account) if forward.keeps else None
            if full is not None:
                answers[forward.account] = full
        if atomic and answers:
            return answers
        for forward in forwards:
            if forward.account in answers:
                continue
            answer = await self._send(mail, forward)
            answers[forward.account] = answer
            if atomic and answer is not None and not answer.success:
                break
        return answers

    async def _send(self, mail: MailObject, forward: _Forward) -> Status | None:
        """Hand one account's copies on; see `_hand_on`."""
        copy = self._copy(mail, forward)
        onward = [Route(onward=True)] * len(forward.targets)
        try:
            statuses = await self._onward.deliver(copy, onward, True)
        except MailframeError as error:
            statuses = [error.status]
        log.info(
            "{queue_id}: forwarded for {account} as {forwarded_as}: {reply}",
            queue_id=mail.queue_id,
            account=forward.account,
            forwarded_as=copy.queue_id,
            reply=str(worst(statuses)),
        )
        if all(status.success for status in statuses):
            FORWARDED.labels("forwarded").inc()
            return None if forward.keeps else OK
        if any(status.temporary for status in statuses) and not any(status.success for status in statuses):
            FORWARDED.labels("deferred").inc()
            return next(status for status in statuses if status.temporary)
        # Refused for good, or some have it: to try again would help nobody, or bring it twice.
        FORWARDED.labels("kept").inc()
        log.warn(
            "{queue_id}: kept in the mailbox of {account}, as it cannot be forwarded",
            queue_id=mail.queue_id,
            account=forward.account,
        )
        return None

    def _copy(self, mail: MailObject, forward: _Forward) -> MailObject:
        reverse_path = self._return_path.of(mail.envelope.reverse_path, forward.account)
        parameters = {key: value for key, value in mail.envelope.parameters.items() if key in _ONWARD}
        if not all(target.is_ascii for target in forward.targets):
            parameters["SMTPUTF8"] = None
        recipients = [Recipient(target, _parameters(forward.recipient)) for target in forward.targets]
        trace = b"Delivered-To: " + forward.account.encode() + b"\r\n"
        return MailObject(
            new_queue_id(),
            Envelope(reverse_path, recipients, parameters),
            mail.content.with_prefix(trace),
            replace(mail.origin, attributes={"class": CLASS}),
        )

    async def _keep(
        self, mail: MailObject, routes: Sequence[Route], atomic: bool, answers: dict[str, Status | None]
    ) -> Sequence[Status]:
        """Put into mailboxes what goes there."""
        left = [
            replace(
                route, mailboxes=tuple(one for one in route.mailboxes if answers.get(one.account) is None)
            )
            for route in routes
        ]
        places = [number for number, route in enumerate(left) if route.mailboxes]
        stored: dict[int, Status] = {}
        if places:
            recipients = [mail.envelope.recipients[number] for number in places]
            rest = replace(mail, envelope=replace(mail.envelope, recipients=recipients))
            statuses = await self._delivery.deliver(rest, [left[number] for number in places], atomic)
            stored = dict(zip(places, statuses, strict=True))
        return [
            worst(
                [
                    *([stored[number]] if number in stored else []),
                    *(answer for one in route.mailboxes if (answer := answers.get(one.account)) is not None),
                ]
            )
            for number, route in enumerate(routes)
        ]


def _went_round(mail: MailObject, name: str) -> bool:
    """Was it forwarded for this account before, or too often?"""
    fields = header.values(mail.content.head, b"delivered-to")
    if len(fields) >= HOPS:
        return True
    return any(comparable_name(field.decode("utf-8", "replace").strip()) == name for field in fields)


def _parameters(recipient: Recipient) -> dict[str, str | None]:
    """What the sender asked about notifications holds for a copy, too; but of success he hears once, from here."""
    parameters = {key: value for key, value in recipient.parameters.items() if key in ("NOTIFY", "ORCPT")}
    notify = recipient.notify
    if notify is not None and Notify.SUCCESS in notify:
        parameters["NOTIFY"] = format_notify(notify & ~Notify.SUCCESS)
    if "ORCPT" not in parameters:
        path = recipient.forward_path
        kind = "rfc822" if path.is_ascii else "utf-8"
        original = OriginalRecipient(kind, bytes(path).decode())
        parameters["ORCPT"] = format_original_recipient(original)
    return parameters
