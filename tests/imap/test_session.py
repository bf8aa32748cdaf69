"""The session around the commands: faults, bounds, ends, and its line in the log."""

from __future__ import annotations

import re

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.dialogue.interfaces import IConversation, IFarewell
from mailframe.imap.session import Session
from mailframe.imap.states import Surroundings
from mailframe.limits.connections import ConnectionLimits
from mailframe.limits.memory import MemoryTallies
from mailframe.message.status import CANNOT_LOOK_UP, UNAVAILABLE, MailframeError
from mailframe.testing.directory import FakeAuthenticator
from mailframe.testing.imap import CLEAR, Client, factory

from .interposed import failing, interposed
from .mail import ALICE, PASSWORDS, SessionCase, store_with
from .strategies import cuts, garbage

PIPELINE = (
    b"a LOGIN alice@example.test {6+}\r\nsecret\r\nb SELECT INBOX\r\nc FETCH 1:2 (UID FLAGS)\r\n"
    b"d STORE 1 +FLAGS.SILENT (\\Deleted)\r\ne UID SEARCH SUBJECT {5}\r\nplain\r\nf IDLE\r\nDONE\r\n"
    b"g APPEND INBOX (\\Seen) {9}\r\nSubject:x\r\nh EXPUNGE\r\ni FETCH 1:* BODY[]\r\nj NONSENSE\r\nk LOGOUT\r\n"
)


def without_ids(octets):
    """What was said, without what differs from server to server."""
    return re.sub(rb"MAILBOXID \(\w+\)", b"MAILBOXID", octets)


def server(mail="plain plain"):
    return factory(store_with(mail), PASSWORDS, CLEAR, Clock())


class ConversationTests(SynchronousTestCase):
    """A session on its connection."""

    def test_interfaces(self):
        """A session is a conversation that can say goodbye."""
        limits = ConnectionLimits(MemoryTallies(Clock()), "imap", 1, 1, 1)
        session = Session(Surroundings(store_with(), FakeAuthenticator({}), CLEAR, Clock(), limits))
        verifyObject(IConversation, session)
        verifyObject(IFarewell, session)

    @given(st.data())
    def test_pipelining(self, data):
        """However commands arrive in segments, the answers are the same and in order."""
        client = Client(server().buildProtocol(None))
        client.send(PIPELINE)
        wanted = without_ids(client.transport.take())
        self.assertIn(b"k OK LOGOUT completed", wanted)
        client = Client(server().buildProtocol(None))
        for piece in data.draw(cuts(PIPELINE)):
            client.send(piece)
        self.assertEqual(without_ids(client.transport.take()), wanted)

    @given(garbage(), st.booleans())
    def test_garbage(self, octets, login):
        """Whatever a client sends, it gets answers of IMAP's form and nothing breaks."""
        client = Client(server().buildProtocol(None))
        if login:
            client.say(f"login LOGIN {ALICE} secret", "select SELECT INBOX")
        client.send(octets + b"\r\n")
        client.lose()
        self.assertEqual(self.flushLoggedErrors(), [])


class BrokenCommandsTests(SessionCase):
    """Commands that break the protocol."""

    mail = "plain"
    settings = attrs.evolve(CLEAR, bad_commands_limit=3)

    def test_in_a_row(self):
        """So many in a row end the session."""
        client = self.select()
        self.assertEqual(client.say("a X", "b X", "c NOOP")[-1], b"c OK NOOP completed")
        self.assertEqual(client.say("d X", "e X", "f X")[-1], b"* BYE Too many broken commands")

    def test_now_and_then(self):
        """A client that asks for what is not there now and then stays: sessions last for weeks."""
        client = self.select()
        for _ in range(10):
            self.assertIn(b"a BAD", client.say("a FETCH 7 FLAGS")[0])
            self.assertEqual(client.say("b NOOP"), [b"b OK NOOP completed"])

    def test_strangers(self):
        """Before the login they are counted however many good ones come between."""
        client = self.connect()
        said = client.say("a X", "b NOOP", "c X", "d NOOP", "e X")
        self.assertEqual(said[-1], b"* BYE Too many broken commands")


class FaultTests(SessionCase):
    """What goes wrong here is told without details, and the session goes on."""

    mail = "plain"

    def test_bug(self):
        """An exception nobody foresaw is NO [SERVERBUG]; its text goes to the log only."""
        broken = failing(RuntimeError("private"))
        self.serve(self.settings, interposed(self.store, {"status": broken}, {"search": broken}))
        client = self.select()
        bug = b"a NO [SERVERBUG] Something went wrong here; try again later"
        self.assertEqual(client.say("a STATUS INBOX (MESSAGES)"), [bug])
        self.assertEqual(client.say("a SEARCH ALL", "b NOOP"), [bug, b"b OK NOOP completed"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_store_away(self):
        """What the store cannot do now is NO with its word."""
        away = failing(MailframeError(UNAVAILABLE, "disk 7 is on fire"))
        self.serve(self.settings, interposed(self.store, {"mailboxes": away}, {"changes": away}))
        client = self.select()
        refused = b"a NO [UNAVAILABLE] Not available right now; try again later"
        self.assertEqual(client.say('a LIST "" *'), [refused])
        self.assertEqual(client.say("b NOOP"), [b"b OK NOOP completed"])

    def test_select_fails(self):
        """A mailbox that cannot be opened is closed again, and none is selected."""
        self.serve(self.settings, interposed(self.store, None, {"snapshot": failing(RuntimeError("x"))}))
        client = self.login()
        self.assertIn(b"a NO [SERVERBUG]", client.say("a SELECT INBOX")[0])
        self.assertIn(b"b BAD", client.say("b FETCH 1 FLAGS")[0])
        self.flushLoggedErrors(RuntimeError)

    def test_directory_away(self):
        """A directory that cannot be asked is no wrong password: the client may try again."""
        authenticator = FakeAuthenticator(PASSWORDS)
        authenticator.error = MailframeError(CANNOT_LOOK_UP)
        self.factory._surroundings = attrs_replaced(self.factory._surroundings, authenticator=authenticator)
        client = self.connect()
        for _ in range(5):
            self.assertIn(b"a NO [UNAVAILABLE]", client.say(f"a LOGIN {ALICE} secret")[0])
        authenticator.error = None
        self.assertIn(b"a OK", client.say(f"a LOGIN {ALICE} secret")[0])

    def test_account_away(self):
        """A login whose mailboxes cannot be opened fails, and counts no longer."""
        broken = [RuntimeError("x")]

        class Store:
            async def account(_, name):
                if broken:
                    raise broken.pop()
                return await self.store.account(name)

        self.serve(attrs.evolve(CLEAR, connections_limit_per_account=1), Store())
        client = self.connect()
        self.assertIn(b"a NO [SERVERBUG]", client.say(f"a LOGIN {ALICE} secret")[0])
        self.assertIn(b"a OK", client.say(f"a LOGIN {ALICE} secret")[0])
        self.flushLoggedErrors(RuntimeError)


def attrs_replaced(surroundings, **changes):
    from dataclasses import replace

    return replace(surroundings, **changes)


class LimitTests(SessionCase):
    """One client cannot have more than its share."""

    def test_connections(self):
        """Connections above the limit are greeted with BYE, and room is made by those that end."""
        self.serve(attrs.evolve(CLEAR, connections_limit=1))
        first = self.connect()
        second = Client(self.factory.buildProtocol(None))
        self.assertEqual(second.heard(), [b"* BYE [UNAVAILABLE] Too many connections here; try again later"])
        self.assertTrue(second.transport.disconnecting)
        second.lose()
        first.lose()
        third = Client(self.factory.buildProtocol(None))
        self.assertIn(b"* OK", third.heard()[0])

    def test_pace(self):
        """Who sends commands too fast is answered later: strangers soon, others after ten seconds' worth."""
        self.serve(attrs.evolve(CLEAR, commands_per_second=50))
        client = self.connect()
        self.assertEqual(len(client.say(*["a NOOP"] * 150)), 100)
        self.clock.advance(1)
        self.assertTrue(10 <= len(client.heard()) <= 11)
        client = self.login()
        said = client.say(*["a NOOP"] * 700)
        self.clock.pump([0] * 5)
        at_once = len(said + client.heard())
        self.assertTrue(490 <= at_once <= 500, at_once)
        self.clock.pump([0.1] * 50)
        self.assertEqual(len(client.heard()), 700 - at_once)

    def test_network(self):
        """One network has a limit of its own."""
        self.serve(attrs.evolve(CLEAR, connections_limit_per_network=1))
        self.connect()
        second = Client(self.factory.buildProtocol(None))
        self.assertIn(b"* BYE [LIMIT]", second.heard()[0])

    def test_account(self):
        """One account has a limit of its own."""
        self.serve(attrs.evolve(CLEAR, connections_limit_per_account=1))
        first = self.login()
        second = self.connect()
        refused = b"a NO [LIMIT] Too many connections of this account; close some"
        self.assertEqual(second.say(f"a LOGIN {ALICE} secret"), [refused])
        first.lose()
        self.assertIn(b"a OK", second.say(f"a LOGIN {ALICE} secret")[0])

    def test_before_login(self):
        """A stranger may send short lines only."""
        client = self.connect()
        self.assertEqual(client.say("a LOGIN " + "x" * 17000), [b"* BYE [TOOBIG] Line too long"])

    def test_lines(self):
        """After login a line may have 64 KiB, and no more."""
        client = self.select()
        sets = ",".join(str(n) for n in range(1, 12_000))
        self.assertEqual(client.say(f"a UID FETCH {sets} FLAGS"), [b"a OK FETCH completed"])
        self.assertEqual(client.say("a " + "x" * 65_536), [b"* BYE [TOOBIG] Line too long"])

    def test_loopback(self):
        """A password in clear may be allowed from this machine alone."""
        self.serve(attrs.evolve(CLEAR, require_tls_for_auth=True, clear_auth_from_loopback=True))
        self.assertIn(b"PRIVACYREQUIRED", self.connect().say(f"a LOGIN {ALICE} secret")[0])
        local = Client.__new__(Client)
        local.protocol = self.factory.buildProtocol(None)
        local.transport = type(self.connect().transport)(peer=_local())
        local.protocol.makeConnection(local.transport)
        local.heard()
        self.assertIn(b"a OK", local.say(f"a LOGIN {ALICE} secret")[0])


def _local():
    from twisted.internet.address import IPv4Address

    return IPv4Address("TCP", "127.0.0.1", 1)


class EndTests(SessionCase):
    """How sessions end."""

    def test_farewell(self):
        """When the service stops, sessions that wait or idle are told; one in the middle of a message is not cut."""
        waiting, idling, busy = self.select(), self.select(), self.select()
        idling.say("a IDLE")
        busy.say("a APPEND INBOX {5+}", "he")
        for client in (waiting, idling, busy):
            client.protocol.finish()
        goodbye = [b"* BYE [UNAVAILABLE] The server is going down; connect again"]
        self.assertEqual(waiting.heard(), goodbye)
        self.assertEqual(idling.heard(), goodbye)
        self.assertEqual(busy.heard(), [])
        busy.send(b"l\r\n")
        self.assertTrue(waiting.transport.disconnecting)
        self.assertFalse(busy.transport.disconnecting)
        self.assertIn(b"a OK", busy.heard()[-1])
        busy.protocol.finish()
        self.assertEqual(busy.heard(), goodbye)

    def test_lost_in_command(self):
        """A connection lost in the middle of a command gives back what it holds."""
        closed = []

        async def never(fetch, *arguments):
            await Deferred()

        def close(original):
            closed.append(True)
            original()

        self.serve(self.settings, interposed(self.store, {"close": close}, {"fetch": never, "close": close}))
        client = self.select()
        client.say("a UID SEARCH ALL", "x APPEND INBOX {5+}\r\nhello", "b FETCH 1 FLAGS")
        client.lose()
        self.assertEqual(closed, [True, True])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_log(self):
        """Each session has one line in the log, without its words."""
        events = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        client = self.select()
        client.say('a ID ("name" "reader" "version" "1")', "b SEARCH TEXT private")
        client.lose()
        (event,) = [event for event in events if "octets_in" in event]
        self.assertEqual(event["login"], ALICE)
        self.assertEqual(event["client"], "reader 1")
        self.assertEqual(event["commands"], 4)
        self.assertEqual(event["peer"], "192.0.2.1")
        self.assertGreater(event["octets_out"], event["octets_in"])
        self.assertNotIn("private", str(events))

    def test_log_dialogue(self):
        """The names of commands go to the debug log where that is wanted, secrets never."""
        events = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.serve(attrs.evolve(CLEAR, log_dialogue=True))
        self.login()
        self.assertEqual([event["command"] for event in events if "command" in event], ["LOGIN"])
        self.assertNotIn("secret", str(events))

    def test_starttls_pipelined(self):
        """Octets behind STARTTLS end the connection: they were sent in clear."""

        class Contexts:
            def contexts(self):
                return object()

        built = factory(self.store, PASSWORDS, CLEAR, self.clock, Contexts())
        client = Client(built.buildProtocol(None))
        client.heard()
        self.assertEqual(
            client.say("a STARTTLS", "b LOGIN x y"),
            [b"* BYE No octets may come between this command and the TLS handshake"],
        )
        self.assertEqual(client.transport.tls_started, 0)
