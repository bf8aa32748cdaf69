"""Dialogues written as text files, in ``tests/transcripts/smtp`` and ``lmtp``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs
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


@implementer(IDelivery)
class FullForSome:
    """Takes everything, but for ``full@example.test``."""

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        return [MAILBOX_FULL if route.mailboxes[0].account.startswith("full@") else OK for route in routes]


@implementer(IServerContexts)
class Pretended:
    """Contexts for a transport that only pretends TLS."""

    def contexts(self) -> object:
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

    def connect(self, session: str, options: Mapping[str, str]) -> IProtocol:
        directory = MemoryDirectory(
            ["example.test"], {f"{name}@example.test": "secret" for name in ("bob", "full", "üse")}
        )
        router = LocalRouter(directory, postmaster=Address("bob", "example.test"))
        submission = options.get("service") == "submission"
        reception = Reception(
            router,
            FullForSome(),
            [LoginPolicy()] if submission else [],
            authenticator=FixedAuthenticator({"bob@example.test": "secret"}) if submission else None,
            accounts=directory,
        )
        tls = cast(IServerContexts, Pretended()) if submission else None
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
