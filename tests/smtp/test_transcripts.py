"""Dialogues written as text files, in ``tests/transcripts/smtp`` and ``lmtp``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.config.types import Network
from mailframe.delivery.interfaces import IDelivery
from mailframe.directory.memory import MemoryDirectory
from mailframe.message.address import Address
from mailframe.message.mail import MailObject
from mailframe.message.status import MAILBOX_FULL, OK, Status
from mailframe.policy.login import LoginPolicy
from mailframe.routing.interfaces import Route
from mailframe.routing.local import LocalRouter
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import FixedAuthenticator
from mailframe.testing.transcripts import TranscriptCase, transcripts
from mailframe.tls.interfaces import IServerContexts

HERE = FilePath(__file__).parent().sibling("transcripts")


class Fault(Exception):
    """Something broke behind the server; it is logged, and told to nobody else."""


@implementer(IDelivery)
class NotForAll:
    """Takes everything, but for ``full@``, ``slow@`` (who never gets it) and ``broken@example.test``."""

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        names = [route.mailboxes[0].account.partition("@")[0] for route in routes]
        if "slow" in names:
            await Deferred()
        if "broken" in names:
            raise Fault("nobody foresaw it")
        return [MAILBOX_FULL if name == "full" else OK for name in names]


@implementer(IServerContexts)
class Pretended:
    """Contexts for a transport that only pretends TLS; or none."""

    def __init__(self, broken: bool) -> None:
        self.broken = broken

    def contexts(self) -> object:
        if self.broken:
            raise Fault("the certificates are gone")
        return object()


def configured(settings: SMTPSettings, options: Mapping[str, str]) -> SMTPSettings:
    """Settings with the options of a transcript that are named like them, lists parted by spaces."""
    changes: dict[str, object] = {}
    for field in attrs.fields(SMTPSettings):
        if field.name in options:
            text, default = options[field.name], field.default
            changes[field.name] = tuple(text.split()) if isinstance(default, tuple) else type(default)(text)
    return attrs.evolve(settings, **changes)  # type: ignore[arg-type]


class SMTPCase(TranscriptCase):
    """An exchanger, or with ``@service submission`` a submission service, for example.test."""

    settings = SMTPSettings(hostname="mx.example.test")

    def tearDown(self) -> None:
        """Faults on purpose are in the log."""
        self.flushLoggedErrors(Fault)  # type: ignore[attr-defined]

    def connect(self, session: str, options: Mapping[str, str]) -> IProtocol:
        names = ("bob", "full", "üse", "slow", "broken")
        directory = MemoryDirectory(["example.test"], {f"{name}@example.test": "secret" for name in names})
        staff = [Address(name, "example.test") for name in ("bob", "üse")]
        directory.set_alias(Address("staff", "example.test"), staff)
        router = LocalRouter(directory, postmaster=Address("bob", "example.test"))
        submission = options.get("service") == "submission"
        reception = Reception(
            router,
            NotForAll(),
            [LoginPolicy()] if submission and "open" not in options else [],
            authenticator=FixedAuthenticator({"bob@example.test": "secret"}) if submission else None,
            accounts=directory,
        )
        tls = cast(IServerContexts, Pretended("certificates" in options)) if submission else None
        settings = configured(self.settings, options)
        if "listed" in options:
            # The peer of transcripts may speak for others.
            listed = (Network("192.0.2.1/32"),)
            settings = attrs.evolve(settings, xclient_networks=listed, xforward_networks=listed)
        if "nomail" in options:
            settings = attrs.evolve(settings, nomail=True)
        return SMTPServerFactory(reception, settings, self.clock, tls).buildProtocol(None)


@transcripts(HERE.child("smtp"))
class SMTPTranscriptTests(SMTPCase, SynchronousTestCase):
    """SMTP, line by line."""


@transcripts(HERE.child("lmtp"))
class LMTPTranscriptTests(SMTPCase, SynchronousTestCase):
    """LMTP, line by line."""

    settings = SMTPSettings(hostname="mx.example.test", protocol="lmtp")
