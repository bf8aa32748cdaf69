"""Submission, line by line: dialogues in ``tests/transcripts/submission``."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocol
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.memory import MemoryDirectory
from mailframe.imap.wire.description import describe
from mailframe.message.address import parse_mailbox
from mailframe.message.status import Status
from mailframe.policy.sending_limits import Limits
from mailframe.roles.listening import Listener
from mailframe.roles.relay import RelayRole
from mailframe.roles.submission import SubmissionRules
from mailframe.routing.onward import OnwardRouter
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.memory import MemoryStore
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.smtp import RecordingDelivery
from mailframe.testing.transcripts import TranscriptCase, transcripts

from .house import Aside, Reactor
from .test_relay import FakeContexts

AWAY = Status((4, 4, 1), "The next host cannot be reached", reply_code=451)


@transcripts(FilePath(__file__).parent().sibling("transcripts").child("submission"))
class SubmissionTranscriptTests(TranscriptCase, SynchronousTestCase):
    """A relay for example.test, with Alice and Bob."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.reactor = Reactor()
        self.role: RelayRole | None = None

    def connect(self, session: str, options: Mapping[str, str]) -> IProtocol:
        if self.role is None:
            self.role = self.make(options)
        _, factory, *_ = self.reactor.tcpServers[0]
        return factory.buildProtocol(None)  # type: ignore[no-any-return]

    def make(self, options: Mapping[str, str]) -> RelayRole:
        alice = "alice@example.test"
        directory = MemoryDirectory(["example.test"], {alice: "secret", "bob@example.test": "secret"})
        directory.set_alias(parse_mailbox("sales@example.test"), [parse_mailbox(alice)])
        directory.grant(alice, "@granted.test")
        aside = Aside(self.reactor, OnwardRouter(), RecordingDelivery())
        self.successResultOf(Deferred.fromCoroutine(aside.queue.start()))
        role = RelayRole(
            [Listener(serverFromString(self.reactor, "tcp:587"))],
            MemoryStore(describe, clock=self.reactor),
            directory,
            FakeAuthenticator({alice: "secret"}),
            self.reactor,
            SMTPSettings(hostname="relay.example.test"),
            tls=FakeContexts(),
            rules=SubmissionRules(
                networks=options.get("networks", "").split(),
                limits=Limits(messages_per_hour=int(options.get("messages", 0))),
                over=options.get("over", "hold"),  # type: ignore[arg-type]
                held_per_day=1,
            ),
            onward=RecordingDelivery([AWAY] * 3) if options.get("router") == "away" else None,
            holding=aside.queue,
        )
        role.startService()
        self.addCleanup(role.stopService)
        self.successResultOf(Deferred.fromCoroutine(role.ready()))
        return role
