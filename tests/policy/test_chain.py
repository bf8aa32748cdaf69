"""Several policies as one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.message.address import Address
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import Status
from mailframe.policy.chain import PolicyChain
from mailframe.policy.interfaces import Hold, IConclusionPolicy, IContentPolicy, IMailPolicy
from mailframe.policy.loops import LoopPolicy
from mailframe.testing.smtp import run

ALICE = Address("alice", "example.test")


def mail(octets: bytes) -> MailObject:
    """A message for alice."""
    envelope = Envelope(None, [Recipient(ALICE)])
    return MailObject("ID", envelope, Content.of(octets), Origin("S", "192.0.2.1"))


@implementer(IMailPolicy)
class Says:
    """Answers one thing, and remembers that it was asked."""

    def __init__(self, answer: Status | None) -> None:
        self.answer, self.asked = answer, 0

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        self.asked += 1
        return self.answer


@implementer(IContentPolicy, IConclusionPolicy)
class SaysOfContent:
    """Answers one thing about messages, and remembers how they ended."""

    def __init__(self, answer: Status | Hold | None) -> None:
        self.answer = answer
        self.ends: list[bool] = []

    async def content(self, mail: MailObject) -> Status | Hold | None:
        return self.answer

    def concluded(self, mail: MailObject, accepted: bool) -> None:
        self.ends.append(accepted)


class PolicyChainTests(SynchronousTestCase):
    """Several policies."""

    def test_first_refusal(self) -> None:
        """They are asked in their order, and the first refusal ends it."""
        first, second, third = Says(None), Says(Status((5, 7, 1), "No")), Says(None)
        chain = PolicyChain([first, second, third, LoopPolicy()])
        origin, envelope = Origin("S", "192.0.2.1"), Envelope(None)
        self.assertIs(run(chain.mail(origin, envelope)), second.answer)
        self.assertEqual((first.asked, second.asked, third.asked), (1, 1, 0))
        self.assertIsNone(run(chain.connect(origin)))
        self.assertIsNone(run(chain.helo(origin)))
        self.assertIsNone(run(chain.rcpt(origin, envelope, Recipient(ALICE))))
        self.assertIsNone(run(chain.content(mail(b"\r\n"))))

    def test_not_a_policy(self) -> None:
        """What would never be asked is refused at once."""
        self.assertRaises(TypeError, PolicyChain, [object()])

    def test_holds(self) -> None:
        """The first hold counts, unless somebody refuses the message."""
        nothing, first, second = SaysOfContent(None), SaysOfContent(Hold("1")), SaysOfContent(Hold("2"))
        refuses = SaysOfContent(Status((5, 7, 1), "No"))
        self.assertIs(run(PolicyChain([nothing, first, second]).content(mail(b""))), first.answer)
        self.assertIs(run(PolicyChain([first, refuses]).content(mail(b""))), refuses.answer)

    def test_conclusions(self) -> None:
        """Whoever wants to know how a message ended is told."""
        first, second = SaysOfContent(None), SaysOfContent(None)
        PolicyChain([first, second]).concluded(mail(b""), True)
        self.assertEqual((first.ends, second.ends), ([True], [True]))
