"""Mail that goes on from the mailbox it was for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.delivery.forwarding import HOPS, ForwardingDelivery, SameReturnPath
from mailframe.delivery.interfaces import IAttempts, IDelivery, IReturnPath
from mailframe.delivery.store import StoreDelivery
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.values import Credential
from mailframe.message.address import Address, parse_mailbox
from mailframe.message.content import Content
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import (
    CANNOT_LOOK_UP,
    MAILBOX_FULL,
    OK,
    UNKNOWN_FAULT,
    MailframeError,
    Status,
    worst,
)
from mailframe.routing.interfaces import LocalMailbox, Route
from mailframe.store.interfaces import IMailStore
from mailframe.testing.smtp import run

from .test_store import Recording

LATER = Status((4, 3, 1), "Later")
NEVER = Status((5, 7, 1), "Never")
JOE = Address("joe", "sender.test")
NAMES = ("alice", "bob", "carol")


class Room(Recording):
    """A store that may have no room."""

    def __init__(self) -> None:
        super().__init__()
        self.full: set[str] = set()
        self.kept: list[str] = []

    async def room(self, account: str) -> Status | None:
        return MAILBOX_FULL if account in self.full else None

    async def deliver(self, deliveries: Sequence[Any], atomic: bool = False) -> Sequence[Status]:
        statuses = await super().deliver(deliveries, atomic)
        if atomic and not all(status.success for status in statuses):
            return [worst([status for status in statuses if not status.success])] * len(statuses)
        self.kept += [one.account for one, status in zip(deliveries, statuses, strict=True) if status.success]
        return statuses


class Onward:
    """Takes copies, or does not."""

    def __init__(self) -> None:
        self.answers: dict[str, Status] = {}
        self.mails: list[MailObject] = []
        self.error: Exception | None = None

    async def deliver(self, mail: MailObject, routes: Sequence[Route], atomic: bool) -> Sequence[Status]:
        if self.error is not None:
            raise self.error
        assert all(route.onward for route in routes)
        assert atomic
        self.mails.append(mail)
        return [self.answers.get(str(one.forward_path), OK) for one in mail.envelope.recipients]

    @property
    def recipients(self) -> list[str]:
        return [str(one.forward_path) for mail in self.mails for one in mail.envelope.recipients]


class ForwardingTests(SynchronousTestCase):
    """Copies, and what stays."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory(["example.test"], {f"{name}@example.test": "x" for name in NAMES})
        self.store = Room()
        self.onward = Onward()
        store = cast(IMailStore, self.store)
        self.delivery = ForwardingDelivery(StoreDelivery(store), store, self.directory, self.onward)

    def forward(self, name: str, *targets: str, keeps: bool = False) -> None:
        def change(found: Credential) -> Credential:
            forwards = tuple(map(parse_mailbox, targets))
            return replace(found, account=replace(found.account, forwards=forwards, keeps_copy=keeps))

        self.directory.change_account(f"{name}@example.test", change)

    def deliver(
        self,
        *names: str,
        atomic: bool = True,
        content: bytes = b"Subject: x\r\n\r\n",
        reverse_path: Address | None = JOE,
        parameters: dict[str, str | None] | None = None,
        notify: str | None = None,
    ) -> list[Status]:
        """Deliver to recipients; ``a,b`` is one that stands for two."""
        routes, recipients = [], []
        for name in names:
            addresses = [Address(one, "example.test") for one in name.split(",")]
            routes.append(Route(tuple(LocalMailbox(str(one), "INBOX", one) for one in addresses)))
            recipients.append(Recipient(addresses[0], {} if notify is None else {"NOTIFY": notify}))
        envelope = Envelope(reverse_path, recipients, dict(parameters or {}))
        mail = MailObject("ID", envelope, Content.of(content), Origin("S", "192.0.2.1"))
        return cast("list[Status]", list(run(self.delivery.deliver(mail, routes, atomic))))

    def kept(self) -> list[str]:
        return [name.partition("@")[0] for name in self.store.kept]

    def test_interfaces(self) -> None:
        """It is a delivery, and tells of attempts; the return path that is the sender's is one."""
        verifyObject(IDelivery, self.delivery)
        verifyObject(IAttempts, self.delivery)
        verifyObject(IReturnPath, SameReturnPath())

    def test_nobody_forwards(self) -> None:
        """Mail of accounts that forward nothing comes into their mailboxes."""
        self.assertEqual([OK, OK], self.deliver("alice", "bob"))
        self.assertEqual((["alice", "bob"], []), (self.kept(), self.onward.mails))

    def test_forwards(self) -> None:
        """Mail goes to all targets in one message, from its sender, and says for whom it came."""
        self.forward("alice", "a@example.org", "b@example.net")
        self.assertEqual([OK], self.deliver("alice"))
        self.assertEqual(([], ["a@example.org", "b@example.net"]), (self.kept(), self.onward.recipients))
        (mail,) = self.onward.mails
        self.assertEqual(JOE, mail.envelope.reverse_path)
        self.assertEqual(b"Delivered-To: alice@example.test\r\nSubject: x\r\n\r\n", mail.content.octets())
        self.assertNotEqual("ID", mail.queue_id)
        self.assertEqual("forward", mail.origin.attributes["class"])

    def test_keeps_a_copy(self) -> None:
        """A copy is kept where the account wants it, or names itself among the others."""
        self.forward("alice", "a@example.org", keeps=True)
        self.forward("bob", "b@example.org", "Bob@example.test")
        self.forward("carol", "carol@example.test")
        self.assertEqual([OK, OK, OK], self.deliver("alice", "bob", "carol"))
        self.assertEqual(["alice", "bob", "carol"], self.kept())
        self.assertEqual(["a@example.org", "b@example.org"], self.onward.recipients)

    def test_one_of_several(self) -> None:
        """Of a message for several, each has what he wants; one mailbox with two ways to it forwards once."""
        self.forward("alice", "a@example.org")
        self.assertEqual([OK, OK, OK], self.deliver("alice,bob", "alice", "carol"))
        self.assertEqual((["bob", "carol"], ["a@example.org"]), (self.kept(), self.onward.recipients))

    def test_null_reverse_path(self) -> None:
        """A notice stays one: it is forwarded from the null reverse-path."""
        self.forward("alice", "a@example.org")
        self.deliver("alice", reverse_path=None, content=b"Auto-Submitted: auto-replied\r\n\r\n")
        self.assertIsNone(self.onward.mails[0].envelope.reverse_path)
        self.assertTrue(
            self.onward.mails[0].content.octets().endswith(b"Auto-Submitted: auto-replied\r\n\r\n")
        )

    def test_parameters(self) -> None:
        """What kind of mail it is goes on with it; when it should have come does not, and success is told once."""
        self.forward("alice", "a@example.org")
        asked = {"BODY": "8BITMIME", "ENVID": "x", "SIZE": "1", "HOLDFOR": "60", "BY": "60;R", "AUTH": "<>"}
        self.deliver("alice", parameters=dict(asked), notify="SUCCESS,FAILURE")
        envelope = self.onward.mails[0].envelope
        self.assertEqual({"BODY": "8BITMIME", "ENVID": "x"}, envelope.parameters)
        self.assertEqual(
            {"NOTIFY": "FAILURE", "ORCPT": "rfc822;alice@example.test"}, envelope.recipients[0].parameters
        )
        self.deliver("alice", notify="SUCCESS")
        self.assertEqual("NEVER", self.onward.mails[1].envelope.recipients[0].parameters["NOTIFY"])

    def test_smtputf8(self) -> None:
        """A target that is not ASCII needs SMTPUTF8."""
        self.forward("alice", "jürgen@example.org")
        self.deliver("alice")
        self.assertEqual({"SMTPUTF8": None}, self.onward.mails[0].envelope.parameters)

    def test_loop(self) -> None:
        """What was forwarded before for this account is kept in its mailbox, and so is what went round too often."""
        self.forward("alice", "a@example.org")
        for trace in (b"Delivered-To: ALICE@example.test\r\n", b"Delivered-To: x@example.org\r\n" * HOPS):
            self.assertEqual([OK], self.deliver("alice", content=trace + b"\r\n"))
        self.assertEqual((["alice", "alice"], []), (self.kept(), self.onward.mails))
        self.deliver("alice", content=b"\r\nDelivered-To: alice@example.test\r\n")
        self.assertEqual(["a@example.org"], self.onward.recipients)

    def test_cannot_be_handed_on(self) -> None:
        """While copies cannot be handed on nothing is kept either, so that nothing is there twice later."""
        self.forward("alice", "a@example.org", keeps=True)
        self.onward.answers["a@example.org"] = LATER
        self.assertEqual([LATER, LATER], self.deliver("bob", "alice"))
        self.assertEqual([], self.kept())
        self.assertEqual([OK, LATER], self.deliver("bob", "alice", atomic=False))
        self.assertEqual(["bob"], self.kept())
        self.onward.error = MailframeError(CANNOT_LOOK_UP)
        self.assertEqual([CANNOT_LOOK_UP], self.deliver("alice"))
        self.onward.error = RuntimeError("broken")
        self.assertEqual([UNKNOWN_FAULT], self.deliver("alice"))
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    def test_refused_for_good(self) -> None:
        """What the next hop will never take is kept in the mailbox, although the account keeps nothing."""
        self.forward("alice", "a@example.org", "b@example.org")
        for answers in ({"a@example.org": NEVER, "b@example.org": NEVER}, {"a@example.org": LATER}):
            self.onward.answers = answers
            self.store.kept.clear()
            self.assertEqual([OK], self.deliver("alice"))
            self.assertEqual(["alice"], self.kept())

    def test_full(self) -> None:
        """A full mailbox is found before copies are handed on; what is only forwarded needs no room."""
        self.forward("alice", "a@example.org", keeps=True)
        self.store.full.add("alice@example.test")
        self.assertEqual([MAILBOX_FULL], self.deliver("alice"))
        self.assertEqual([MAILBOX_FULL, OK], self.deliver("alice", "bob", atomic=False))
        self.assertEqual([], self.onward.mails)
        self.assertEqual(MAILBOX_FULL, run(self.delivery.room("alice@example.test")))
        self.forward("alice", "a@example.org")
        self.assertIsNone(run(self.delivery.room("alice@example.test")))
        self.assertEqual([OK], self.deliver("alice"))

    def test_directory_away(self) -> None:
        """While the directory cannot be asked, mail waits."""

        async def away(name: str) -> None:
            raise MailframeError(CANNOT_LOOK_UP)

        self.directory.account = away  # type: ignore[method-assign, assignment]
        self.assertEqual([CANNOT_LOOK_UP], self.deliver("alice"))
        self.assertEqual(([], []), (self.kept(), self.onward.mails))

    def test_attempt(self) -> None:
        """From a queue it is the same: what was handed on is done."""
        self.forward("alice", "a@example.org")
        mail = MailObject(
            "ID",
            Envelope(JOE, [Recipient(Address("alice", "example.test"))]),
            Content.of(b"\r\n"),
            Origin("S", ""),
        )
        route = Route((LocalMailbox("alice@example.test", "INBOX", Address("alice", "example.test")),))
        (attempt,) = run(self.delivery.attempt(mail, [route], age=0.0))
        self.assertTrue(attempt.final)
        self.assertEqual(["a@example.org"], self.onward.recipients)

    @given(
        wishes=st.fixed_dictionaries(
            {name: st.tuples(st.lists(st.sampled_from("xyz"), max_size=3), st.booleans()) for name in NAMES}
        ),
        recipients=st.lists(
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(",".join), min_size=1, max_size=4
        ),
        answers=st.dictionaries(st.sampled_from("xyz"), st.sampled_from([OK, LATER, NEVER])),
        full=st.sets(st.sampled_from(NAMES)),
        atomic=st.booleans(),
    )
    def test_model(
        self,
        wishes: dict[str, tuple[list[str], bool]],
        recipients: list[str],
        answers: dict[str, Status],
        full: set[str],
        atomic: bool,
    ) -> None:
        """Whoever is told success has his mail in the mailbox or on its way, and nothing is kept that comes again."""
        self.setUp()
        for name, (targets, keeps) in wishes.items():
            self.forward(name, *(f"{one}@example.org" for one in targets), keeps=keeps or not targets)
        self.onward.answers = {f"{name}@example.org": status for name, status in answers.items()}
        self.store.full = {f"{name}@example.test" for name in full}
        self.store.statuses = dict.fromkeys(self.store.full, MAILBOX_FULL)
        statuses = self.deliver(*recipients, atomic=atomic)
        on_the_way = {mail.content.octets().split(b"@")[0][14:].decode() for mail in self.onward.mails}
        for text, status in zip(recipients, statuses, strict=True):
            for name in text.split(","):
                if status.success:
                    self.assertTrue(name in self.kept() or name in on_the_way, name)
        if atomic and not all(status.success for status in statuses):
            self.assertEqual([], self.kept())
        self.assertEqual(len(set(self.kept())), len(self.kept()))
        allowed = {f"{one}@example.org" for targets, _ in wishes.values() for one in targets}
        self.assertTrue(allowed.issuperset(self.onward.recipients))
        for name in self.kept():
            targets, keeps = wishes[name]
            self.assertTrue(keeps or not targets or any(not answers.get(one, OK).success for one in targets))
