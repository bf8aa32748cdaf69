"""Servers that mean no good, or do not know what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.message.envelope import Recipient
from mailframe.message.status import MailframeError
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.client.core import ClientCore, Dialogue
from mailframe.smtp.client.opening import greeting
from mailframe.smtp.client.phases import Phase
from mailframe.smtp.client.pool import Pool
from mailframe.smtp.client.sender import SMTPClient
from mailframe.smtp.client.transaction import Commands, Transaction
from mailframe.testing.smtp_server import DROP, SILENCE
from mailframe.testing.wires import settle
from mailframe.tls.policies import ClientPolicy, Level

from .harness import ALICE, BOB, ClientCase, message

TWO = (Recipient(ALICE), Recipient(BOB))
USUAL = {"CONNECT": "220 x", "MAIL": "250 OK", "RCPT": "250 OK", "DATA": "354 Go on"}


class OutOfStepTests(ClientCase):
    """A server that answers once too often."""

    def outcomes(self, place: int, step: str, extra: str, **options: Any) -> Sequence[str]:
        """The codes of two messages, refused both, where some step has one answer more."""
        answers: dict[str, Any] = {"END": "554 5.7.1 Refused"}
        answers[step] = [USUAL[step]] * place + [f"{USUAL[step]}\r\n{extra}", USUAL[step]]
        self.serve(answers=answers, **options)
        connecting = self.start(self.connector().connect(self.target()))
        results: list[Any] = []
        connecting.addBoth(results.append)
        client = results[0]
        if not isinstance(client, SMTPClient):
            return []
        return [code for _ in "12" for code in self.codes(self.send(client, message(b"a\r\n\r\n", *TWO)))]

    def test_one_answer_more(self) -> None:
        """Whatever it has one answer too many to, and whatever that is, a refused message is not taken for accepted.

        A second answer to DATA that comes later than the first cannot be told from the one to the message.
        """
        for protocol in ("smtp", "lmtp"):
            for segment in (0, 1, 7):
                for step in USUAL:
                    if step == "DATA" and segment:
                        continue
                    for extra in ("250 OK", "220 x", "354 Go on", "250-a\r\n250 b"):
                        for place in range(3):
                            self.clock = Clock()
                            codes = self.outcomes(place, step, extra, protocol=protocol, segment=segment)
                            told = (protocol, segment, step, extra, place)
                            self.assertFalse([code for code in codes if code.startswith("2")], told)

    def test_both(self) -> None:
        """Accepted and refused in the same breath: nobody knows, so it is tried again."""
        for extra, code in (
            ("554 No", "4.4.2"), ("4", "2.0.0"), ("421 Bye", "2.0.0"), ("250 OK", "2.0.0"), ("", "2.0.0")
        ):  # fmt: skip
            self.serve(answers={"END": f"250 OK\r\n{extra}"})
            (result,) = self.send(self.connect()).recipients
            self.assertEqual((result.status.code, result.possibly_delivered), (code, code == "4.4.2"), extra)

    def test_both_for_some(self) -> None:
        """With LMTP that is so for all who seemed to be accepted; who was refused stays refused."""
        for first, codes in (("250 OK", ["4.4.2", "4.4.2"]), ("550 5.1.1 No", ["5.1.1", "4.4.2"])):
            self.serve(answers={"END": f"{first}\r\n250 OK\r\n550 No"}, protocol="lmtp")
            outcome = self.send(self.connect(), message(b"a\r\n\r\n", *TWO))
            self.assertEqual(self.codes(outcome), codes)

    def test_half_a_reply(self) -> None:
        """What came behind an answer and was not asked for, even a part of it, is not waited for to be whole."""
        server = self.serve()
        client = self.connect()
        server.sessions[0].transport.write(b"250 O")
        settle(self.clock)
        self.assertTrue(client.usable)
        outcome = self.send(client)
        self.assertEqual((self.codes(outcome), outcome.untouched), (["4.5.0"], True))
        self.assertEqual(server.verbs(), ["EHLO"])
        core = ClientCore("mx.example.test")
        core.begin(greeting(core))
        core.receive(b"220 x\r\n")
        exchange = core.begin(
            Transaction(core, Commands(b"MAIL FROM:<>", [b"RCPT TO:<a@b.test>"])).dialogue()
        )
        core.receive(b"250 OK\r\n250 O")
        self.assertEqual(exchange.result()[0].status.code, "4.5.0")
        self.assertNotIn(b"RCPT", core.outgoing())

    def test_forgotten_reply(self) -> None:
        """A dialogue of ours that leaves a reply unread ends the connection, so that nobody else reads it."""

        def careless(core: ClientCore) -> Dialogue[None]:
            core.say(b"NOOP", b"NOOP")
            yield Phase.RESET

        core = ClientCore("mx.example.test")
        core.begin(greeting(core))
        core.receive(b"220 x\r\n")
        exchange = core.begin(careless(core))
        core.receive(b"250 OK\r\n")
        self.assertTrue(exchange.done)
        self.assertFalse(core.usable)


class TimeTests(ClientCase):
    """A server that takes its time."""

    def seconds(self, drop: bytes) -> float:
        """For how long a server that says a little now and then holds a client."""
        server = self.serve(answers={"MAIL": SILENCE})
        client = self.connect()
        mail = message()
        sending = self.start(client.send(mail, mail.envelope.recipients))
        began = self.clock.seconds()
        while not sending.called and self.clock.seconds() < began + 3000:
            server.sessions[0].transport.write(drop)
            settle(self.clock)
            self.clock.advance(50)
            settle(self.clock)
        self.assertEqual(self.codes(self.successResultOf(sending)), ["4.4.2"])
        return self.clock.seconds() - began

    def test_slowly(self) -> None:
        """Octets and lines that are no whole reply give it no more time."""
        for drop in (b"2", b"250-OK\r\n"):
            self.assertEqual(self.seconds(drop), 300)

    def test_silent_challenges(self) -> None:
        """A login that never ends is broken off."""
        self.serve(["STARTTLS", "AUTH LOGIN"], {"AUTH": "334 VXNlcm5hbWU6", "RESPONSE": "334 VXNlcm5hbWU6"})
        target = self.target(policy=ClientPolicy(Level.ENCRYPT), credentials=ClientCredentials("joe", "x"))
        self.failureResultOf(self.start(self.connector().connect(target)), MailframeError)
        self.assertLess(len(self.server.said), 25)


class OfferTests(ClientCase):
    """A server that offers nonsense."""

    def test_offers(self) -> None:
        """What is none of an offer is ignored; the last one counts."""
        for keywords in (
            ["SIZE 0"], ["SIZE " + "9" * 40], ["SIZE -1"], ["SIZE x"], ["SIZE 1", "SIZE 100000"], ["size 5000"], [""], ["\0"],
            ["AUTH"], ["LIMITS RCPTMAX=0 MAILMAX=0"], ["LIMITS RCPTMAX=1000000 MAILMAX=-1 X"], ["LIMITS RCPTMAX=01"],
        ):  # fmt: skip
            self.serve(keywords)
            outcome = self.send(self.connect(), message(b"a\r\n\r\n", *TWO))
            self.assertEqual(self.codes(outcome), ["2.0.0"] * 2, keywords)
            self.assertEqual(len(self.server.messages), 1)

    def test_endless(self) -> None:
        """Ten thousand keywords are none, and the connection ends."""
        self.serve([f"X{number}" for number in range(10_000)])
        failure: Any = self.failureResultOf(self.start(self.connector().connect(self.target())))
        self.assertEqual(failure.value.status.code, "4.5.0")
        settle(self.clock)
        self.assertTrue(self.server.sessions[0].lost)


class CancelledTests(ClientCase):
    """Nobody waits any more."""

    STEPS = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "BLOCK", "END", "RSET")

    def test_at_each_step(self) -> None:
        """Wherever the waiting ends, the connection ends with it, and no timer and no place in the pool is left."""
        met = set()
        for keywords in ([], ["PIPELINING"], ["CHUNKING", "PIPELINING"]):
            for step in self.STEPS:
                self.setUp()
                answers: dict[str, Any] = {step: SILENCE}
                if step == "RSET":
                    answers["RCPT"] = ["550 No", "250 OK"]
                server = self.serve([*keywords, "STARTTLS", "AUTH PLAIN"], answers)
                pool = Pool(self.connector(chunking=True, chunk=1024))
                mail = message(b"x" * 70 + b"\r\n" * 3000)
                target = self.target(
                    policy=ClientPolicy(Level.ENCRYPT), credentials=ClientCredentials("joe", "secret")
                )
                if step == "RSET":
                    self.run_now(pool.send(target, mail, mail.envelope.recipients))
                sending = self.start(pool.send(target, mail, mail.envelope.recipients))
                if sending.called:
                    continue
                met.add(step)
                sending.cancel()
                self.failureResultOf(sending, CancelledError)
                settle(self.clock)
                self.assertTrue(server.sessions[0].lost, step)
                self.assertEqual(self.clock.getDelayedCalls(), [], step)
                self.assertEqual(pool._lanes, {}, step)
        self.assertEqual(met, set(self.STEPS))


class ManyTests(SynchronousTestCase):
    """Many recipients."""

    def test_lost(self) -> None:
        """To settle ten thousand recipients of a lost message takes no longer for each than to settle a hundred."""
        looked = Counting()
        core = ClientCore("mx.example.test")
        transaction = Transaction(core, Commands(b"MAIL FROM:<>", [b"RCPT TO:<a@b.test>"] * 10_000))
        transaction._accepted = looked
        looked.extend(range(10_000))
        transaction._unknown = True
        core.lost()
        verdicts = core.begin(transaction.dialogue()).result()
        self.assertTrue(all(verdict.possibly_delivered for verdict in verdicts))
        self.assertEqual(looked.searches, 0)


class Counting(list[int]):
    """A list that knows how often it was searched through."""

    searches = 0

    def __contains__(self, item: object) -> bool:
        self.searches += 1
        return super().__contains__(item)


class WaitingTests(ClientCase):
    """Many who wait for one connection."""

    def test_many(self) -> None:
        """Two thousand who are done as soon as it is their turn are all served, however they follow each other."""
        self.serve(["PIPELINING"], {"END": [SILENCE, "250 OK"]})
        pool = Pool(self.connector(connections=1, waiting=5000, wait_timeout=10_000))
        first, mail = message(), message(parameters={"REQUIRETLS": None})
        self.start(pool.send(self.target(), first, first.envelope.recipients))
        waiting = [
            Deferred.fromCoroutine(pool.send(self.target(), mail, mail.envelope.recipients))
            for _ in range(2000)
        ]
        self.clock.advance(600)
        settle(self.clock)
        codes = {self.codes(self.successResultOf(each))[0] for each in waiting}
        self.assertEqual(codes, {"5.7.30"})


class TwiceTests(ClientCase):
    """Nobody gets a message twice without need."""

    def test_lost_between_transactions(self) -> None:
        """A kept connection that dies after some got the message was no dead one: only the others are tried again."""
        server = self.serve(
            ["PIPELINING", "LIMITS RCPTMAX=2"], {"MAIL": ["250 OK", "250 OK", DROP, "250 OK"]}
        )
        pool = Pool(self.connector())
        first = message()
        self.run_now(pool.send(self.target(), first, first.envelope.recipients))
        recipients = [Recipient(Address(name, "example.test")) for name in ("a", "b", "c")]
        mail = message(b"a\r\n\r\n", *recipients)
        outcome = self.run_now(pool.send(self.target(), mail, recipients))
        self.assertFalse(outcome.untouched)
        self.assertEqual(
            [got.rcpts for got in server.messages[1:]], [["<a@example.test>", "<b@example.test>"]]
        )
        self.assertEqual(self.codes(outcome), ["2.0.0", "2.0.0", "4.4.2"])
