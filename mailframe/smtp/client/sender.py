"""The client that roles and deliveries use: sends messages over one connection, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from twisted.logger import Logger

from mailframe.message.content import CHUNK, Content, OctetsBody, PiecesBody
from mailframe.message.envelope import Recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import MailframeError, Status

from . import downgrade
from .connection import ClientConnection
from .content import Facts, examine, normalised
from .line import in_thread
from .outcome import Outcome, RecipientOutcome
from .phases import Phase
from .preparation import Plan, prepare
from .transaction import Commands, Transaction, Verdict

NOT_TRIED = Status((4, 4, 2), "Not tried: the connection ended before")
NO_MORE_MESSAGES = Status((4, 5, 3), "The server takes no more messages over this connection")
_IN_MEMORY = (OctetsBody, PiecesBody)
"""Bodies whose octets are had without I/O; all others are read in threads."""

log = Logger()


class SMTPClient(ClientConnection):
    """A connection that is greeted, perhaps under TLS, perhaps logged in: see `mailframe.smtp.client.connecting`.

    Attributes:
        messages: transactions so far.
    """

    messages = 0

    @property
    def messages_left(self) -> int:
        """Transactions that the server, or our own settings, allow still on this connection."""
        limits = [self.settings.messages_per_connection, self.capabilities.messages_limit or 1_000_000]
        return max(0, min(limits) - self.messages)

    async def send(
        self, mail: MailObject, recipients: Sequence[Recipient], *, age: float = 0.0, together: bool = False
    ) -> Outcome:
        """Send one message. Raises nothing for what a server does.

        Recipients beyond what the server takes at once go in further transactions on the same connection.

        Args:
            mail: the message; its content stays the caller's.
            recipients: to whom, of ``mail.envelope`` or others.
            age: seconds since the message was received.
            together: all recipients or none, as far as one transaction goes: where one is refused, the content is not
                sent.

        Returns:
            The outcome; ``usable`` says whether the connection still is.
        """
        began = self.clock.seconds()
        results: list[RecipientOutcome | None] = [None] * len(recipients)
        untouched = False
        try:
            facts = await self._look(mail.content)
            plan = prepare(
                mail.envelope, recipients, facts, self.capabilities, self.security, self.settings, age
            )
            chunks = await self._chunks(mail.content, plan)
        except MailframeError as error:
            results = [RecipientOutcome(recipient, error.status) for recipient in recipients]
        else:
            untouched = await self._send_all(recipients, plan, chunks, mail.content, together, results)
        found = [result for result in results if result is not None]
        outcome = Outcome(found, self.core.host, self.peer, self.tls, self.verified, untouched)
        self._note(mail, outcome, self.clock.seconds() - began)
        return outcome

    async def _send_all(
        self,
        recipients: Sequence[Recipient],
        plan: Plan,
        chunks: Callable[[], Iterator[bytes]],
        content: Content,
        together: bool,
        results: list[RecipientOutcome | None],
    ) -> bool:
        """As many transactions as it takes; True when the server answered nothing of any."""
        for number, command in enumerate(plan.rcpts):
            if isinstance(command, Status):
                results[number] = RecipientOutcome(recipients[number], command)
        refused = next((result.status for result in results if result is not None), None)
        if refused is not None and together:
            results[:] = [
                result or RecipientOutcome(recipients[number], refused)
                for number, result in enumerate(results)
            ]
            return False
        todo = [number for number, result in enumerate(results) if result is None]
        answered = False
        while todo:
            if not self.usable or not self.messages_left:
                status = NO_MORE_MESSAGES if self.usable else self.core.ended or NOT_TRIED
                for number in todo:
                    results[number] = RecipientOutcome(recipients[number], _deferred(status), untried=True)
                break
            group = self._group(todo, recipients)
            commands = [command for number in group if isinstance(command := plan.rcpts[number], bytes)]
            transaction = Transaction(
                self.core, Commands(plan.mail, commands, plan.chunked, plan.binary, together)
            )
            verdicts = await self._transact(transaction, chunks, content)
            answered = answered or transaction.answered or transaction.sent
            again = []
            for number, verdict in zip(group, verdicts, strict=True):
                results[number] = _outcome(recipients[number], verdict, plan.dsn)
                if verdict.too_many:
                    again.append(number)
            done = set(group)
            todo = again + [number for number in todo if number not in done]
        return self.core.ended is not None and not answered

    async def _transact(
        self, transaction: Transaction, chunks: Callable[[], Iterator[bytes]], content: Content
    ) -> Sequence[Verdict]:
        if self.core.in_transaction:
            try:
                await self.reset()
            except MailframeError as error:
                log.debug("{host} takes no RSET: {reason}", host=self.core.host, reason=error.reason)
        self.messages += 1
        began = self.clock.seconds()
        exchange = self._begin(transaction.dialogue())
        verdicts = await self._stream(exchange, chunks, not isinstance(content.body, _IN_MEMORY))
        self.metrics.seconds.observe(self.clock.seconds() - began)
        return verdicts

    def _group(self, todo: Sequence[int], recipients: Sequence[Recipient]) -> list[int]:
        """The recipients of the next transaction, as LIMITS allows (RFC 9422 section 4)."""
        capabilities = self.capabilities
        ours = self.settings.recipients_per_transaction or len(todo)
        most = min(capabilities.recipients_limit or len(todo), ours)
        domains_most = capabilities.domains_limit or len(todo)
        group: list[int] = []
        domains: set[str] = set()
        for number in todo:
            domain = recipients[number].forward_path.domain
            if len(group) < most and (domain in domains or len(domains) < domains_most):
                domains.add(domain)
                group.append(number)
        return group

    # Content.

    async def _look(self, content: Content) -> Facts:
        if isinstance(content.body, _IN_MEMORY):
            return examine(content.chunks())
        return await in_thread(self.clock, lambda: examine(content.chunks()))

    async def _chunks(self, content: Content, plan: Plan) -> Callable[[], Iterator[bytes]]:
        """What gives the octets to send, anew for each transaction.

        Raises:
            MailframeError: the content cannot be converted.
        """
        chunks: Callable[[], Iterable[bytes]] = content.chunks
        if plan.normalise:
            chunks = partial(_normalised, content)
        if plan.target is not None:
            changes = await in_thread(self.clock, partial(downgrade.plan, chunks, plan.target))
            chunks = partial(_changed, chunks, changes)
        size = self.settings.chunk if plan.chunked else CHUNK
        return lambda: gathered(chunks(), size)

    def _note(self, mail: MailObject, outcome: Outcome, delay: float) -> None:
        """The figures, and a line in the log where not all went well.

        Of success whoever sends tells, with what he knows besides: two lines a message were a tenth of the time that
        sending from the queue took.
        """
        for recipient in outcome.recipients:
            status = recipient.status
            chosen = self.metrics.accepted if status.success else self.metrics.deferred
            (self.metrics.refused if status.permanent else chosen).inc()
        if outcome.whole:
            return
        log.info(
            "{queue_id} sent to {host}: {accepted} of {recipients} recipients accepted, {reply}",
            queue_id=mail.queue_id,
            session_id=mail.origin.session_id,
            host=outcome.host,
            peer=outcome.address,
            reverse_path=f"<{mail.envelope.reverse_path or ''}>",
            forward_path=[f"<{each.recipient.forward_path}>" for each in outcome.recipients],
            accepted=sum(each.status.success for each in outcome.recipients),
            recipients=len(outcome.recipients),
            reply=repr(_worst(outcome)),
            tls=outcome.tls.version if outcome.tls is not None else None,
            verified=outcome.verified,
            size=mail.content.size,
            delay=round(delay, 3),
        )


def gathered(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same octets in pieces of exactly ``size``, but for the last."""
    held = b""
    for chunk in chunks:
        held = held + chunk if held else chunk
        start = 0
        while len(held) - start > size:
            yield held[start : start + size]
            start += size
        held = held[start:] if start else held
    if held:
        yield held


def _normalised(content: Content) -> Iterator[bytes]:
    return normalised(content.chunks())


def _changed(chunks: Callable[[], Iterable[bytes]], changes: Sequence[downgrade.Change]) -> Iterator[bytes]:
    return downgrade.changed(chunks(), changes)


def _outcome(recipient: Recipient, verdict: Verdict, dsn: bool) -> RecipientOutcome:
    return RecipientOutcome(
        recipient,
        verdict.status,
        reply=str(verdict.reply) if verdict.reply is not None else "",
        phase=verdict.phase,
        dsn_passed=dsn and verdict.status.success,
        possibly_delivered=verdict.possibly_delivered,
    )


def _deferred(status: Status) -> Status:
    return status if status.temporary else Status((4, *status.enhanced[1:]), status.text)


def _worst(outcome: Outcome) -> str:
    """The one reply of an attempt that people want to see: a failure, where there is one."""
    for recipient in outcome.recipients:
        if not recipient.status.success:
            return recipient.status.text
    last = outcome.recipients[-1:]
    return last[0].reply if last else Phase.IDLE.value
