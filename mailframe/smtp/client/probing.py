"""Asks a server what it is and does, step by step, by the same client that sends mail: for people and monitors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mailframe.message.address import Address
from mailframe.message.status import MailframeError, Status
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.wire.replies import Reply
from mailframe.tls.policies import NO_TLS, ClientPolicy, Level

from .connecting import Connector, Target
from .core import ClientCore, Dialogue
from .errors import Refused, TLSFailed
from .phases import Phase
from .sender import SMTPClient

NOT_PROVEN = Status((4, 7, 0), "not tried: a password is not shown to whom the certificate does not prove")


@dataclass(slots=True)
class Step:
    """One thing that was tried.

    Attributes:
        name: what.
        good: is it as it should be? None: neither good nor bad.
        text: what came of it, for people.
    """

    name: str
    good: bool | None
    text: str


@dataclass(slots=True)
class Report:
    """What is known of a server.

    Attributes:
        target: where it was asked for.
        steps: in order.
        greeting: its first words.
        keywords: what it offers, under TLS where that came about.
        tls: version, cipher, bits; empty in clear.
    """

    target: str
    steps: list[Step] = field(default_factory=list)
    greeting: str = ""
    keywords: dict[str, str] = field(default_factory=dict)
    tls: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing is as it should not be."""
        return all(step.good is not False for step in self.steps)

    def add(self, name: str, good: bool | None, text: str) -> None:
        """One more step."""
        self.steps.append(Step(name, good, text))


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked.

    Attributes:
        tls: should there be TLS? True: it is a fault when not; None: it is tried where offered; False: not tried. On
            sockets it is not tried.
        verify: is a certificate that does not hold a fault? Then no password is shown under it either.
        credentials: log in, too.
        relay: recipients that the server should refuse; no message is sent to them.
        sender: their sender; None for the null sender.
    """

    tls: bool | None = None
    verify: bool = True
    credentials: ClientCredentials | None = None
    relay: Sequence[Address] = ()
    sender: Address | None = None


async def probe(connector: Connector, target: Target, questions: Questions) -> Report:
    """Ask one server.

    Args:
        connector: makes the connections.
        target: the server; its policy and credentials do not matter.
        questions: what to ask.
    """
    report = Report(str(target))
    client = await _client(connector, target, questions, report)
    if client is None:
        return report
    try:
        report.greeting = client.greeting
        report.keywords = dict(client.capabilities.keywords)
        report.add("hello", True, " ".join(sorted(report.keywords)) or "no extensions")
        if questions.credentials is not None:
            await _try(report, "login", lambda: _log_in(client, target, questions))
        for recipient in questions.relay if client.usable else ():
            await _relay(report, client, questions.sender, recipient)
    finally:
        await client.quit()
    return report


async def _client(
    connector: Connector, target: Target, questions: Questions, report: Report
) -> SMTPClient | None:
    """A client under the best TLS there is; the steps that lead to it are noted."""
    for policy in _policies(target, questions):
        try:
            client = await connector.connect(replace(target, policy=policy, credentials=None))
        except TLSFailed as failed:
            certificate = policy.level is Level.VERIFY and not _not_offered(failed)
            if certificate:
                report.add("certificate", False if questions.verify else None, failed.reason)
            elif policy.level is not Level.VERIFY:
                reason = "STARTTLS is not offered" if _not_offered(failed) else failed.reason
                report.add("tls", False if questions.tls else None, reason)
            continue
        except MailframeError as error:
            report.add("connection", False, error.reason)
            return None
        report.add("connection", True, f"{client.peer} greets: {client.greeting}")
        _note_tls(report, client, questions)
        return client
    return None


def _policies(target: Target, questions: Questions) -> Sequence[ClientPolicy]:
    """From the strictest on; what fails is tried again with less."""
    if target.path is not None or (questions.tls is False and not target.implicit_tls):
        return (NO_TLS,)
    strict = (ClientPolicy(Level.VERIFY, (target.host,)), ClientPolicy(Level.ENCRYPT))
    return strict if target.implicit_tls else (*strict, NO_TLS)


def _not_offered(failed: TLSFailed) -> bool:
    return failed.status.enhanced == (4, 7, 4)


def _note_tls(report: Report, client: SMTPClient, questions: Questions) -> None:
    tls = client.tls
    if tls is None:
        if questions.tls is False:
            report.add("tls", None, "not tried")
        return
    report.tls = {"version": tls.version, "cipher": tls.cipher, "bits": tls.bits, "verified": client.verified}
    report.add("tls", True, f"{tls.version} {tls.cipher}, {tls.bits} bits")
    if client.verified:
        report.add("certificate", True, f"holds, and is for {client.core.host}")


async def _try(report: Report, name: str, step: Callable[[], Awaitable[str]]) -> None:
    try:
        report.add(name, True, await step())
    except MailframeError as error:
        report.add(name, False, error.reason)


async def _log_in(client: SMTPClient, target: Target, questions: Questions) -> str:
    assert questions.credentials is not None
    if client.tls is not None and questions.verify and not client.verified:
        raise Refused(NOT_PROVEN, NOT_PROVEN.text)
    mechanism = await client.log_in(questions.credentials, clear=target.path is not None)
    return f"by {mechanism} as {questions.credentials.authcid}"


async def _relay(report: Report, client: SMTPClient, sender: Address | None, recipient: Address) -> None:
    try:
        reply = await client.ask(_attempt(client.core, sender, recipient))
    except MailframeError as error:
        report.add("relay", None, error.reason)
        return
    taken = reply.positive
    report.add("relay", not taken, f"{recipient}: {'TAKEN' if taken else 'refused'}, {reply}")


def _attempt(core: ClientCore, sender: Address | None, recipient: Address) -> Dialogue[Reply]:
    """MAIL and RCPT, and RSET: no message is sent. The refusal may come at either."""
    core.say(b"MAIL FROM:<" + (bytes(sender) if sender is not None else b"") + b">")
    reply = yield Phase.MAIL
    assert reply is not None
    if not reply.positive:
        return reply
    core.say(b"RCPT TO:<" + bytes(recipient) + b">")
    answer = yield Phase.RCPT
    assert answer is not None
    core.say(b"RSET")
    yield Phase.RESET
    return answer
