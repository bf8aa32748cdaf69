"""Tests of `mailframe.pop3.server`, `mailframe.pop3.session` and `mailframe.pop3.maildrop`."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import Duration, Size
from mailframe.message.status import UNAVAILABLE, MailframeError
from mailframe.pop3.settings import POP3Settings
from mailframe.store.values import INBOX, SEEN, Item
from mailframe.testing.transports import MemoryTransport

from .fixture import ALICE, fill, make_factory, now

SETTINGS = POP3Settings(require_tls_for_auth=False)
LARGE = b"Subject: large\r\n\r\n" + b".0123456789abcde\r\n" * 60_000


class Client:
    """Speaks to a server, line by line."""

    def __init__(self, factory, **transport):
        self.protocol = factory.buildProtocol(None)
        self.transport = MemoryTransport(**transport)
        self.protocol.makeConnection(self.transport)

    def say(self, line):
        self.protocol.dataReceived(line.encode() + b"\r\n")
        return self.hear()

    def hear(self):
        return self.transport.take().decode("latin-1")

    def log_in(self):
        self.hear()
        self.say(f"USER {ALICE}")
        return self.say("PASS secret word")

    def lose(self):
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionDone()))


class ServerTests(SynchronousTestCase):
    """The server on connections."""

    def setUp(self):
        self.clock = Clock()

    def make(self, messages=(b"Subject: x\r\n\r\nx\r\n",), tls=False, **settings):
        self.factory = make_factory(self.clock, attrs.evolve(SETTINGS, **settings), tls, messages)
        return self.factory

    def mailbox(self):
        return now(now(self.factory.store.account(ALICE)).open(INBOX))

    def flags(self):
        mailbox = self.mailbox()
        found = now(mailbox.fetch(now(mailbox.snapshot()).uids, Item.FLAGS))
        return [message.flags for message in found]

    def logged(self):
        events = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        return events

    def test_interface(self):
        """The factory is one."""
        self.assertTrue(verifyObject(IProtocolFactory, self.make()))
        self.factory.doStart()
        self.factory.doStop()

    def test_large_message(self):
        """A large message comes whole, window by window, and no faster than the client reads."""
        client = Client(self.make([LARGE], window=Size(65536)), buffer_limit=1000)
        client.log_in()
        received, rounds = client.say("RETR 1"), 0
        while not received.endswith("\r\n.\r\n"):
            more = client.hear()
            self.assertLess(len(more), 80_000)
            received += more
            rounds += 1
            self.assertLess(rounds, 100)
        self.assertGreater(rounds, 5)
        head, _, body = received.partition("\r\n")
        self.assertEqual(head, f"+OK {len(LARGE)} octets")
        plain = body[: -len(".\r\n")].replace("\r\n.", "\r\n")
        self.assertEqual(plain.encode("latin-1"), LARGE)

    def test_large_top(self):
        """TOP reads little for a header, and a large part of a message in windows that grow."""
        client = Client(self.make([LARGE], window=Size(65536)))
        lengths = []
        mailbox = type(self.mailbox())
        read = mailbox.read

        async def noting(this, spans):
            lengths.extend(span.length for span in spans)
            return await read(this, spans)

        self.patch(mailbox, "read", noting)
        client.log_in()
        client.say("TOP 1 0")
        self.assertEqual(lengths, [16384])
        lengths.clear()
        received = client.say("TOP 1 50000")
        self.assertEqual(lengths[:4], [16384, 32768, 65536, 65536])
        body = received.partition("\r\n")[2][: -len(".\r\n")].replace("\r\n.", "\r\n").encode("latin-1")
        self.assertEqual(body, LARGE[: len(body)])
        self.assertEqual(body.count(b"\r\n"), 50_002)

    def test_mailbox_in_many_windows(self):
        """Two thousand messages are listed, and their sizes are right."""
        client = Client(self.make([b"Subject: %d\r\n\r\n" % number for number in range(2500)]))
        self.assertIn("2500 messages", client.log_in())
        lines = client.say("LIST").split("\r\n")
        self.assertEqual(len(lines), 2500 + 3)
        self.assertEqual(lines[2500], f"2500 {len(b'Subject: 2499') + 4}")

    def test_gone_in_the_middle(self):
        """When a message goes while it is sent, the connection is cut: the client must not take it for whole."""
        client = Client(self.make([LARGE], window=Size(65536)), buffer_limit=1000)
        client.log_in()
        client.say("RETR 1")
        mailbox = self.mailbox()
        now(mailbox.remove(now(mailbox.snapshot()).uids))
        heard = client.hear() + client.hear()
        self.assertNotIn("\r\n.\r\n", heard)
        self.assertNotIn("-ERR", heard)
        self.assertTrue(client.transport.disconnected)

    def test_silent_in_the_middle(self):
        """A client that stops reading is cut off without a word into its message."""
        client = Client(self.make([LARGE], window=Size(65536)), buffer_limit=1000)
        client.log_in()
        client.protocol.dataReceived(b"RETR 1\r\n")
        self.clock.advance(601)
        self.assertTrue(client.transport.disconnecting)
        heard = client.hear()
        self.assertTrue(heard.startswith("+OK"))
        self.assertNotIn("-ERR", heard)

    def test_seen(self):
        """What was retrieved is seen, after QUIT; what only was looked at is not."""
        client = Client(self.make([b"a: 1\r\n", b"b: 2\r\n"]))
        client.log_in()
        client.say("RETR 1")
        client.say("TOP 2 0")
        self.assertEqual(self.flags(), [frozenset(), frozenset()])
        client.say("QUIT")
        self.assertEqual(self.flags(), [{SEEN}, frozenset()])

    def test_not_seen(self):
        """Marking can be turned off."""
        client = Client(self.make(mark_seen=False))
        client.log_in()
        client.say("RETR 1")
        client.say("QUIT")
        self.assertEqual(self.flags(), [frozenset()])

    def test_recent_is_left(self):
        """A POP3 session does not take away what is recent for IMAP."""
        client = Client(self.make())
        client.log_in()
        client.say("QUIT")
        self.assertEqual(len(now(self.mailbox().snapshot()).recent), 1)

    def test_new_mail_waits(self):
        """Mail that comes during a session is in the next one."""
        client = Client(self.make())
        client.log_in()
        fill(self.factory.store, b"Subject: new\r\n")
        self.assertTrue(client.say("STAT").startswith("+OK 1 "))
        self.assertIn("2 messages", Client(self.factory).log_in())

    def test_store_away(self):
        """When the store cannot be read, that is temporary, and the client may try again."""
        factory = self.make()
        account = factory.store.account

        async def refuse(name):
            raise MailframeError(UNAVAILABLE)

        factory.store.account = refuse
        client = Client(factory)
        self.assertTrue(client.log_in().startswith("-ERR [SYS/TEMP]"))
        factory.store.account = account
        self.assertTrue(client.log_in().startswith("+OK 1 "))

    def test_unknown_fault(self):
        """A fault nobody thought of is temporary and tells nothing."""
        factory = self.make()

        async def fail(name):
            raise ZeroDivisionError("a secret")

        factory.store.account = fail
        reply = Client(factory).log_in()
        self.assertTrue(reply.startswith("-ERR [SYS/TEMP]"))
        self.assertNotIn("secret", reply)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_update_fails(self):
        """When the messages cannot be removed the client is told, whatever the fault, and the session ends."""
        for error, logged in ((MailframeError(UNAVAILABLE), 0), (ZeroDivisionError(), 1)):
            client = Client(self.make())
            client.log_in()
            client.say("DELE 1")

            async def fail(uids, error=error):
                raise error

            from mailframe.store.memory.mailbox import MemoryMailbox

            self.patch(MemoryMailbox, "remove", lambda mailbox, uids, fail=fail: fail(uids))
            self.assertEqual(
                client.say("QUIT"), "-ERR [SYS/TEMP] Some messages marked deleted were not removed\r\n"
            )
            self.assertTrue(client.transport.disconnecting)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), logged)

    def hold_back(self):
        """Make removing messages wait; the Deferred lets it go on."""
        mailbox, gate = type(self.mailbox()), Deferred()
        remove = mailbox.remove

        async def later(this, uids):
            await gate
            return await remove(this, uids)

        self.patch(mailbox, "remove", later)
        return gate

    def test_hung_up_behind_quit(self):
        """A client that hangs up right behind QUIT has its messages removed all the same, and nothing stays open."""
        client = Client(self.make([b"a\r\n", b"b\r\n"]))
        client.log_in()
        gate = self.hold_back()
        client.say("RETR 2")
        self.assertEqual(client.say("DELE 1\r\nQUIT"), "+OK Marked deleted\r\n")
        client.lose()
        self.assertEqual(len(self.flags()), 2)
        gate.callback(None)
        self.assertEqual(self.flags(), [frozenset({SEEN})])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_update_takes_too_long(self):
        """A client waits for the removal some minutes, and is then told that it is not done."""
        client = Client(self.make())
        client.log_in()
        gate = self.hold_back()
        self.assertEqual(client.say("DELE 1\r\nQUIT"), "+OK Marked deleted\r\n")
        self.clock.advance(301)
        self.assertTrue(client.hear().startswith("-ERR [SYS/TEMP]"))
        gate.callback(None)
        self.assertEqual(self.flags(), [])

    def test_forgotten_under_tls(self):
        """A name said in clear counts no more under TLS (RFC 2595 section 4)."""
        client = Client(self.make(tls=True))
        client.hear()
        self.assertTrue(client.say(f"USER {ALICE}").startswith("+OK"))
        self.assertTrue(client.say("STLS").startswith("+OK"))
        self.assertEqual(client.say("PASS secret word"), "-ERR USER comes before PASS\r\n")

    def test_service_ends(self):
        """When the service goes down, who has not logged in is told so; an open maildrop is left to its QUIT."""
        client = Client(self.make())
        client.log_in()
        self.assertFalse(client.protocol.finish())
        self.assertEqual(client.say("DELE 1\r\nQUIT"), "+OK Marked deleted\r\n+OK Bye\r\n")
        stranger = Client(self.factory)
        stranger.hear()
        self.assertTrue(stranger.protocol.finish())
        self.assertEqual(stranger.hear(), "-ERR [SYS/TEMP] The service goes down; try again later\r\n")
        self.assertTrue(stranger.transport.disconnecting)

    def test_lost_during_login(self):
        """A connection that is lost while the password is checked holds nothing afterwards."""
        factory = self.make(connections_limit_per_account=1)
        waiting = Deferred()
        authenticate = factory.authenticator.authenticate

        async def slow(credentials):
            await waiting
            return await authenticate(credentials)

        factory.authenticator.authenticate = slow
        client = Client(factory)
        self.assertEqual(client.log_in(), "")
        client.lose()
        factory.authenticator.authenticate = authenticate
        self.assertTrue(Client(factory).log_in().startswith("+OK"))

    def test_pace(self):
        """Who sends commands too fast is answered later."""
        client = Client(self.make(commands_per_second=50))
        client.log_in()
        said = client.say("\r\n".join(["NOOP"] * 700))
        self.clock.pump([0] * 5)
        at_once = (said + client.hear()).count("+OK")
        self.assertTrue(480 <= at_once <= 500, at_once)
        self.clock.pump([0.1] * 50)
        self.assertEqual(client.hear().count("+OK"), 700 - at_once)

    def test_too_many_connections(self):
        """One network cannot take all connections; who is turned away may come again."""
        factory = self.make(connections_limit_per_network=1)
        first, second = Client(factory), Client(factory)
        self.assertTrue(second.hear().startswith("-ERR [SYS/TEMP] Too many connections"))
        self.assertTrue(second.transport.disconnecting)
        second.lose()
        first.lose()
        self.assertTrue(Client(factory).hear().startswith("+OK"))

    def test_too_many_logins(self):
        """One account has so many sessions at a time."""
        factory = self.make(connections_limit_per_account=1)
        first, second = Client(factory), Client(factory)
        first.log_in()
        self.assertTrue(second.log_in().startswith("-ERR [SYS/TEMP] Too many"))
        first.lose()
        self.assertTrue(second.log_in().startswith("+OK"))

    def test_directory_away(self):
        """When the password cannot be checked, the client need not ask for another one."""
        client = Client(self.make(login_failures_limit=1))
        self.factory.authenticator.error = MailframeError(UNAVAILABLE)
        for _ in range(3):
            self.assertTrue(client.log_in().startswith("-ERR [SYS/TEMP]"))

    def test_spoken_before_tls(self):
        """What was sent in clear behind STLS is refused, and the connection ends."""
        client = Client(self.make(tls=True))
        client.hear()
        client.protocol.dataReceived(b"STLS\r\nUSER alice@example.test\r\n")
        self.assertTrue(client.hear().startswith("-ERR"))
        self.assertEqual(client.transport.tls_started, 0)
        self.assertTrue(client.transport.disconnecting)

    def test_no_certificates_now(self):
        """When the certificates cannot be had, the session goes on in clear."""
        client = Client(self.make(tls=True))
        client.hear()
        self.factory.tls.error = ValueError("no such file")
        self.assertEqual(client.say("STLS"), "-ERR [SYS/TEMP] TLS is not available right now\r\n")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertTrue(client.log_in().startswith("+OK"))

    def test_loopback(self):
        """Clients on this machine may log in without TLS where that is allowed."""
        from twisted.internet.address import IPv4Address

        factory = self.make(require_tls_for_auth=True, clear_auth_from_loopback=True)
        here = Client(factory, peer=IPv4Address("TCP", "127.0.0.1", 5))
        self.assertTrue(here.log_in().startswith("+OK"))
        self.assertTrue(Client(factory).log_in().startswith("-ERR"))

    def test_log_line(self):
        """A session is one line in the log, with what it did and without secrets."""
        client = Client(self.make())
        events = self.logged()
        client.log_in()
        client.say("RETR 1")
        client.say("DELE 1")
        client.say("QUIT")
        self.clock.advance(2.5)
        client.lose()
        (event,) = [event for event in events if "delay" in event]
        self.assertEqual((event["login"], event["account"], event["mailbox"]), (ALICE, ALICE, "INBOX"))
        self.assertEqual((event["messages"], event["removed"], event["delay"]), (1, 1, 2.5))
        self.assertEqual((event["size"], event["peer"]), (len(b"Subject: x\r\n\r\nx\r\n"), "192.0.2.1"))
        self.assertNotIn("secret", repr(events))

    def test_settings(self):
        """The shortest autologout is what the RFC has."""
        self.assertRaises(ValueError, POP3Settings, autologout=Duration(599.0))
