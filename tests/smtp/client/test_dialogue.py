"""What is said to servers, and what becomes of each recipient."""

from __future__ import annotations

from mailframe.message.envelope import Recipient
from mailframe.smtp.client.phases import Phase
from mailframe.testing.smtp_server import DROP, Answer, Delayed
from mailframe.testing.wires import settle

from .harness import ALICE, BOB, CAROL, MESSAGE, ClientCase, message

THREE = (Recipient(ALICE), Recipient(BOB), Recipient(CAROL))
LARGE = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 6_000
"""More than is on its way at once."""
FULL = "452 4.5.3 Too many recipients"


class SimpleTests(ClientCase):
    """A message goes out."""

    def test_pipelined(self) -> None:
        """With PIPELINING everything up to DATA is said at once; the message arrives octet for octet."""
        server = self.serve()
        client = self.connect()
        outcome = self.send(client, message(MESSAGE, *THREE))
        self.assertEqual(
            server.said,
            ["EHLO client.example.test", f"MAIL FROM:<joe@sender.test> SIZE={len(MESSAGE)}"]
            + [f"RCPT TO:<{name}@example.test>" for name in ("alice", "bob", "carol")]
            + ["DATA"],
        )
        self.assertEqual(server.messages[0].octets, MESSAGE)
        self.assertEqual(self.codes(outcome), ["2.0.0"] * 3)
        self.assertEqual(outcome.recipients[0].reply, "250 2.0.0 Taken")
        self.assertEqual(outcome.statuses[0].text, "mx.example.test said: 250 2.0.0 Taken")
        self.assertEqual((outcome.host, outcome.address), ("mx.example.test", "192.0.2.25:25"))
        self.assertTrue(client.usable)
        self.assertTrue(outcome.accepted)

    def test_one_by_one(self) -> None:
        """Without PIPELINING, or where it is not to be used, each command waits for the answer to the one before."""
        for keywords, settings in (((), {}), (("PIPELINING",), {"pipelining": False})):
            server = self.serve(keywords, {"MAIL": "550 5.7.1 No"})
            outcome = self.send(self.connect(**settings), message(MESSAGE, *THREE))
            self.assertEqual(server.verbs(), ["EHLO", "MAIL"])
            self.assertEqual(self.codes(outcome), ["5.7.1"] * 3)

    def test_waits(self) -> None:
        """Without PIPELINING nothing is said while an answer is still to come, chunks included."""
        slow: dict[str, Answer] = {
            "MAIL": Delayed(1, "250 OK"), "RCPT": Delayed(1, "250 OK"), "DATA": Delayed(1, "354 Go on"),
            "BDAT": Delayed(1, "250 OK"), "END": Delayed(1, "250 OK"),
        }  # fmt: skip
        for chunking in (False, True):
            server = self.serve(("CHUNKING",), slow)
            client = self.connect(chunking=chunking, chunk=1024)
            mail = message(LARGE[:5000] + b"\r\n", *THREE)
            sending = self.start(client.send(mail, mail.envelope.recipients))
            for _ in range(12):
                self.clock.advance(1)
                settle(self.clock)
            self.assertEqual(self.codes(self.successResultOf(sending)), ["2.0.0"] * 3)
            self.assertEqual(server.early, 0)

    def test_segments(self) -> None:
        """It does not matter how the network cuts what is said."""
        server = self.serve(segment=1)
        self.assertEqual(self.codes(self.send(self.connect())), ["2.0.0"])
        self.assertEqual(server.messages[0].octets, MESSAGE)

    def test_null_reverse_path(self) -> None:
        """A notification has no sender."""
        server = self.serve(())
        self.send(self.connect(), message(reverse_path=None))
        self.assertEqual(server.messages[0].mail, "<>")

    def test_reuse(self) -> None:
        """Several messages go over one connection; RSET comes between where a transaction is open."""
        server = self.serve(answers={"RCPT": ["550 5.1.1 No", "250 OK"]})
        client = self.connect()
        self.assertEqual(self.codes(self.send(client)), ["5.1.1"])
        self.assertEqual(self.codes(self.send(client)), ["2.0.0"])
        self.assertEqual(self.codes(self.send(client)), ["2.0.0"])
        self.assertEqual(
            server.verbs(),
            ["EHLO", "MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "DATA"],
        )
        self.run_now(client.quit())
        self.assertEqual(server.verbs()[-1], "QUIT")
        self.assertFalse(client.usable)
        self.assertTrue(server.sessions[0].lost)

    def test_log(self) -> None:
        """An attempt that went wrong has one line in the log, without content; of success whoever sends tells."""
        from twisted.logger import globalLogPublisher

        events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        server = self.serve()
        self.send(self.connect())
        self.assertEqual([event for event in events if "queue_id" in event], [])
        server.script({"END": "451 4.3.0 Later"})
        self.send(self.connect())
        (event,) = [event for event in events if "queue_id" in event]
        self.assertEqual(
            (event["queue_id"], event["host"], event["accepted"]), ("QUEUEID", "mx.example.test", 0)
        )
        self.assertEqual(event["forward_path"], ["<bob@example.test>"])


class RefusalTests(ClientCase):
    """Mixtures of yes and no."""

    def test_some_recipients(self) -> None:
        """Each recipient has the answer that was given for it."""
        self.serve(answers={"RCPT": ["250 OK", "550 5.1.1 No such mailbox", "451 4.3.0 Later"]})
        outcome = self.send(self.connect(), message(MESSAGE, *THREE))
        self.assertEqual(self.codes(outcome), ["2.0.0", "5.1.1", "4.3.0"])
        self.assertEqual([each.phase for each in outcome.recipients], [Phase.END, Phase.RCPT, Phase.RCPT])

    def test_all_recipients_and_data_refused(self) -> None:
        """When no recipient is taken, nothing of the message is sent."""
        server = self.serve(answers={"RCPT": "550 5.1.1 No"})
        client = self.connect()
        self.assertEqual(self.codes(self.send(client, message(MESSAGE, *THREE))), ["5.1.1"] * 3)
        self.assertEqual(server.messages, [])
        self.assertTrue(client.usable)

    def test_all_recipients_refused_and_data_accepted(self) -> None:
        """A server that wants data for nobody gets a lone dot, and the connection goes on (RFC 2920)."""
        server = self.serve(answers={"RCPT": ["550 5.1.1 No", "250 OK"], "DATA": "354 Go on"})
        client = self.connect()
        self.assertEqual(self.codes(self.send(client)), ["5.1.1"])
        self.assertEqual(server.messages, [])
        self.assertEqual(self.codes(self.send(client)), ["2.0.0"])
        self.assertEqual([each.octets for each in server.messages], [MESSAGE])

    def test_sender_refused(self) -> None:
        """When the sender is refused, all recipients are, whatever is said to the rest."""
        for severity in "45":
            server = self.serve(answers={"MAIL": f"{severity}50 {severity}.7.1 No", "DATA": "354 Go on"})
            client = self.connect()
            self.assertEqual(self.codes(self.send(client, message(MESSAGE, *THREE))), [f"{severity}.7.1"] * 3)
            self.assertEqual(server.messages, [])
            self.assertTrue(client.usable)

    def test_data_refused(self) -> None:
        """When DATA is refused, those who were accepted have its answer."""
        server = self.serve(answers={"DATA": "451 4.3.1 No space", "RCPT": ["550 5.1.1 No", "250 OK"]})
        outcome = self.send(self.connect(), message(MESSAGE, *THREE))
        self.assertEqual(self.codes(outcome), ["5.1.1", "4.3.1", "4.3.1"])
        self.assertEqual(server.messages, [])

    def test_content_refused(self) -> None:
        """The last answer is for all who were accepted."""
        self.serve(answers={"END": "554 5.7.1 Spam", "RCPT": ["450 4.2.0 Wait", "250 OK"]})
        client = self.connect()
        outcome = self.send(client, message(MESSAGE, *THREE))
        self.assertEqual(self.codes(outcome), ["4.2.0", "5.7.1", "5.7.1"])
        self.assertTrue(client.usable)

    def test_too_many_recipients(self) -> None:
        """Recipients beyond what the server takes at once go in another transaction (RFC 5321 section 4.5.3.1.10)."""
        for answer in (FULL, "452 Too many", "552 Too many", "552 5.5.3 Too many"):
            server = self.serve(answers={"RCPT": ["250 OK", answer, answer, "250 OK", answer, "250 OK"]})
            outcome = self.send(self.connect(), message(MESSAGE, *THREE))
            self.assertEqual(self.codes(outcome), ["2.0.0"] * 3)
            self.assertEqual([len(each.rcpts) for each in server.messages], [1, 1, 1])

    def test_never_enough(self) -> None:
        """A server that takes not even one recipient is asked once."""
        server = self.serve(answers={"RCPT": FULL})
        self.assertEqual(self.codes(self.send(self.connect(), message(MESSAGE, *THREE))), ["4.5.3"] * 3)
        self.assertEqual(server.verbs().count("MAIL"), 1)

    def test_mailbox_full(self) -> None:
        """552 about a full mailbox is no matter of too many recipients."""
        server = self.serve(answers={"RCPT": ["250 OK", "552 5.2.2 Full", "452 4.2.2 Full"]})
        outcome = self.send(self.connect(), message(MESSAGE, *THREE))
        self.assertEqual(self.codes(outcome), ["2.0.0", "5.2.2", "4.2.2"])
        self.assertEqual(server.verbs().count("MAIL"), 1)

    def test_together(self) -> None:
        """All or none: when one is refused, nothing is sent, and the others are told so."""
        for answer, expected in (
            ("550 5.1.1 No", ["5.5.0", "5.1.1", "5.5.0"]),
            ("450 4.2.0 No", ["4.5.0", "4.2.0", "4.5.0"]),
        ):
            server = self.serve(answers={"RCPT": ["250 OK", answer, "250 OK"]})
            client = self.connect()
            outcome = self.send(client, message(MESSAGE, *THREE), together=True)
            self.assertEqual(self.codes(outcome), expected)
            self.assertNotIn("DATA", server.verbs())
            self.assertEqual(
                self.codes(self.send(client, message(MESSAGE, *THREE), together=True)), ["2.0.0"] * 3
            )

    def test_limits(self) -> None:
        """LIMITS is obeyed: recipients and domains of a message, messages of a connection (RFC 9422)."""
        server = self.serve(["PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=2"])
        client = self.connect()
        outcome = self.send(client, message(MESSAGE, *THREE))
        self.assertEqual([len(each.rcpts) for each in server.messages], [2, 1])
        self.assertEqual(self.codes(outcome), ["2.0.0"] * 3)
        outcome = self.send(client)
        self.assertEqual((self.codes(outcome), outcome.untried), (["4.5.3"], [0]))
        server = self.serve(["LIMITS RCPTDOMAINMAX=1"])
        other = Recipient(type(ALICE)("dora", "other.test"))
        self.send(self.connect(), message(MESSAGE, THREE[0], other, THREE[1]))
        self.assertEqual(
            [each.rcpts for each in server.messages],
            [["<alice@example.test>", "<bob@example.test>"], ["<dora@other.test>"]],
        )


class BrokenServerTests(ClientCase):
    """Servers that do not keep to the protocol, or go away."""

    def test_lost_at_each_step(self) -> None:
        """A connection that ends before the end of the message is a temporary failure, and nothing has arrived."""
        for step in ("MAIL", "RCPT", "DATA", "BLOCK"):
            for keywords in ((), ("PIPELINING",)):
                server = self.serve(keywords, {step: DROP})
                client = self.connect()
                outcome = self.send(client, message(LARGE, *THREE))
                self.assertEqual([status.temporary for status in outcome.statuses], [True] * 3, step)
                self.assertFalse(any(each.possibly_delivered for each in outcome.recipients), step)
                self.assertFalse(client.usable)
                self.assertEqual(outcome.untouched, step == "MAIL")
                self.assertEqual(server.messages, [])

    def test_lost_after_the_end(self) -> None:
        """Lost before the last answer: temporary, and it may have arrived."""
        self.serve(answers={"END": DROP, "RCPT": ["550 5.1.1 No", "250 OK"]})
        outcome = self.send(self.connect(), message(MESSAGE, *THREE))
        self.assertEqual(self.codes(outcome), ["5.1.1", "4.4.2", "4.4.2"])
        self.assertEqual([each.possibly_delivered for each in outcome.recipients], [False, True, True])
        self.assertIn("may have arrived", outcome.statuses[1].text)

    def test_closing(self) -> None:
        """421 ends everything that was not answered, with the server's words (RFC 5321 section 3.8)."""
        for step in ("MAIL", "RCPT", "DATA", "BLOCK", "END"):
            self.serve(answers={step: "421 4.7.0 Too busy"})
            client = self.connect()
            outcome = self.send(client, message(MESSAGE, *THREE))
            self.assertEqual(self.codes(outcome), ["4.7.0"] * 3, step)
            self.assertIn("Too busy", outcome.statuses[0].text)
            self.assertFalse(client.usable)
            self.assertFalse(any(each.possibly_delivered for each in outcome.recipients))

    def test_closing_while_idle(self) -> None:
        """A server that says goodbye to an idle client is believed."""
        server = self.serve()
        client = self.connect()
        server.sessions[0].transport.write(b"421 4.4.2 You were silent\r\n")
        settle(self.clock)
        self.assertFalse(client.usable)

    def test_unexpected_codes(self) -> None:
        """A reply that makes no sense ends the connection, and is a temporary failure."""
        for step, answer in (
            ("MAIL", "354 What?"),
            ("RCPT", "334 What?"),
            ("DATA", "250 OK"),
            ("DATA", "334 What?"),
            ("END", "354 Go on"),
            ("MAIL", "hello"),
            ("MAIL", "250-a\r\n251 b"),
        ):
            self.serve(answers={step: answer})
            client = self.connect()
            outcome = self.send(client, message(MESSAGE, *THREE))
            self.assertTrue(all(status.temporary for status in outcome.statuses), (step, answer))
            self.assertFalse(client.usable)
            self.assertEqual(outcome.recipients[0].possibly_delivered, step == "END")

    def test_unasked(self) -> None:
        """Two answers to one command would put all that follow out of step."""
        for keywords in ((), ("PIPELINING",)):
            self.serve(keywords, {"MAIL": "250 OK\r\n250 OK"})
            client = self.connect()
            outcome = self.send(client, message(MESSAGE, *THREE))
            self.assertTrue(
                all(not each.status.success or each.phase is Phase.END for each in outcome.recipients)
            )
            self.assertFalse(client.usable)

    def test_accepted_before_the_end(self) -> None:
        """A server that accepts the message before its end has not got it."""
        self.serve(answers={"BLOCK": "250 Taken"})
        outcome = self.send(self.connect(), message(LARGE))
        self.assertEqual(self.codes(outcome), ["4.5.0"])

    def test_refused_before_the_end(self) -> None:
        """A refusal in the middle of the message counts, and the connection ends without the dot."""
        server = self.serve(answers={"BLOCK": "552 5.3.4 Too large"})
        client = self.connect()
        outcome = self.send(client, message(LARGE))
        self.assertEqual(self.codes(outcome), ["5.3.4"])
        self.assertEqual(server.messages, [])
        self.assertFalse(client.usable)


class LMTPTests(ClientCase):
    """An answer for each recipient (RFC 2033)."""

    def test_answers(self) -> None:
        """After the end each accepted recipient has its own answer, in order."""
        for keywords in (("PIPELINING",), ("PIPELINING", "CHUNKING")):
            self.serve(
                keywords,
                {"RCPT": ["250 OK", "550 5.1.1 No", "250 OK"], "END": ["250 2.0.0 OK", "452 4.2.2 Full"]},
                protocol="lmtp",
            )
            client = self.connect(chunking=True)
            outcome = self.send(client, message(MESSAGE, *THREE))
            self.assertEqual(self.codes(outcome), ["2.0.0", "5.1.1", "4.2.2"])
            self.assertTrue(client.usable)

    def test_lost_between_answers(self) -> None:
        """Those who were answered have their answer; for the others it is unknown."""
        self.serve(answers={"END": ["250 2.0.0 OK", DROP]}, protocol="lmtp")
        outcome = self.send(self.connect(), message(MESSAGE, *THREE))
        self.assertEqual(self.codes(outcome), ["2.0.0", "4.4.2", "4.4.2"])
        self.assertEqual([each.possibly_delivered for each in outcome.recipients], [False, True, True])

    def test_go_ahead_for_nobody(self) -> None:
        """354 without recipients is not LMTP: the connection ends."""
        self.serve(answers={"RCPT": "550 5.1.1 No", "DATA": "354 Go on"}, protocol="lmtp")
        client = self.connect()
        self.assertEqual(self.codes(self.send(client)), ["5.1.1"])
        self.assertFalse(client.usable)
