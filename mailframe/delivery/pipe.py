"""Delivery to a program: one run for each recipient, the message on its standard input, no shell."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, DeferredSemaphore
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.message.address import Address
from mailframe.message.envelope import Recipient
from mailframe.message.mail import MailObject
from mailframe.message.status import UNKNOWN_FAULT, Status
from mailframe.routing.interfaces import Route

from .interfaces import IAttempts, IDelivery
from .metrics import ATTEMPTS
from .options import PipeOptions
from .running import TOO_LONG, Limits, Run
from .values import Attempt

_DASH = "-"

log = Logger()


@implementer(IDelivery, IAttempts)
class PipeDelivery:
    """Hands messages to a program.

    Args:
        reactor: starts processes, and is the clock.
        options: ``[delivery.pipe]``.

    Raises:
        ValueError: there is no such user, or we may not become that user.
    """

    def __init__(self, reactor: Any, options: PipeOptions) -> None:
        self._reactor = reactor
        self._options = options
        self._identity = _identity(options.user)
        self._turns = DeferredSemaphore(options.processes)

    async def attempt(self, mail: MailObject, routes: Sequence[Route], *, age: float) -> Sequence[Attempt]:
        """As `IAttempts.attempt`; one recipient after the other, since each run has the whole message."""
        attempts: list[Attempt] = []
        for recipient in mail.envelope.recipients:
            try:
                status = await self._one(mail, recipient)
            except CancelledError:
                if not attempts:
                    raise
                # Who has got it must not get it again because others have not.
                return attempts + [Attempt(TOO_LONG)] * (len(routes) - len(attempts))
            outcome = "delivered" if status.success else "failed" if status.permanent else "recipient"
            ATTEMPTS.labels("pipe", outcome).inc()
            attempts.append(Attempt(status, final=status.success))
        return attempts

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        """As `IDelivery.deliver`; what a program has taken it cannot give back, so ``atomic`` cannot be kept."""
        return [attempt.status for attempt in await self.attempt(mail, routes, age=0.0)]

    async def _one(self, mail: MailObject, recipient: Recipient) -> Status:
        began = self._reactor.seconds()
        await self._turns.acquire()
        try:
            run = Run(self._reactor, self._limits(), self._octets(mail, recipient.forward_path))
            status = await run.start(
                *self._words(mail, recipient.forward_path), self._options.directory, self._identity
            )
        except CancelledError:
            raise
        except Exception:
            log.failure("{queue_id}: the program cannot be run", queue_id=mail.queue_id)
            status = UNKNOWN_FAULT
        finally:
            self._turns.release()
        log.info(
            "{queue_id} to {host}: {reply}",
            queue_id=mail.queue_id,
            session_id=mail.origin.session_id,
            host=self._options.command[0],
            reverse_path=f"<{mail.envelope.reverse_path or ''}>",
            forward_path=f"<{recipient.forward_path}>",
            reply=repr(status.text),
            size=mail.content.size,
            delay=round(self._reactor.seconds() - began, 3),
        )
        return status

    def _limits(self) -> Limits:
        options = self._options
        return Limits(options.timeout, options.memory, options.output)

    def _words(self, mail: MailObject, address: Address) -> tuple[list[str], dict[str, str]]:
        """The arguments and the environment of one run."""
        values = {
            "recipient": str(address),
            "local_part": address.local_part,
            "domain": address.domain,
            "sender": str(mail.envelope.reverse_path or ""),
            "queue_id": mail.queue_id,
        }
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
        environment.update({name.upper(): value for name, value in values.items()})
        environment.update(self._options.environment)
        command = [self._options.command[0]]
        command += [_filled(text, values) for text in self._options.command[1:]]
        return command, environment

    def _octets(self, mail: MailObject, address: Address) -> Callable[[], Iterator[bytes]]:
        prefix = b"Return-Path: <" + bytes(mail.envelope.reverse_path or b"") + b">\r\n"
        content = mail.content.with_prefix(prefix + b"Delivered-To: " + bytes(address) + b"\r\n")
        if self._options.line_ends == "crlf":
            return content.chunks
        return lambda: _with_lf(content.chunks())


def _filled(text: str, values: dict[str, str]) -> str:
    """An argument; what a stranger chose is never an option.

    To most programs a recipient called ``-rf`` would be one. Its local part then comes as a quoted string, which
    means the same as an address (RFC 5321 section 4.1.2).
    """
    filled = text.format_map(values)
    if filled.startswith(_DASH) and not text.startswith(_DASH):
        local_part, at, domain = filled.rpartition("@")
        return f'"{local_part}"@{domain}' if at else f'"{filled}"'
    return filled


def _with_lf(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """CRLF becomes LF, also where the two are in different chunks."""
    held = b""
    for chunk in chunks:
        octets = (held + chunk).replace(b"\r\n", b"\n")
        held = b"\r" if octets.endswith(b"\r") else b""
        yield octets[: len(octets) - len(held)]
    if held:
        yield held


def _identity(user: str | None) -> tuple[int, int] | None:
    """User and group to become; None for who we are."""
    if user is None:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise ValueError(f"there is no user {user!r} on this machine") from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise ValueError(f"only root may run programs as {user!r}")
    return entry.pw_uid, entry.pw_gid
