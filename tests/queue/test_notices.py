"""Tests of mailframe.queue.notices and of what notices look like."""

from __future__ import annotations

import email
import email.policy
import tempfile
from email.message import EmailMessage
from typing import cast

from flufl.bounce import all_failures
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address, parse_mailbox
from mailframe.message.content import Content, FileBody
from mailframe.message.dsn import Action, RecipientReport
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.report import HEADER_LIMIT
from mailframe.message.status import Status
from mailframe.queue.notice_settings import NoticeSettings
from mailframe.queue.notices import CLASS, Notices
from mailframe.queue.values import QueuedMessage
from mailframe.routing.roles import ROLE
from mailframe.smtp.client.content import examine
from tests import strategies
from tests.message.test_dsn import reports

ALICE = "alice@example.test"
OCTETS = b"Subject: Lunch\r\nMessage-ID: <m1@example.test>\r\nFrom: alice@example.test\r\n\r\nAt noon?\r\n"
NOW = 1_700_000_000.0
FAILED = Status((5, 1, 1), "No such mailbox")


def message(sender: str | None = ALICE, **parameters: str | None) -> QueuedMessage:
    """A queued message."""
    path = parse_mailbox(sender) if sender is not None else None
    envelope = Envelope(path, [], dict(parameters))
    return QueuedMessage("Q1", envelope, Origin("S1", "192.0.2.1"), NOW - 60, NOW + 60)


def report(to: str = "bob@example.net", action: Action = Action.FAILED, **parameters: str) -> RecipientReport:
    """What became of one recipient."""
    recipient = Recipient(parse_mailbox(to), dict(parameters))
    if action is Action.FAILED:
        return RecipientReport(recipient, action, FAILED, "mx.example.net", "550 5.1.1 No such mailbox", NOW)
    if action is Action.DELAYED:
        return RecipientReport(recipient, action, Status((4, 4, 1), "No answer"), retry_until=NOW + 3600)
    return RecipientReport(recipient, action, Status((2, 0, 0), "OK"))


class NoticesTestCase(SynchronousTestCase):
    """A test that writes notices."""

    def setUp(self) -> None:
        """A writer."""
        self.notices = Notices(
            "mx.example.test", NoticeSettings(return_limit=500, return_unasked=200), lambda: NOW
        )

    def make(
        self, about: QueuedMessage, *some: RecipientReport, octets: bytes | None = OCTETS
    ) -> tuple[MailObject, EmailMessage]:
        """The one notice, and how Python's library reads it."""
        content = Content.of(octets) if octets is not None else None
        (mail,) = self.notices.make(about, some, content)
        return mail, self.read(mail)

    def read(self, mail: MailObject) -> EmailMessage:
        """A notice that can be sent, read by Python's library."""
        whole = mail.content.octets()
        self.assertEqual(len(whole), mail.content.size)
        self.assertTrue(whole.startswith(mail.content.head))
        facts = examine([whole])
        self.assertFalse(facts.bare)
        self.assertTrue(facts.ended)
        if facts.eight_bit:
            self.assertEqual(mail.envelope.body, "8BITMIME")
        if facts.utf8_header:
            self.assertTrue(mail.envelope.smtputf8)
        read = cast(EmailMessage, email.message_from_bytes(whole, policy=email.policy.SMTPUTF8))
        self.assertEqual([part.defects for part in read.walk() if part.defects], [])
        self.assertEqual(read.get_content_type(), "multipart/report")
        return read

    def parts(self, read: EmailMessage) -> list[EmailMessage]:
        return [cast(EmailMessage, part) for part in read.iter_parts()]


class NoticeTests(NoticesTestCase):
    """A sender is told what became of the message."""

    def test_way_of_a_role(self) -> None:
        """A notice about mail that a role put aside goes that role's way; others are nobody's."""
        about = message()
        mail, _ = self.make(about, report())
        self.assertNotIn(ROLE, mail.origin.attributes)
        about.origin.attributes.update({ROLE: "relay", "other": "x"})
        mail, _ = self.make(about, report())
        self.assertEqual(mail.origin.attributes, {"class": CLASS, ROLE: "relay"})

    def test_failure(self) -> None:
        """A failure: words for people, fields for programs, and the message."""
        mail, read = self.make(message(ENVID="E+2B1"), report())
        self.assertIsNone(mail.envelope.reverse_path)
        self.assertEqual([str(one.forward_path) for one in mail.envelope.recipients], [ALICE])
        self.assertEqual(mail.envelope.recipients[0].parameters, {"NOTIFY": "NEVER"})
        self.assertEqual(mail.envelope.parameters, {})
        self.assertEqual(mail.origin.attributes["class"], CLASS)
        self.assertEqual(read["From"], "Mail Delivery System <MAILER-DAEMON@mx.example.test>")
        self.assertEqual(str(read["To"]), ALICE)
        self.assertEqual(read["Subject"], "Your message could not be delivered")
        self.assertEqual(read["Auto-Submitted"], "auto-replied")
        self.assertEqual(read["In-Reply-To"], "<m1@example.test>")
        self.assertEqual(read["Message-ID"], f"<{mail.queue_id}@mx.example.test>")
        self.assertEqual(read.get_param("report-type"), "delivery-status")
        text, status, returned = self.parts(read)
        words = text.get_content()
        for phrase in (
            '"Lunch"',
            "<bob@example.net>",
            "There is no such mailbox.",
            "mx.example.net said: 550 5.1.1",
        ):
            self.assertIn(phrase, words)
        self.assertTrue(all(len(line) <= 76 for line in words.splitlines()))
        groups = cast("list[EmailMessage]", status.get_payload())
        self.assertEqual(groups[0]["Original-Envelope-Id"], "E+1")
        self.assertEqual(groups[1]["Final-Recipient"], "rfc822; bob@example.net")
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertIn(OCTETS, mail.content.octets())

    def test_delay(self) -> None:
        """A delay: until when it is tried, and the header only."""
        _, read = self.make(message(RET="FULL"), report(action=Action.DELAYED))
        self.assertEqual(read["Subject"], "Your message is delayed")
        text, status, returned = self.parts(read)
        words = " ".join(text.get_content().split())
        self.assertIn("You need not send it again", words)
        self.assertIn("until Tue, 14 Nov 2023 23:13:20", words)
        self.assertIn("Will-Retry-Until", status.as_string())
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertNotIn("noon", read.as_string())

    def test_success(self) -> None:
        """Success, where it was asked for."""
        for action, word in (
            (Action.DELIVERED, "was delivered"),
            (Action.RELAYED, "passed on"),
            (Action.EXPANDED, "members"),
        ):
            _, read = self.make(message(), report(action=action, NOTIFY="SUCCESS"))
            self.assertIn(word, self.parts(read)[0].get_content())

    def test_several(self) -> None:
        """Several recipients are told in one notice, under the worst subject."""
        some = [
            report("a@example.net", Action.DELIVERED, NOTIFY="SUCCESS"),
            report("b@example.net"),
            report("c@example.net", Action.DELAYED),
            report("d@example.net", NOTIFY="NEVER"),
        ]
        _, read = self.make(message(), *some)
        self.assertEqual(read["Subject"], "Your message could not be delivered")
        groups = cast("list[EmailMessage]", self.parts(read)[1].get_payload())
        self.assertEqual([group["Action"] for group in groups[1:]], ["delivered", "failed", "delayed"])
        self.assertNotIn("d@example.net", read.as_string())

    def test_silence(self) -> None:
        """Nobody is told for the null reverse-path, for a notification, and where nobody wants to hear."""
        content = Content.of(OCTETS)
        self.assertEqual(list(self.notices.make(message(None), [report()], content)), [])
        self.assertEqual(list(self.notices.make(message(), [report(NOTIFY="NEVER")], content)), [])
        self.assertEqual(list(self.notices.make(message(), [], content)), [])
        (notice,) = self.notices.make(message(), [report()], content)
        self.assertEqual(list(self.notices.make(message(), [report()], notice.content)), [])

    def test_verp(self) -> None:
        """A list that asked for it gets a notice at an address for each recipient."""
        some = [report("a@example.net"), report("b@example.net")]
        found = self.notices.make(message(XVERP=None), some, None)
        self.assertEqual(
            [str(mail.envelope.recipients[0].forward_path) for mail in found],
            ["alice+a=example.net@example.test", "alice+b=example.net@example.test"],
        )

    def test_mailman(self) -> None:
        """Mailman sees who did not get its mail, and who may yet."""
        _, read = self.make(message(), report("b@example.net"), report("c@example.net", Action.DELAYED))
        self.assertEqual(all_failures(read), ({b"c@example.net"}, {b"b@example.net"}))
        _, read = self.make(message(), report(action=Action.DELIVERED, NOTIFY="SUCCESS"))
        self.assertEqual(all_failures(read), (set(), set()))

    def test_sender(self) -> None:
        """The address that notices come from can be chosen."""
        settings = NoticeSettings(sender=parse_mailbox("postmaster@example.test"))
        (mail,) = Notices("mx", settings, lambda: NOW).make(message(), [report()], None)
        self.assertEqual(self.read(mail)["From"], "Mail Delivery System <postmaster@example.test>")

    def test_hostname(self) -> None:
        """An internationalised name of ours stands in A-labels, and a link in a reply stays whole."""
        one = report()
        link = "https://example.net/" + "x" * 200
        one = RecipientReport(one.recipient, one.action, one.status, reply=f"550 5.7.1 See {link}")
        (mail,) = Notices("mx.bücher.example", NoticeSettings(), lambda: NOW).make(message(), [one], None)
        self.assertIn("@mx.xn--bcher-kva.example>", self.read(mail)["From"])
        self.assertIn(link, self.parts(self.read(mail))[0].get_content())

    def test_alias(self) -> None:
        """A sender finds the address that he wrote to."""
        _, read = self.make(message(), report(ORCPT="rfc822;robert@example.org"))
        self.assertIn("you wrote to robert@example.org", self.parts(read)[0].get_content())


class ReturnTests(NoticesTestCase):
    """What is brought back is what the sender asked for, and bounded."""

    def kind(self, about: QueuedMessage, octets: bytes | None = OCTETS) -> str:
        """The type of the last part."""
        return self.parts(self.make(about, report(), octets=octets)[1])[-1].get_content_type()

    def test_table(self) -> None:
        """RET and the limits decide; confidential and binary messages are never brought back whole."""
        large, larger = OCTETS + b"x" * 200 + b"\r\n", OCTETS + b"x" * 500 + b"\r\n"
        whole, head = "message/rfc822", "text/rfc822-headers"
        for expected, octets, parameters in (
            (whole, OCTETS, {}),
            (head, large, {}),
            (whole, large, {"RET": "FULL"}),
            (head, larger, {"RET": "FULL"}),
            (head, OCTETS, {"RET": "HDRS"}),
            (head, OCTETS, {"RET": "FULL", "REQUIRETLS": None}),
            (head, OCTETS, {"RET": "FULL", "BODY": "BINARYMIME"}),
        ):
            self.assertEqual(self.kind(message(ALICE, **parameters), octets), expected, parameters)

    def test_lost(self) -> None:
        """Where the message cannot be read any more, the sender is told nevertheless."""
        mail, read = self.make(message(), report(), octets=None)
        self.assertEqual(len(self.parts(read)), 2)
        self.assertTrue(mail.content.octets().endswith(b"--\r\n"))

    def test_long_header(self) -> None:
        """Of an endless header whole fields are brought back, up to a limit."""
        octets = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(100)) + b"\r\n"
        mail, read = self.make(message(RET="HDRS"), report(), octets=octets)
        self.assertLess(mail.content.size, HEADER_LIMIT + 4000)
        self.assertTrue(self.parts(read)[-1].as_string().rstrip().endswith("x" * 900))

    def test_file(self) -> None:
        """A large message is read from its file when the notice is, and stays its owner's."""
        with tempfile.TemporaryFile(buffering=0) as file:
            octets = OCTETS + b"y" * 998 + b"\r\n"
            octets += b"z\r\n" * 100_000
            file.write(octets)
            content = Content(FileBody(file, len(octets), octets[:65536]), b"Received: here\r\n")
            (mail,) = Notices("mx", NoticeSettings(), lambda: NOW).make(
                message(RET="FULL"), [report()], content
            )
            self.assertGreaterEqual(len(mail.content.head), 65536)
            self.assertEqual(mail.envelope.body, "8BITMIME")  # it may be: nobody looked
            mail.content.body.discard()
            returned = self.parts(self.read(mail))[-1]
            self.assertEqual(returned.get_content_type(), "message/rfc822")
            self.assertIn(octets, mail.content.octets())

    def test_eight_bit(self) -> None:
        """Eight-bit content makes the notice so; its header is told in UTF-8 whatever it was written in."""
        octets = b"Subject: Gr\xfc\xdfe\r\n\r\nbody \xe4\r\n"
        mail, _ = self.make(message(), report(), octets=octets)
        self.assertEqual(mail.envelope.parameters, {"BODY": "8BITMIME"})
        mail, read = self.make(message(RET="HDRS"), report(), octets=octets)
        self.assertEqual(mail.envelope.parameters, {"BODY": "8BITMIME"})
        self.assertIn("Grüße".encode(), mail.content.octets())
        self.assertIn("Grüße", self.parts(read)[0].get_content())


class InternationalTests(NoticesTestCase):
    """Internationalised mail gets internationalised notices (RFC 6533), other mail none."""

    OCTETS = "Subject: Grüße\r\n\r\nGrüße\r\n".encode()

    def test_types(self) -> None:
        """The types of RFC 6533 for who sent with SMTPUTF8."""
        mail, read = self.make(message(SMTPUTF8=None), report("jörg@example.net"), octets=self.OCTETS)
        self.assertIn("SMTPUTF8", mail.envelope.parameters)
        kinds = [part.get_content_type() for part in self.parts(read)]
        self.assertEqual(kinds, ["text/plain", "message/global-delivery-status", "message/global"])
        self.assertIn("Final-Recipient: utf-8; jörg@example.net".encode(), mail.content.octets())
        _, read = self.make(message(SMTPUTF8=None, RET="HDRS"), report(), octets=self.OCTETS)
        kinds = [part.get_content_type() for part in self.parts(read)]
        self.assertEqual(kinds, ["text/plain", "message/delivery-status", "message/global-headers"])

    def test_sender(self) -> None:
        """A sender with an internationalised address is written to at it."""
        mail, read = self.make(message("jörg@example.test"), report())
        self.assertIn("SMTPUTF8", mail.envelope.parameters)
        self.assertIn("jörg@example.test", str(read["To"]))

    def test_plain(self) -> None:
        """Who does not know SMTPUTF8 gets nothing that needs it."""
        mail, read = self.make(message(), report("jörg@example.net"), octets=self.OCTETS)
        self.assertNotIn("SMTPUTF8", mail.envelope.parameters)
        kinds = [part.get_content_type() for part in self.parts(read)]
        self.assertEqual(kinds, ["text/plain", "message/delivery-status", "message/rfc822"])
        self.assertIn(rb"Final-Recipient: utf-8; j\x{F6}rg@example.net", mail.content.octets())


class AnyNoticeTests(NoticesTestCase):
    """Whatever happened, the notice is a message that can be sent and read."""

    @given(
        st.lists(reports(), min_size=1, max_size=3),
        st.binary(max_size=300).map(lambda raw: raw.translate(None, b"\r\n")),
        st.booleans(),
        st.sampled_from([{}, {"RET": "FULL"}, {"RET": "HDRS"}]),
    )
    def test_any(
        self, some: list[RecipientReport], line: bytes, smtputf8: bool, ret: dict[str, str | None]
    ) -> None:
        """Any replies, addresses and content."""
        parameters = {**ret, **({"SMTPUTF8": None} if smtputf8 else {})}
        octets = b"Subject: " + line + b"\r\n\r\n" + line + b"\r\n"
        for mail in self.notices.make(message(ALICE, **parameters), some, Content.of(octets)):
            read = self.read(mail)
            self.assertIn(len(self.parts(read)), (2, 3))
            self.assertTrue(all(len(row) <= 998 for row in mail.content.octets().split(b"\r\n")))

    @given(
        st.lists(reports(), min_size=1, max_size=2),
        st.lists(st.one_of(strategies.header_fields(), st.binary(max_size=60)), max_size=6).map(b"".join),
        st.one_of(st.none(), strategies.addresses(smtputf8=True)),
        st.sampled_from([{}, {"XVERP": None}, {"SMTPUTF8": None}, {"RET": "FULL", "BODY": "BINARYMIME"}]),
    )
    def test_never_fails(
        self,
        some: list[RecipientReport],
        octets: bytes,
        sender: Address | None,
        parameters: dict[str, str | None],
    ) -> None:
        """No content, however broken, keeps its sender from hearing: a fault would keep it in the queue for ever."""
        facts = QueuedMessage("Q1", Envelope(sender, [], parameters), Origin("S1", "192.0.2.1"), NOW, NOW)
        for mail in self.notices.make(facts, some, Content.of(octets)):
            whole = mail.content.octets()
            self.assertEqual(len(whole), mail.content.size)
            self.assertEqual(email.message_from_bytes(whole).get_content_type(), "multipart/report")
