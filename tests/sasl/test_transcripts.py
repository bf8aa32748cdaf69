"""The dialogues of `tests/transcripts/sasl`: every mechanism and every refusal, over SMTP, IMAP and POP3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.server import IMAPServerFactory
from mailframe.imap.settings import IMAPSettings
from mailframe.pop3.server import POP3ServerFactory
from mailframe.pop3.settings import POP3Settings
from mailframe.smtp.reception import Reception
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.memory import MemoryStore
from mailframe.testing.sasl import FakeSASLAuthenticator
from mailframe.testing.smtp import FixedRouter, RecordingDelivery
from mailframe.testing.store import describe
from mailframe.testing.transcripts import TranscriptCase, transcripts
from mailframe.testing.transports import PretendedTLS

HERE = FilePath(__file__).parent().sibling("transcripts").child("sasl")


class SASLCase(TranscriptCase, SynchronousTestCase):
    """Alice has a password and a token; ``@certificate NAME`` gives her client a certificate."""

    def connect(self, session: str, options: Mapping[str, str]) -> IProtocol:
        self.patch(PretendedTLS, "client_name", options.get("certificate"))
        authenticator = FakeSASLAuthenticator(
            {"alice@example.test": "secret", "bob@example.test": "other"},
            {"token-of-alice": "alice@example.test"},
        )
        settings = {
            "require_tls_for_auth": options.get("clear") != "yes",
            "mechanisms": tuple(options.get("mechanisms", "").split()),
            "login_failures_limit": int(options.get("failures", 3)),
        }
        protocol: IProtocol = self.factory(authenticator, settings).buildProtocol(None)
        return protocol

    def factory(self, authenticator: FakeSASLAuthenticator, settings: dict[str, Any]) -> Any:
        raise NotImplementedError


@transcripts(HERE.child("smtp"))
class SMTPTests(SASLCase):
    """RFC 4954."""

    def factory(self, authenticator: FakeSASLAuthenticator, settings: dict[str, Any]) -> Any:
        reception = Reception(FixedRouter(), RecordingDelivery(), authenticator=authenticator)
        return SMTPServerFactory(reception, SMTPSettings(**settings), self.clock)


@transcripts(HERE.child("imap"))
class IMAPTests(SASLCase):
    """RFC 3501 section 6.2.2, RFC 4959."""

    def factory(self, authenticator: FakeSASLAuthenticator, settings: dict[str, Any]) -> Any:
        return IMAPServerFactory(MemoryStore(describe), authenticator, IMAPSettings(**settings), self.clock)


@transcripts(HERE.child("pop3"))
class POP3Tests(SASLCase):
    """RFC 5034."""

    def factory(self, authenticator: FakeSASLAuthenticator, settings: dict[str, Any]) -> Any:
        return POP3ServerFactory(MemoryStore(describe), authenticator, POP3Settings(**settings), self.clock)
