"""The SMTP dialogue as a client sees it, from the greeting to QUIT."""

from __future__ import annotations

import os
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.config.types import Duration, FilePath, Size
from mailframe.dialogue.protocol import DialogueProtocol
from mailframe.message.envelope import Envelope, Recipient
from mailframe.message.mail import MailObject
from mailframe.message.origin import Origin
from mailframe.message.status import CANNOT_LOOK_UP, MailframeError, Status
from mailframe.policy.interfaces import (
    IConnectPolicy,
    IContentPolicy,
    IHeloPolicy,
    IMailPolicy,
    IRecipientPolicy,
)
from mailframe.smtp.reception import Reception
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, FixedRouter, RecordingDelivery, fake_reception, serve

NO = Status((5, 7, 1), "No")
LATER = Status((4, 7, 1), "Later")


@implementer(IConnectPolicy, IHeloPolicy, IMailPolicy, IRecipientPolicy, IContentPolicy)
class Refusing:
    """Refuses at one stage."""

    def __init__(self, stage: str, status: Status | Exception) -> None:
        self.stage, self.status = stage, status

    def _verdict(self, stage: str) -> Status | None:
        if stage != self.stage:
            return None
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    async def connect(self, origin: Origin) -> Status | None:
        return self._verdict("connect")

    async def helo(self, origin: Origin) -> Status | None:
        return self._verdict("helo")

    async def mail(self, origin: Origin, envelope: Envelope) -> Status | None:
        return self._verdict("mail")

    async def rcpt(self, origin: Origin, envelope: Envelope, recipient: Recipient) -> Status | None:
        return self._verdict("rcpt")

    async def content(self, mail: MailObject) -> Status | None:
        return self._verdict("content")


class SessionCase(SynchronousTestCase):
    """A client that has said EHLO, and what was delivered."""

    settings = SMTPSettings(hostname="mx.example.test")

    def setUp(self) -> None:
        self.delivery = RecordingDelivery()
        self.client = self.connect()
        self.client.say("EHLO client.example.test")

    def connect(
        self, settings: SMTPSettings | None = None, router: FixedRouter | None = None, *policies: object
    ) -> Client:
        return serve(fake_reception(self.delivery, router, policies), settings or self.settings)

    def codes(self, *lines: str) -> list[str]:
        """The codes of the replies to some lines."""
        return [" ".join(reply.split()[:2]) for reply in self.client.say(*lines)]


class CommandsTests(SessionCase):
    """Every command, in and out of order."""

    def test_greeting(self) -> None:
        """The greeting names the host; EHLO tells what is offered, and nothing else."""
        client = self.connect()
        self.assertEqual(client.greeting, ["220 mx.example.test ESMTP Mailframe"])
        self.assertEqual(
            client.say("EHLO x"),
            [
                "250-mx.example.test",
                "250-PIPELINING",
                "250-SIZE 50000000",
                "250-8BITMIME",
                "250-SMTPUTF8",
                "250-CHUNKING",
                "250-BINARYMIME",
                "250-DSN",
                "250-MT-PRIORITY",
                "250-LIMITS RCPTMAX=1000",
                "250 ENHANCEDSTATUSCODES",
            ],
        )
        self.assertEqual(client.say("HELO x"), ["250 mx.example.test"])

    def test_order(self) -> None:
        """Commands out of order are refused, and change nothing."""
        client = self.connect()
        for line in ("MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA"):
            self.assertTrue(client.say(line)[0].startswith("503 5.5.1"))
        self.assertEqual(self.codes("RCPT TO:<bob@example.test>", "DATA"), ["503 5.5.1"] * 2)
        self.assertEqual(
            self.codes("MAIL FROM:<a@example.test>", "MAIL FROM:<b@example.test>"), ["250 2.1.0", "503 5.5.1"]
        )
        self.assertEqual(self.codes("DATA"), ["554 5.5.1"])
        self.assertEqual(self.codes("RCPT TO:<bob@example.test>", "DATA"), ["250 2.1.5", "354 Send"])

    def test_small_commands(self) -> None:
        """VRFY tells nothing, EXPN is not implemented, HELP and NOOP are polite."""
        self.assertEqual(
            self.codes(
                "VRFY bob", "EXPN list", "HELP", "NOOP x", "FOO", "ETRN x", "STARTTLS", "AUTH PLAIN", ""
            ),
            [
                "252 2.5.0",
                "502 5.5.1",
                "214 2.0.0",
                "250 2.0.0",
                "500 5.5.2",
                "502 5.5.1",
                "502 5.5.1",
                "502 5.5.1",
                "500 5.5.2",
            ],
        )

    def test_quit(self) -> None:
        """QUIT is answered, and the connection ends."""
        self.assertEqual(self.codes("QUIT", "NOOP"), ["221 2.0.0"])
        self.assertTrue(self.client.closed)

    def test_reset(self) -> None:
        """RSET and EHLO end a transaction without a trace of it."""
        for line in ("RSET", "EHLO again"):
            self.codes("MAIL FROM:<a@example.test>", "RCPT TO:<bob@example.test>", line)
            self.assertEqual(self.codes("RCPT TO:<bob@example.test>"), ["503 5.5.1"])

    def test_lhlo(self) -> None:
        """LHLO is not for SMTP."""
        self.assertEqual(self.codes("LHLO x"), ["500 5.5.2"])

    def test_parameters(self) -> None:
        """SIZE and BODY are understood; what was not offered is refused with 555."""
        self.assertEqual(
            self.codes(
                "MAIL FROM:<a@example.test> SIZE=50000001",
                "MAIL FROM:<a@example.test> SMTPUTF8=1",
                "MAIL FROM:<a@example.test> AUTH=<>",
                "MAIL FROM:<a@example.test> BODY=8BIT",
                "MAIL FROM:<a@example.test> SIZE=50000000 BODY=8BITMIME",
                "RCPT TO:<bob@example.test> BODY=8BITMIME",
            ),
            ["552 5.3.4", "501 5.5.4", "555 5.5.4", "501 5.5.4", "250 2.1.0", "555 5.5.4"],
        )

    def test_postmaster(self) -> None:
        """The null reverse-path and the bare Postmaster are always understood."""
        self.assertEqual(self.codes("MAIL FROM:<>", "RCPT TO:<PostMaster>"), ["250 2.1.0", "250 2.1.5"])

    @given(
        st.lists(
            st.sampled_from(
                [
                    "EHLO x",
                    "MAIL FROM:<a@example.test>",
                    "RCPT TO:<bob@example.test>",
                    "RCPT TO:<no@example.test>",
                    "DATA\r\ntext\r\n.",
                    "RSET",
                    "NOOP",
                    "FOO",
                ]
            ),
            max_size=25,
        ),
        st.integers(1, 60),
    )
    def test_any_dialogue_any_segments(self, lines: list[str], size: int) -> None:
        """However commands are sent, at once or in small pieces, the replies are those of one after another."""
        octets = "".join(line + "\r\n" for line in lines).encode()
        answers = []
        for step in (len(octets) or 1, size):
            delivery = RecordingDelivery()
            router = FixedRouter({"no@example.test": NO}, unknown=None)
            client = serve(fake_reception(delivery, router))
            replies = [
                reply for i in range(0, len(octets), step) for reply in client.send(octets[i : i + step])
            ]
            answers.append(([reply.partition(", id ")[0] for reply in replies], len(delivery.messages)))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(sum(", id" in r for r in replies), len(delivery.messages))


class TransactionTests(SessionCase):
    """Messages: taken whole, or refused for a reason."""

    def test_delivered(self) -> None:
        """A message is handed on with its envelope, origin and exact octets, and its id is told."""
        reply = self.client.message(
            b"Subject: x\r\n\r\n..dot\r\n", "bob@example.test", "eve@example.test", hello=""
        )
        message = self.delivery.messages[0]
        self.assertEqual(reply, [f"250 2.0.0 OK, id {message.mail.queue_id}"])
        self.assertEqual(message.octets, b"Subject: x\r\n\r\n.dot\r\n")
        self.assertEqual(str(message.envelope.reverse_path), "sender@example.test")
        self.assertEqual(
            [str(recipient.forward_path) for recipient in message.envelope.recipients],
            ["bob@example.test", "eve@example.test"],
        )
        self.assertEqual(len(message.routes), 2)
        self.assertTrue(message.atomic)
        origin = message.mail.origin
        self.assertEqual(
            (origin.helo, origin.extended, origin.peer), ("client.example.test", True, "192.0.2.1")
        )
        self.assertEqual(self.codes("MAIL FROM:<a@example.test>"), ["250 2.1.0"])

    def test_large_goes_through_a_file(self) -> None:
        """A message larger than what is kept in memory arrives the same, and leaves no file."""
        folder = self.mktemp()
        os.mkdir(folder)
        settings = SMTPSettings(spill_directory=FilePath(folder), spill_limit=Size(1000))
        client = self.connect(settings)
        octets = b"0123456789\r\n" * 10_000
        self.assertTrue(client.message(octets, "bob@example.test")[0].startswith("250 2.0.0"))
        self.assertEqual(self.delivery.messages[0].octets, octets)
        self.assertEqual(os.listdir(folder), [])

    def test_too_large(self) -> None:
        """A message that is too large is read to its end and refused; the next one is taken."""
        client = self.connect(SMTPSettings(size_limit=Size(1000)))
        self.assertEqual(
            client.message(b"x" * 70 + b"\r\n" + b"y" * 70_000 + b"\r\n", "bob@example.test"),
            ["552 5.3.4 The message is larger than is taken here"],
        )
        self.assertTrue(client.message(b"x" * 998 + b"\r\n", "bob@example.test")[0].startswith("250"))
        self.assertEqual(len(self.delivery.messages), 1)

    def test_disk_full(self) -> None:
        """When there is no room to keep a message, it is read to its end and deferred."""
        client = self.connect(SMTPSettings(spill_directory=FilePath("nowhere"), spill_limit=Size(10)))
        self.assertEqual(
            client.message(b"x" * 70 + b"\r\n", "bob@example.test"),
            ["452 4.3.1 Out of storage; try again later"],
        )
        self.assertTrue(client.message(b"x\r\n", "bob@example.test")[0].startswith("250"))

    def test_bare_line_ends(self) -> None:
        """A message with a bare CR or LF is refused whole; with the option each becomes a line end."""
        for octets in (b"a\nb\r\n", b"a\rb\r\n", b"a\n.\nb\r\n", b"a\r\n.\nQUIT\r\n"):
            self.assertEqual(
                self.client.message(octets, "bob@example.test"),
                ["554 5.6.0 The message has a bare CR or LF; lines end in CRLF"],
            )
        self.assertEqual(self.delivery.messages, [])
        client = self.connect(SMTPSettings(line_ends="normalise"))
        client.message(b"a\n.\nb\rc\r\n", "bob@example.test")
        self.assertEqual(self.delivery.messages[0].octets, b"a\r\n.\r\nb\r\nc\r\n")

    def test_refused_recipients(self) -> None:
        """Recipients are refused one by one; the message goes to the others."""
        router = FixedRouter({"no@example.test": NO, "later@example.test": LATER}, unknown=None)
        self.client = self.connect(None, router)
        self.assertEqual(
            self.codes(
                "EHLO x",
                "MAIL FROM:<>",
                "RCPT TO:<no@example.test>",
                "RCPT TO:<later@example.test>",
                "RCPT TO:<bob@example.test>",
            )[-3:],
            ["550 5.7.1", "450 4.7.1", "250 2.1.5"],
        )
        self.codes("DATA", "text", ".")
        self.assertEqual(len(self.delivery.messages[0].envelope.recipients), 1)

    def test_too_many_recipients(self) -> None:
        """Recipients above the limit are deferred, which is no error of the client; the others get the message."""
        self.client = self.connect(SMTPSettings(recipients_limit=2, errors_limit=3))
        self.codes("EHLO x", "MAIL FROM:<>")
        self.assertEqual(
            self.codes(*["RCPT TO:<bob@example.test>"] * 6), ["250 2.1.5"] * 2 + ["452 4.5.3"] * 4
        )

    def test_statuses_of_recipients(self) -> None:
        """SMTP has one reply: a temporary failure of one recipient defers the message."""
        for statuses, code in (
            ([NO, LATER], "450 4.7.1"),
            ([LATER, NO], "450 4.7.1"),
            ([NO, NO], "550 5.7.1"),
        ):
            self.delivery.statuses = statuses
            reply = self.client.message(b"x\r\n", "bob@example.test", "eve@example.test")
            self.assertTrue(reply[0].startswith(code), reply)

    def test_statuses_in_the_log(self) -> None:
        """What became of each recipient is in the log where it differs."""
        for statuses, logged in (([NO, LATER], [str(NO), str(LATER)]), ([NO, NO], [])):
            self.delivery.statuses = statuses
            with capturedLogs() as logs:
                self.client.message(b"x\r\n", "bob@example.test", "eve@example.test")
            (line,) = (log for log in logs if "statuses" in log)
            self.assertEqual(line["statuses"], logged)

    def test_delivery_fails(self) -> None:
        """A fault of ours is temporary, told without details and logged once; a reasoned one is told as such."""
        self.delivery.error = ValueError("private")
        self.assertEqual(
            self.client.message(b"x\r\n", "bob@example.test"),
            ["451 4.3.0 Something went wrong here; try again later"],
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.delivery.error = MailframeError(LATER, "private")
        self.assertEqual(self.client.message(b"x\r\n", "bob@example.test"), ["450 4.7.1 Later"])
        self.delivery.error = None
        for nonsense in ([], [None]):
            self.delivery.statuses = nonsense  # type: ignore[assignment]
            self.assertTrue(self.client.message(b"x\r\n", "bob@example.test")[0].startswith("451 4.3.0"))
            self.assertEqual(len(self.flushLoggedErrors(ValueError, AttributeError)), 1)

    def test_nothing_before_durable(self) -> None:
        """The 250 waits for the delivery; commands behind it wait, too."""
        self.delivery.waiting = waiting = Deferred[None]()
        self.assertEqual(self.client.message(b"x\r\n", "bob@example.test", hello=""), [])
        self.assertEqual(self.client.say("NOOP"), [])
        waiting.callback(None)
        self.assertEqual([reply[:3] for reply in self.client.replies()], ["250", "250"])

    def test_slow_delivery(self) -> None:
        """A delivery that takes too long is answered with a temporary failure, and the dialogue goes on."""
        self.delivery.waiting = waiting = Deferred[None]()
        client = self.connect(SMTPSettings(delivery_timeout=Duration(100)))
        client.message(b"x\r\n", "bob@example.test")
        client.clock.advance(101)
        self.assertTrue(client.replies()[0].startswith("451 4.3.0"))
        self.assertEqual(client.say("NOOP"), ["250 2.0.0 OK"])
        waiting.callback(None)
        self.assertEqual(client.replies(), [])
        self.flushLoggedErrors()

    def test_lost_during_delivery(self) -> None:
        """A connection lost while a message is delivered does not take the message back."""
        folder = self.mktemp()
        os.mkdir(folder)
        self.delivery.waiting = waiting = Deferred[None]()
        client = self.connect(SMTPSettings(spill_directory=FilePath(folder), spill_limit=Size(10)))
        octets = b"0123456789\r\n" * 100
        client.message(octets, "bob@example.test")
        client.lose()
        waiting.callback(None)
        self.assertEqual(self.delivery.messages[0].octets, octets)
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_lost_during_data(self) -> None:
        """A message that did not arrive whole is not delivered, and leaves nothing."""
        folder = self.mktemp()
        os.mkdir(folder)
        client = self.connect(SMTPSettings(spill_directory=FilePath(folder), spill_limit=Size(10)))
        client.say("EHLO x", "MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA", "0123456789abcdef")
        client.lose()
        self.assertEqual(self.delivery.messages, [])
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_trickle(self) -> None:
        """A message that arrives drop by drop is given up after its time."""
        client = self.connect(SMTPSettings(transfer_timeout=Duration(600)))
        client.say("EHLO x", "MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA")
        replies = []
        for _ in range(7):
            client.clock.advance(101)
            replies += client.say("drop")
        self.assertEqual(replies, ["421 4.4.2 The message took too long to arrive"])
        self.assertTrue(client.closed)
        self.assertEqual(self.delivery.messages, [])


class PolicyTests(SessionCase):
    """Policies refuse at their stage, and nothing goes further."""

    def session(self, stage: str, status: Status | Exception) -> list[str]:
        client = self.connect(None, None, Refusing(stage, status))
        replies = [client.greeting[-1]]
        for line in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA", "text\r\n."):
            if client.closed or not replies[-1].startswith(("2", "3")):
                break
            replies.append(client.say(line)[-1])
        self.assertEqual(self.delivery.messages, [])
        return replies

    def test_stages(self) -> None:
        """The refusal is the last reply."""
        for count, stage in enumerate(("helo", "mail", "rcpt"), 2):
            replies = self.session(stage, NO)
            self.assertEqual((len(replies), replies[-1]), (count, "550 5.7.1 No"))
        self.assertEqual(self.session("content", NO)[-1], "550 5.7.1 No")
        self.assertEqual(self.session("content", LATER)[-1], "450 4.7.1 Later")

    def test_connect(self) -> None:
        """A refused connection gets 554 or 421 instead of a greeting, and ends."""
        self.assertEqual(self.session("connect", NO), ["554 5.7.1 No"])
        self.assertEqual(self.session("connect", LATER), ["421 4.7.1 Later"])

    def test_nobody_said_yes(self) -> None:
        """Where it cannot be told whether a client may connect, it is sent away and cannot go on."""
        for fault in (MailframeError(CANNOT_LOOK_UP, "private"), ValueError("private")):
            client = self.connect(None, None, Refusing("connect", fault))
            self.assertEqual([line[:4] for line in client.greeting], ["421 "])
            self.assertNotIn("private", client.greeting[0])
            self.assertTrue(client.closed)
            self.assertEqual(client.say("EHLO x"), [])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_second_greeting(self) -> None:
        """A greeting that is refused leaves the name and the transaction as they were (RFC 5321 section 4.1.4)."""
        policy = Refusing("none", NO)
        client = self.connect(None, None, policy)
        client.say("EHLO first", "MAIL FROM:<a@example.test>", "RCPT TO:<bob@example.test>")
        for status in (NO, MailframeError(LATER, "private")):
            policy.stage, policy.status = "helo", status
            self.assertEqual(client.say("HELO second")[0][4:], str(getattr(status, "status", status)))
        client.say("DATA", "text", ".")
        origin = self.delivery.messages[0].mail.origin
        self.assertEqual((origin.helo, origin.extended), ("first", True))

    def test_cannot_say(self) -> None:
        """A policy that cannot look something up defers."""
        for stage in ("helo", "mail", "rcpt", "content"):
            self.assertEqual(
                self.session(stage, MailframeError(CANNOT_LOOK_UP, "private"))[-1],
                "451 4.4.3 The directory cannot be asked right now",
            )

    def test_broken_policy(self) -> None:
        """A policy that fails is our fault: temporary, and logged."""
        for stage in ("helo", "mail", "rcpt", "content"):
            self.assertEqual(
                self.session(stage, ValueError("private"))[-1],
                "451 4.3.0 Something went wrong here; try again later",
            )
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_no_such_policy(self) -> None:
        """An object that is no policy is refused when the role is built."""
        self.assertRaises(TypeError, Reception, FixedRouter(), self.delivery, [object()])


class LimitsTests(SessionCase):
    """What a client may not do for ever."""

    def test_errors(self) -> None:
        """Too many errors in a row end the connection; a message taken starts the count again."""
        self.client = self.connect(SMTPSettings(errors_limit=3))
        self.assertEqual(self.codes("FOO", "FOO"), ["500 5.5.2"] * 2)
        self.client.message(b"x\r\n", "bob@example.test")
        self.assertEqual(self.codes("FOO", "FOO", "FOO", "NOOP"), ["500 5.5.2", "500 5.5.2", "421 4.7.0"])
        self.assertTrue(self.client.closed)

    def test_silence(self) -> None:
        """A silent client is told so with 421; within data it has less time."""
        self.client.clock.advance(301)
        self.assertEqual(
            self.client.replies(), ["421 4.4.2 mx.example.test closes: you were silent too long"]
        )
        self.assertTrue(self.client.closed)
        client = self.connect()
        client.say("EHLO x", "MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA")
        client.clock.advance(181)
        self.assertEqual(client.replies(), ["421 4.4.2 mx.example.test closes: you were silent too long"])

    def test_service_ends(self) -> None:
        """When the service goes down, a client between transactions is told so; one within is left to its end."""
        protocol = cast(DialogueProtocol, self.client.protocol)
        self.client.say("MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA")
        self.assertFalse(protocol.finish())
        self.client.send(b"x\r\n.\r\n")
        self.assertTrue(protocol.finish())
        self.assertEqual(self.client.replies(), ["421 4.3.2 mx.example.test goes down; try again later"])
        self.assertTrue(self.client.closed)

    def test_long_line(self) -> None:
        """A command line that is too long is refused once and passed over; one without end ends the connection."""
        self.assertEqual(self.client.send(b"NOOP " + b"x" * 1_000_000), ["500 5.5.6 Line too long"])
        self.assertEqual(self.client.send(b"x\r\nNOOP\r\n"), ["250 2.0.0 OK"])
        self.client.send(b"x" * 5000)
        self.assertEqual(self.client.send(b"x" * 1_100_000), ["421 4.5.2 A line without end"])
        self.assertTrue(self.client.closed)

    def test_flood(self) -> None:
        """200,000 pipelined NOOPs are all answered."""
        self.client = self.connect(SMTPSettings(idle_commands_limit=0))
        clock, count = self.client.clock, 0
        for _ in range(20):
            count += len(self.client.send(b"NOOP\r\n" * 10_000))
            while self.client.protocol._busy:  # type: ignore[attr-defined]
                clock.advance(0)
                count += len(self.client.replies())
        self.assertEqual(count, 200_000)

    def test_browser(self) -> None:
        """What a browser is made to send is refused before its body is looked at."""
        replies = self.client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@example.test>\r\n")
        self.assertEqual(replies, ["554 5.5.1 This is a mail server"])
        self.assertTrue(self.client.closed)


class LoggingTests(SessionCase):
    """One line a transaction and one a connection."""

    def lines(self) -> list[dict[str, object]]:
        return [
            cast("dict[str, object]", event) for event in self.events if event["log_level"].name == "info"
        ]

    def setUp(self) -> None:
        from twisted.logger import globalLogPublisher

        self.events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        super().setUp()

    def test_fields(self) -> None:
        """A transaction's line tells who, to whom, how much and what was answered; the connection's, who and how long."""
        self.client.message(b"secret content\r\n", "bob@example.test")
        self.client.say("MAIL FROM:<a@example.test>", "RSET")
        self.client.lose()
        first, second, connection = self.lines()
        self.assertEqual(first["reverse_path"], "<sender@example.test>")
        self.assertEqual(first["forward_path"], ["<bob@example.test>"])
        self.assertEqual(first["size"], 16)
        self.assertEqual(first["queue_id"], self.delivery.messages[0].mail.queue_id)
        self.assertTrue(str(first["reply"]).startswith("250 2.0.0 OK, id "))
        self.assertEqual(second["reply"], "250 2.1.0 Sender OK")
        self.assertEqual((connection["messages"], connection["peer"]), (1, "192.0.2.1"))
        self.assertEqual(len({line["session_id"] for line in (first, second, connection)}), 1)
        self.assertNotIn("secret", repr(self.events))

    def test_lost_during_delivery(self) -> None:
        """When the client is gone before its answer, the line still tells how the delivery went."""
        self.delivery.waiting = waiting = Deferred[None]()
        self.client.message(b"x\r\n", "bob@example.test", hello="")
        self.client.lose()
        waiting.callback(None)
        replies = [str(line["reply"]) for line in self.lines() if "queue_id" in line]
        self.assertEqual([reply[:9] for reply in replies], ["250 2.0.0"])
