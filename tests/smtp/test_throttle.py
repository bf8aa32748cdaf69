"""How clients that ask for too much are slowed down, put off and sent away."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.limits.memory import MemoryTallies
from mailframe.limits.roster import Roster
from mailframe.limits.shared import SharedTallies
from mailframe.limits.table import Table
from mailframe.message.status import NO_SUCH_MAILBOX, UNAVAILABLE
from mailframe.smtp import throttle
from mailframe.smtp.metrics import METRICS
from mailframe.smtp.server import SMTPServerFactory
from mailframe.smtp.settings import SMTPSettings
from mailframe.testing.smtp import Client, FixedAuthenticator, FixedRouter, RecordingDelivery, fake_reception

ANSWERS = {"bob@example.test": None, "later@example.test": UNAVAILABLE}


class ThrottleCase(SynchronousTestCase):
    """Listeners that share their tallies."""

    def setUp(self) -> None:
        """Nobody did anything yet."""
        self.clock = Clock()
        self.clock.advance(1_000_000_080)
        self.tallies: Any = MemoryTallies(self.clock)
        self.log = mock.Mock()
        self.patch(throttle, "log", self.log)

    def client(self, peer: str = "192.0.2.1", tallies: Any = None, **settings: Any) -> Client:
        """A client that has greeted."""
        reception = fake_reception(RecordingDelivery(), FixedRouter(dict(ANSWERS), NO_SUCH_MAILBOX))
        if settings.pop("logins", False):
            reception.authenticator = FixedAuthenticator({"alice": "secret"})
            settings["require_tls_for_auth"] = False
        factory = SMTPServerFactory(
            reception, SMTPSettings(**settings), self.clock, tallies=tallies or self.tallies
        )
        client = Client(factory, self.clock, peer)
        client.say("LHLO x" if settings.get("protocol") == "lmtp" else "EHLO x")
        return client


class CommandsTests(ThrottleCase):
    """Commands in one connection."""

    def test_commands(self) -> None:
        """A connection may give so many commands, and ends at the next."""
        client = self.client(commands_limit=3)
        self.assertEqual(["250 2.0.0 OK"] * 2, client.say("NOOP", "NOOP"))
        self.assertEqual(["421 4.7.0 Too many commands in one connection"], client.say("NOOP", "NOOP"))
        self.assertTrue(client.closed)

    def test_idle_commands(self) -> None:
        """Who only says NOOP, RSET and the like is sent away; mail makes it good."""
        client = self.client(idle_commands_limit=4)
        self.assertEqual(4, len(client.say("NOOP", "RSET", "VRFY bob", "HELP")))
        self.assertEqual("250", client.message(b"x\r\n", "bob@example.test", hello="")[-1][:3])
        self.assertEqual(4, len(client.say("NOOP", "NOOP", "NOOP", "NOOP")))
        self.assertEqual(["421 4.7.0 Too many commands without mail"], client.say("NOOP"))
        self.assertTrue(client.closed)

    def test_greetings(self) -> None:
        """A client that greets again and again is as idle as one that says NOOP."""
        client = self.client(idle_commands_limit=4)
        self.assertEqual(["250"] * 4, [client.say("EHLO x", "MAIL FROM:<>")[-1][:3] for _ in range(4)])
        self.assertEqual(["421 4.7.0 Too many commands without mail"], client.say("EHLO x"))

    def test_empty_chunks(self) -> None:
        """A flood of chunks without an octet ends the connection; chunks with octets are mail."""
        client = self.client(idle_commands_limit=4)
        client.say("MAIL FROM:<>", "RCPT TO:<bob@example.test>")
        lines = client.send(b"BDAT 1\r\nx" * 50 + b"BDAT 0\r\n" * 9)
        self.assertEqual(["250 2.0.0 1 octets received"] * 50, lines[:50])
        self.assertEqual(["250 2.0.0 0 octets received"] * 4, lines[50:54])
        self.assertEqual(["421 4.7.0 Too many commands without mail"], lines[54:])
        self.assertTrue(client.closed)
        client = self.client(commands_limit=3)
        lines = client.send(b"BDAT 1\r\nx" * 9)
        self.assertEqual(["503", "503", "421"], [line[:3] for line in lines])

    def test_recipients_beyond_the_limit(self) -> None:
        """Recipients beyond what a message may have are put off, not held against the client, unless it goes on and on."""
        client = self.client(recipients_limit=3, errors_limit=2, tarpit_after=0)
        client.say("MAIL FROM:<>")
        codes = [line[:3] for line in client.say(*["RCPT TO:<bob@example.test>"] * 9)]
        self.assertEqual(["250"] * 3 + ["452"] * 4 + ["421"], codes)
        self.assertTrue(client.closed)

    def test_our_own_troubles(self) -> None:
        """Answers that put a client off for our own sake are not held back."""
        client = self.client(tarpit_after=2, errors_limit=9)
        client.say("MAIL FROM:<>")
        self.assertEqual(
            ["451"] * 5, [line[:3] for line in client.say(*["RCPT TO:<later@example.test>"] * 5)]
        )
        self.assertEqual([], client.say("RCPT TO:<no@example.test>"))

    def test_not_for_ever(self) -> None:
        """A client that says NOOP every five minutes does not hold a connection for ever."""
        client = self.client()
        for _ in range(400):
            self.clock.advance(299)
            client.say("NOOP")
            if client.closed:
                break
        self.assertTrue(client.closed)

    def test_exchangers(self) -> None:
        """Our own exchangers may go on."""
        client = self.client(protocol="lmtp", idle_commands_limit=2, tarpit_after=1, errors_limit=1000)
        self.assertEqual(["250 2.0.0 OK"] * 9, client.say(*["NOOP"] * 9))
        self.assertEqual(9, len(client.say(*["WRONG"] * 9)))


class AmountTests(ThrottleCase):
    """Messages and recipients of a network in an hour."""

    def begin(self, client: Client) -> str:
        """Begin a transaction and give it up."""
        reply = client.say("MAIL FROM:<a@example.test>")[0]
        client.say("RSET")
        return reply

    def test_messages(self) -> None:
        """A network has so many messages an hour; another network is not concerned."""
        client, other = (self.client(peer, messages_per_hour=2) for peer in ("192.0.2.1", "192.0.2.2"))
        self.assertEqual(["250", "250", "450"], [self.begin(client)[:3] for _ in range(3)])
        self.assertEqual("450 4.7.1 Too many messages from your network; try again later", self.begin(client))
        self.assertEqual("250 2.1.0 Sender OK", self.begin(other))
        self.clock.advance(4400)
        again = self.client(messages_per_hour=2)
        self.assertEqual("250 2.1.0 Sender OK", self.begin(again))

    def test_prefix(self) -> None:
        """What a network is, can be configured."""
        one, two = (
            self.client(peer, messages_per_hour=1, ipv4_prefix=24) for peer in ("192.0.2.1", "192.0.2.2")
        )
        self.assertEqual(["250", "450"], [self.begin(client)[:3] for client in (one, two)])

    def test_exempt(self) -> None:
        """Exempt networks, and clients on this machine, have no limit."""
        for peer in ("198.51.100.9", "127.0.0.1"):
            client = self.client(
                peer, messages_per_hour=1, exempt_networks=("198.51.100.0/24", "127.0.0.0/8")
            )
            self.assertEqual(["250"] * 3, [self.begin(client)[:3] for _ in range(3)])

    def test_logged_in(self) -> None:
        """Users are limited by policy, not by where they are."""
        client = self.client(messages_per_hour=1, logins=True)
        client.say("AUTH PLAIN AGFsaWNlAHNlY3JldA==")
        self.assertEqual(["250"] * 3, [self.begin(client)[:3] for _ in range(3)])

    def test_recipients(self) -> None:
        """A network names so many recipients an hour, in whatever connections."""
        for _ in range(2):
            client = self.client(recipients_per_hour=4)
            client.say("MAIL FROM:<a@example.test>")
            client.say(*["RCPT TO:<bob@example.test>"] * 2)
        self.assertEqual(
            ["450 4.7.1 Too many recipients from your network; try again later"],
            client.say("RCPT TO:<bob@example.test>"),
        )
        self.assertEqual("354", client.say("DATA")[0][:3], "what was accepted may still be sent")

    def test_workers(self) -> None:
        """The hourly limit is one for all workers."""
        roster = Roster(2, entries=64)
        self.addCleanup(roster.close)
        places = [roster.move_in(), roster.move_in()]
        clients = [
            self.client(
                tallies=SharedTallies(Table(roster.descriptor), place or 0, self.clock), messages_per_hour=3
            )
            for place in places
        ]
        self.assertEqual(["250", "250", "250", "450"], [self.begin(client)[:3] for client in clients * 2])

    def test_connections(self) -> None:
        """A network may begin so many connections a minute."""
        for expected in ("220", "220", "421"):
            reception = fake_reception()
            settings = SMTPSettings(connections_per_minute=2)
            factory = SMTPServerFactory(reception, settings, self.clock, tallies=self.tallies)
            client = Client(factory, self.clock)
            self.assertEqual(expected, client.greeting[0][:3])
            client.lose()


class GuessingTests(ThrottleCase):
    """Addresses that do not exist."""

    def guess(self, client: Client, count: int, name: str = "nobody") -> list[str]:
        """Name so many recipients in one transaction; the codes."""
        client.say("MAIL FROM:<a@example.test>")
        return [client.say(f"RCPT TO:<{name}@example.test>")[0][:9] for _ in range(count)]

    def test_connection(self) -> None:
        """After so many refused recipients the connection ends."""
        client = self.client(refused_recipients_limit=3, tarpit_after=0)
        self.assertEqual(["550 5.1.1"] * 3 + ["421 4.7.0"], self.guess(client, 4))
        self.assertTrue(client.closed)

    def test_network(self) -> None:
        """A network that guessed too much is told nothing more, of existing addresses neither."""
        for _ in range(2):
            client = self.client(refused_recipients_per_hour=4, tarpit_after=0)
            self.assertEqual(["550 5.1.1"] * 2, self.guess(client, 2))
            client.lose()
        client = self.client(refused_recipients_per_hour=4)
        self.assertEqual(["450 4.7.1"] * 2, self.guess(client, 1) + self.guess(client, 1, "bob")[-1:])

    def test_our_fault(self) -> None:
        """Recipients that are refused for now are no guesses."""
        client = self.client(refused_recipients_limit=1, refused_recipients_per_hour=1, tarpit_after=0)
        self.assertEqual(["451 4.3.2"] * 5, self.guess(client, 5, "later"))


class TarpitTests(ThrottleCase):
    """Errors that are answered later and later."""

    def test_growth(self) -> None:
        """After some errors each is answered later than the one before, up to a bound, and the last ends it."""
        client = self.client(tarpit_after=2, tarpit_longest=2.5, errors_limit=6)
        self.assertEqual(2, len(client.say("WRONG", "MAIL")))
        waits = []
        while not client.closed:
            client.say("WRONG")
            begun = self.clock.seconds()
            while not (replies := client.replies()):
                self.clock.advance(0.5)
            waits.append(self.clock.seconds() - begun)
        self.assertEqual([1.0, 2.0, 2.5, 2.5], waits)
        self.assertEqual(["421 4.7.0 Too many errors"], replies)

    def test_pipelined(self) -> None:
        """Replies keep their order, and what follows a late reply waits for it."""
        client = self.client(tarpit_after=1)
        self.assertEqual(["500"], [line[:3] for line in client.say("WRONG", "WRONG", "NOOP")])
        self.clock.advance(1.0)
        self.assertEqual(["500", "250"], [line[:3] for line in client.replies()])

    def test_mail_ends_it(self) -> None:
        """A message that is taken makes up for the errors before it."""
        client = self.client(tarpit_after=2)
        client.say("WRONG", "WRONG")
        self.assertEqual("250", client.message(b"x\r\n", "bob@example.test", hello="")[0][:3])
        self.assertEqual(2, len(client.say("WRONG", "WRONG")))

    def test_gone_meanwhile(self) -> None:
        """A client that hangs up while it waits leaves nothing behind."""
        client = self.client(tarpit_after=1)
        client.say("WRONG", "WRONG")
        client.lose()
        self.assertEqual([], [call for call in self.clock.getDelayedCalls() if call.active()])
        self.assertEqual(0, self.tallies.count("smtp.connections.network", "192.0.2.1/32"))

    def test_exempt(self) -> None:
        """Nobody waits in an exempt network."""
        client = self.client("127.0.0.1", tarpit_after=1)
        self.assertEqual(9, len(client.say(*["WRONG"] * 9)))

    def test_bounded(self) -> None:
        """While a client waits, what it sends on is not read without end."""
        client = self.client(tarpit_after=1)
        client.say("WRONG", "WRONG")
        for _ in range(10):
            client.send(b"WRONG\r\n" * 10_000)
        self.assertEqual("paused", client.transport.producerState)

    def test_seen(self) -> None:
        """Each limit that a client reaches is counted each time, and logged once a connection."""
        limited = METRICS["smtp"].limited["tarpit"]
        before = limited._value.get()
        client = self.client(tarpit_after=1)
        for _ in range(4):
            client.say("WRONG")
            self.clock.advance(10)
        self.assertEqual(3, limited._value.get() - before)
        self.log.warn.assert_called_once()
        self.assertEqual("tarpit", self.log.warn.call_args.kwargs["limit"])

    @given(
        st.lists(
            st.sampled_from(["NOOP", "WRONG", "MAIL FROM:<a@b.test>", "RCPT TO:<x@b.test>", "RSET"]),
            max_size=30,
        ),
        st.integers(1, 5),
        st.integers(0, 4),
    )
    def test_any_dialogue(self, lines: list[str], after: int, idle: int) -> None:
        """Whatever is pipelined in whatever order, each command gets its reply in the end, or the last is 421."""
        client = self.client(tarpit_after=after, idle_commands_limit=idle, refused_recipients_limit=3)
        replies = client.say(*lines)
        for _ in range(40):
            self.clock.advance(10)
            replies += client.replies()
        if client.closed:
            self.assertEqual("421", replies[-1][:3])
        else:
            self.assertEqual(len(lines), len(replies))
        client.lose()
