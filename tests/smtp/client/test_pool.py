"""Connections that are kept, and who waits for one."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mailframe.message.envelope import Recipient
from mailframe.message.status import MailframeError
from mailframe.smtp.client.outcome import Outcome
from mailframe.smtp.client.pool import Pool
from mailframe.testing.smtp_server import DROP, SILENCE, Delayed
from mailframe.testing.wires import settle

from .harness import ALICE, BOB, CAROL, MESSAGE, ClientCase, message


class PoolTests(ClientCase):
    """One pool, one server."""

    def pool(self, **settings: Any) -> Pool:
        """A pool."""
        self.made = Pool(self.connector(**settings))
        return self.made

    def go(self, **options: Any) -> Deferred[Outcome]:
        """Begin to send one message."""
        mail = message()
        return self.start(self.made.send(self.target(), mail, mail.envelope.recipients, **options))

    def test_kept(self) -> None:
        """Messages one after another share a connection, which ends after some time without any."""
        server = self.serve()
        self.pool(idle_time=20)
        for _ in range(3):
            self.assertEqual(self.codes(self.successResultOf(self.go())), ["2.0.0"])
            self.clock.advance(19)
        self.assertEqual((len(server.sessions), self.made.idle), (1, 1))
        self.clock.advance(1)
        settle(self.clock)
        self.assertEqual((self.made.idle, server.verbs()[-1]), (0, "QUIT"))
        self.successResultOf(self.go())
        self.assertEqual(len(server.sessions), 2)

    def test_not_kept(self) -> None:
        """A connection has only so many messages, ours or the server's number."""
        for keywords, settings in (((), {"messages_per_connection": 2}), (("LIMITS MAILMAX=2",), {})):
            server = self.serve(keywords)
            self.pool(**settings)
            for _ in range(4):
                self.successResultOf(self.go())
            self.assertEqual(len(server.sessions), 2)
            self.assertEqual(server.verbs().count("QUIT"), 2)

    def test_ended_while_idle(self) -> None:
        """A connection that the server ended while it was idle is not used."""
        server = self.serve()
        self.pool()
        self.successResultOf(self.go())
        server.sessions[0].transport.loseConnection()
        settle(self.clock)
        self.assertEqual(self.made.idle, 0)
        self.assertEqual(self.codes(self.successResultOf(self.go())), ["2.0.0"])

    def test_dead(self) -> None:
        """One that turns out to be dead is replaced at once, and nobody counts that as a failure."""
        for answer in (DROP, "421 4.4.2 Idle too long"):
            server = self.serve(answers={"MAIL": ["250 OK", answer, "250 OK"]})
            self.pool()
            self.successResultOf(self.go())
            self.assertEqual(self.codes(self.successResultOf(self.go())), ["2.0.0"])
            self.assertEqual(len(server.sessions), 2)

    def test_all_dead(self) -> None:
        """Where one was dead, the others that were kept are not tried."""
        server = self.serve(answers={"END": Delayed(1, "250 OK")})
        self.pool()
        both = [self.go(), self.go()]
        self.clock.advance(1)
        settle(self.clock)
        for each in both:
            self.successResultOf(each)
        self.assertEqual(self.made.idle, 2)
        server.script({"MAIL": [DROP, "250 OK"], "END": "250 OK"})
        self.successResultOf(self.go())
        self.assertEqual((len(server.sessions), self.made.idle), (3, 1))
        self.assertEqual(server.verbs().count("QUIT"), 1)

    def test_dead_at_once(self) -> None:
        """A fresh connection that dies is a failure."""
        server = self.serve(answers={"MAIL": DROP})
        self.pool()
        outcome = self.successResultOf(self.go())
        self.assertEqual((self.codes(outcome), outcome.untouched), (["4.4.2"], True))
        self.assertEqual(len(server.sessions), 1)

    def test_dead_in_the_middle(self) -> None:
        """One that answered something of the message is no idle connection: there is no second try."""
        server = self.serve((), {"RCPT": ["250 OK", DROP]})
        self.pool()
        self.successResultOf(self.go())
        self.assertEqual(self.codes(self.successResultOf(self.go())), ["4.4.2"])
        self.assertEqual(len(server.sessions), 1)

    def test_most(self) -> None:
        """So many connections at most; who comes later waits, first come first served."""
        server = self.serve(answers={"END": SILENCE})
        self.pool(connections=2, wait_timeout=10_000)
        first = [self.go() for _ in range(2)]
        server.script({"END": "250 2.0.0 OK"})
        later = [self.go() for _ in range(3)]
        self.assertEqual(len(server.sessions), 2)
        for each in [*first, *later]:
            self.assertNoResult(each)
        order: list[int] = []
        for number, each in enumerate(later):
            each.addCallback(lambda result, number=number: order.append(number) or result)  # type: ignore[misc]
        self.clock.advance(600)
        settle(self.clock)
        for each in first:
            self.assertEqual(self.codes(self.successResultOf(each)), ["4.4.2"])
        self.assertEqual(order, [0, 1, 2])
        for each in later:
            self.assertEqual(self.codes(self.successResultOf(each)), ["2.0.0"])
        self.assertLessEqual(len(server.sessions), 4)

    def test_waiting(self) -> None:
        """Only so many wait, and only so long; all that is temporary."""
        self.serve(answers={"END": SILENCE})
        self.pool(connections=1, waiting=1, wait_timeout=60)
        self.go()
        second = self.go()
        self.assertTrue(self.failureResultOf(self.go(), MailframeError).value.status.temporary)  # type: ignore[attr-defined]
        self.clock.advance(60)
        self.failureResultOf(second, MailframeError)
        third = self.go()
        third.cancel()
        self.failureResultOf(third)
        self.assertNoResult(self.go())

    def test_no_session(self) -> None:
        """Without a session there is an error, and the next one may try."""
        self.serve()
        self.endpoint.server = None
        self.pool(connections=1)
        for _ in range(3):
            self.failureResultOf(self.go(), MailframeError)
        self.assertEqual(self.made._lanes, {})

    def test_rest_on_another_connection(self) -> None:
        """Recipients beyond a connection's messages go over another one."""
        server = self.serve(["LIMITS RCPTMAX=1 MAILMAX=2"])
        self.pool()
        mail = message(MESSAGE, Recipient(ALICE), Recipient(BOB), Recipient(CAROL))
        outcome = self.run_now(self.made.send(self.target(), mail, mail.envelope.recipients))
        self.assertEqual(self.codes(outcome), ["2.0.0"] * 3)
        self.assertEqual(len(server.sessions), 2)
        self.assertEqual([each.recipient.forward_path for each in outcome.recipients], [ALICE, BOB, CAROL])

    def test_closed(self) -> None:
        """At the end kept connections end, and nobody gets one any more."""
        server = self.serve()
        self.pool()
        self.successResultOf(self.go())
        self.run_now(self.made.close())
        settle(self.clock)
        self.assertEqual(server.verbs()[-1], "QUIT")
        self.failureResultOf(self.go(), MailframeError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
