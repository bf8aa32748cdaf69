"""A proxy that checks nothing by itself: what clients say is said to the stores, which decide."""

from __future__ import annotations

import base64
from typing import Any, cast

from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.protocols.basic import LineReceiver

from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.location.locations import Locations
from mailframe.location.values import Entrance, Transport
from mailframe.message.status import MailframeError
from mailframe.proxy.settings import ProxySettings
from mailframe.roles.listening import Listener
from mailframe.roles.proxy import ProxyRole
from mailframe.roles.relay import RelayRole
from mailframe.sasl.client import ClientCredentials, ClientLines, make
from mailframe.sasl.scram import derive
from mailframe.sasl.server_scram import Scram
from mailframe.smtp.settings import SMTPSettings
from mailframe.store.memory import MemoryStore
from mailframe.testing.store.fixture import describe

from .farm import ALICE, BOB, FarmCase, reactor
from .test_imap import Peer
from .test_masters import Tokens

NOBODY = "nobody@example.test"


class PassingCase(FarmCase):
    """The proxy has no authenticator, and does not know the passwords."""

    protocol = "imap"

    async def farm(self, **known: Any) -> ProxyRole:
        """One store, and the proxy."""
        self.tokens = Tokens()
        self.password_options = PasswordOptions(threads=1, scram=True, scram_sha_1=True)
        await self.start_behind()
        places = MemoryDirectory(["example.test"], {ALICE: "another", BOB: "another"})
        role = ProxyRole(
            Locations([self.store("s1", self.protocol, **known)]),
            places,
            None,
            reactor,
            {self.protocol: [Listener(self.endpoint(), False, "proxy")]},
            ProxySettings(clear_auth_from_loopback=True, check_interval=0.0, check_logins=False),
            tls=cast(Any, self.contexts),
        )
        await self.start(role, "proxy")
        return role

    async def start_behind(self) -> None:
        """What the proxy stands in front of."""
        await self.start_store("s1", self.protocol)

    async def talk(self, function: Any, *arguments: Any) -> Any:
        """Run a client in a thread."""
        peer = await deferToThread(Peer, self.ports["proxy"])
        try:
            return await deferToThread(function, peer, *arguments)
        finally:
            peer.close()

    def lines(
        self, mechanism: str, name: str = ALICE, password: str = "geheim", token: str = ""
    ) -> ClientLines:
        """What a client says in an exchange."""
        return ClientLines(make(mechanism, ClientCredentials(name, password, token or None)))


class IMAPPassingTests(PassingCase):
    """IMAP in front of a real store."""

    def log_in(self, peer: Peer, name: str, password: str) -> bytes:
        """By LOGIN."""
        peer.line()
        peer.say(b"a LOGIN %b %b\r\n" % (name.encode(), password.encode()))
        return peer.until(b"a")[-1]

    def exchange(self, peer: Peer, lines: ClientLines, at_once: bool = True) -> bytes:
        """By a mechanism; the last line, or what the mechanism says of it."""
        peer.line()
        initial = lines.initial()
        words = b"a AUTHENTICATE " + lines.mechanism.name.encode()
        peer.say(words + (b" " + initial if at_once and initial else b"") + b"\r\n")
        if not at_once:
            self.assertEqual(b"+ \r\n", peer.line())
            peer.say((initial or b"") + b"\r\n")
        while (line := peer.line()).startswith(b"+ "):
            peer.say(lines.answer(line[2:].strip()) + b"\r\n")
        if line.startswith(b"a OK"):
            lines.mechanism.finish()
            peer.say(b"b SELECT INBOX\r\n")
            self.assertTrue(peer.until(b"b")[-1].startswith(b"b OK"))
        return line

    async def test_passwords(self) -> None:
        """A right password lets in; a wrong one, and a name that nobody has, are refused in the same words."""
        await self.farm()
        self.assertTrue((await self.talk(self.log_in, ALICE, "geheim")).startswith(b"a OK"))
        wrong = await self.talk(self.log_in, ALICE, "wrong")
        self.assertTrue(wrong.startswith(b"a NO [AUTHENTICATIONFAILED]"), wrong)
        self.assertEqual(wrong, await self.talk(self.log_in, NOBODY, "geheim"))
        plain = self.lines("PLAIN")
        self.assertTrue((await self.talk(self.exchange, plain)).startswith(b"a OK"))

    async def test_scram(self) -> None:
        """SCRAM goes through: the client sees that the store knows the password, and the proxy never does."""
        await self.farm()
        self.place(BOB, "s1")
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            for at_once in (True, False):
                said = await self.talk(self.exchange, self.lines(mechanism), at_once)
                self.assertTrue(said.startswith(b"a OK"), said)
        himself = ClientLines(make("SCRAM-SHA-256", ClientCredentials(BOB, "geheim", authzid=BOB)))
        self.assertTrue((await self.talk(self.exchange, himself)).startswith(b"a OK"))
        other = ClientLines(make("SCRAM-SHA-256", ClientCredentials(ALICE, "geheim", authzid=BOB)))
        for lines in (
            other,
            self.lines("SCRAM-SHA-256", ALICE, "wrong"),
            self.lines("SCRAM-SHA-256", NOBODY),
        ):
            said = await self.talk(self.exchange, lines)
            self.assertTrue(said.startswith(b"a NO [AUTHENTICATIONFAILED]"), said)

    async def test_tokens(self) -> None:
        """So do OAuth tokens, with the name they are for."""
        await self.farm()
        self.assertTrue(
            (await self.talk(self.exchange, self.lines("OAUTHBEARER", token="alices"))).startswith(b"a OK")
        )
        wrong = await self.talk(self.exchange, self.lines("OAUTHBEARER", BOB, token="alices"))
        self.assertIn(b"a NO [AUTHENTICATIONFAILED]", wrong)

    async def test_offered(self) -> None:
        """Only what can be passed on is offered: nothing that is bound to a channel."""
        await self.farm()

        def ask(peer: Peer) -> bytes:
            peer.line()
            peer.say(b"a CAPABILITY\r\nb AUTHENTICATE SCRAM-SHA-256-PLUS\r\nc AUTHENTICATE EXTERNAL\r\n")
            return b"".join(peer.until(b"c"))

        said = await self.talk(ask)
        self.assertIn(b"AUTH=SCRAM-SHA-256 ", said)
        self.assertNotIn(b"PLUS ", said)
        self.assertIn(b"b NO [CANNOT]", said)
        self.assertIn(b"c NO [CANNOT]", said)

    async def test_broken(self) -> None:
        """A message that is none, and one that is cancelled, end the exchange."""
        await self.farm()
        first = base64.b64decode(self.lines("SCRAM-SHA-256").initial() or b"")
        for message in (b"nonsense", b"", b"n,b=bob,n=alice,r=x", first.replace(b"n,,", b"p=tls-exporter,,")):

            def ask(peer: Peer, said: bytes = message) -> bytes:
                peer.line()
                peer.say(b"a AUTHENTICATE SCRAM-SHA-256 %b\r\n" % (base64.b64encode(said) or b"="))
                return peer.until(b"a")[-1]

            self.assertTrue((await self.talk(ask)).startswith(b"a BAD"), message)

        def cancel(peer: Peer) -> list[bytes]:
            peer.line()
            peer.say(b"a AUTHENTICATE SCRAM-SHA-256 %b\r\n" % base64.b64encode(first))
            challenge = peer.line()
            peer.say(b"*\r\n")
            cancelled = peer.line()
            peer.say(b"b LOGIN %b geheim\r\n" % ALICE.encode())
            return [challenge, cancelled, peer.until(b"b")[-1]]

        challenge, cancelled, last = await self.talk(cancel)
        self.assertTrue(challenge.startswith(b"+ "))
        self.assertTrue(cancelled.startswith(b"a BAD"))
        self.assertTrue(last.startswith(b"b OK"), last)

    async def test_hangs_up(self) -> None:
        """A client that goes in the middle of an exchange leaves nothing behind, at the store neither."""
        role = await self.farm()

        def go(peer: Peer) -> None:
            peer.line()
            peer.say(b"a AUTHENTICATE SCRAM-SHA-256 %b\r\n" % (self.lines("SCRAM-SHA-256").initial() or b""))
            peer.line()

        await self.talk(go)
        from twisted.internet.task import deferLater

        for _ in range(100):
            if not role.sessions() and not self.roles[0].sessions():
                return
            await deferLater(reactor, 0.02)
        self.fail("a session is left")

    async def test_store_away(self) -> None:
        """A store that is away is no wrong password."""
        role = await self.farm()
        await self.roles[0].stopService()
        self.assertIn(b"a NO [UNAVAILABLE]", await self.talk(self.log_in, ALICE, "geheim"))
        said = await self.talk(self.exchange, self.lines("SCRAM-SHA-256"))
        self.assertIn(b"a NO [UNAVAILABLE]", said)
        self.assertEqual(0, len(role.proxied))

    async def test_disabled(self) -> None:
        """Who is disabled in the proxy's directory is refused, whatever the store says; who is held comes again."""
        role = await self.farm()
        places: Any = role._collaborators[0]
        from dataclasses import replace

        places.change_account(
            ALICE, lambda found: replace(found, account=replace(found.account, enabled=False))
        )
        self.assertIn(b"AUTHENTICATIONFAILED", await self.talk(self.log_in, ALICE, "geheim"))
        places.change_account(
            ALICE, lambda found: replace(found, account=replace(found.account, enabled=True, hold="moving"))
        )
        self.assertIn(b"a NO [UNAVAILABLE]", await self.talk(self.log_in, ALICE, "geheim"))

    async def test_guessing(self) -> None:
        """Wrong logins are counted: the connection ends after some, and each is in the log without the password."""
        await self.farm()

        def guess(peer: Peer) -> bytes:
            peer.line()
            for number in range(3):
                peer.say(b"a%d LOGIN %b wrong-one\r\n" % (number, ALICE.encode()))
                peer.until(b"a%d" % number)
            return peer.line()

        with capturedLogs() as events:
            self.assertIn(b"* BYE", await self.talk(guess))
        failed = [event for event in events if "failed: {reason}" in event.get("log_format", "")]
        self.assertGreaterEqual(len(failed), 3)
        self.assertNotIn("wrong-one", repr(events))

    async def test_open_stores(self) -> None:
        """Stores that let everybody in whom the proxy names are not put behind one that checks nothing."""
        with self.assertRaises(ValueError):
            await self.farm(entrance=Entrance.MASTER, master="front", password="x" * 20)


class POP3PassingTests(PassingCase):
    """The same by POP3."""

    protocol = "pop3"

    def exchange(self, peer: Peer, lines: ClientLines) -> bytes:
        """By AUTH."""
        peer.line()
        peer.say(b"AUTH %b %b\r\n" % (lines.mechanism.name.encode(), lines.initial() or b"="))
        while (line := peer.line()).startswith(b"+ "):
            peer.say(lines.answer(line[2:].strip()) + b"\r\n")
        if line.startswith(b"+OK"):
            lines.mechanism.finish()
            peer.say(b"STAT\r\n")
            self.assertEqual(b"+OK 0 0\r\n", peer.line())
        return line

    def log_in(self, peer: Peer, name: str, password: str) -> bytes:
        """By USER and PASS."""
        peer.line()
        peer.say(b"USER %b\r\nPASS %b\r\n" % (name.encode(), password.encode()))
        peer.line()
        return peer.line()

    async def test_logins(self) -> None:
        """Right ones let in, wrong ones do not, by all ways."""
        await self.farm()
        self.assertIn(b"+OK", await self.talk(self.log_in, ALICE, "geheim"))
        wrong = await self.talk(self.log_in, ALICE, "wrong")
        self.assertIn(b"-ERR [AUTH]", wrong)
        self.assertEqual(wrong, await self.talk(self.log_in, NOBODY, "geheim"))
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            self.assertIn(b"+OK", await self.talk(self.exchange, self.lines(mechanism)))
            said = await self.talk(self.exchange, self.lines(mechanism, ALICE, "wrong"))
            self.assertIn(b"-ERR [AUTH]", said)


class SubmissionPassingTests(PassingCase):
    """The same in front of a relay."""

    protocol = "submission"

    async def start_behind(self) -> None:
        """A relay."""
        role = RelayRole(
            [Listener(self.endpoint(), True, "relay")],
            MemoryStore(describe),
            self.directory,
            self.authenticator(),
            reactor,
            settings=SMTPSettings(hostname="relay.example.test"),
            tls=cast(Any, self.contexts),
        )
        await self.start(role, "s1")

    def exchange(self, peer: Peer, lines: ClientLines) -> bytes:
        """By AUTH."""
        peer.line()
        peer.say(b"EHLO client.example.test\r\n")
        peer.until(b"250")
        peer.say(b"AUTH %b %b\r\n" % (lines.mechanism.name.encode(), lines.initial() or b"="))
        while (line := peer.line()).startswith(b"334 "):
            peer.say(lines.answer(line[4:].strip()) + b"\r\n")
        if line.startswith(b"235"):
            lines.mechanism.finish()
            peer.say(b"MAIL FROM:<%b>\r\n" % ALICE.encode())
            self.assertEqual(b"250", peer.line()[:3])
        return line

    async def test_logins(self) -> None:
        """Right ones let in, wrong ones do not."""
        await self.farm()
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            self.assertEqual(b"235", (await self.talk(self.exchange, self.lines(mechanism)))[:3])
            for lines in (self.lines(mechanism, ALICE, "wrong"), self.lines(mechanism, NOBODY)):
                self.assertEqual(b"535", (await self.talk(self.exchange, lines))[:3])


class UnusedTests(PassingCase):
    """What is not there."""

    async def test_keys(self) -> None:
        """The proxy gives out no keys, and takes no token that is nobody's."""
        from mailframe.directory.values import Evidence
        from mailframe.proxy.passing import Passing
        from mailframe.sasl.values import Token

        self.ports["s1"] = 1
        passing = Passing(
            cast(Any, self.directory), [self.store("s1", transport=Transport.NONE)], cast(Any, None)
        )
        with self.assertRaises(MailframeError):
            await passing.keys(ALICE, "SCRAM-SHA-256")
        with self.assertRaises(MailframeError):
            await passing.judge(Evidence(Token("", "alices")))
        self.assertEqual("s1", (await passing.account(NOBODY)).store)


class ManageSievePassingTests(PassingCase):
    """The same in front of something that plays a server of scripts, with SCRAM and without."""

    protocol = "managesieve"

    async def start_behind(self) -> None:
        """One that says its last words with its success, as RFC 5804 section 2.1 has it."""
        factory: Any = Factory.forProtocol(ScramSieve)
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.ports["s1"] = port.getHost().port

    def exchange(self, peer: Peer, lines: ClientLines) -> bytes:
        """By AUTHENTICATE."""
        peer.until(b"OK")
        initial = lines.initial() or b""
        peer.say(b'AUTHENTICATE "%b" "%b"\r\n' % (lines.mechanism.name.encode(), initial))
        while (line := peer.line()).startswith(b'"'):
            peer.say(b'"%b"\r\n' % lines.answer(line.strip().strip(b'"')))
        if line.startswith(b"OK"):
            lines.mechanism.finish()
        return line

    async def test_logins(self) -> None:
        """Right ones let in, wrong ones do not."""
        await self.farm(transport=Transport.NONE)
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            self.assertEqual(b"OK", (await self.talk(self.exchange, self.lines(mechanism)))[:2])
            wrong = await self.talk(self.exchange, self.lines(mechanism, ALICE, "wrong"))
            self.assertEqual(b"NO", wrong[:2])
            self.assertNotIn(b"TRYLATER", wrong)


class ScramSieve(LineReceiver):
    """Knows alice's password, and takes it by PLAIN and SCRAM."""

    mechanism: Scram | None = None

    def connectionMade(self) -> None:
        """What it can do."""
        self.sendLine(b'"SASL" "SCRAM-SHA-256 PLAIN"')
        self.sendLine(b"OK")

    def lineReceived(self, line: bytes) -> None:
        """A command, or what comes next in an exchange."""
        words = [word.strip(b'"') for word in line.split()]
        if self.mechanism is not None:
            claim: Any = self.mechanism.step(base64.b64decode(words[0]))
            final = base64.b64encode(self.mechanism.final)
            self.sendLine(b'OK (SASL "%b") "in"' % final if claim.right else b'NO "no"')
        elif words[1] == b"PLAIN":
            right = base64.b64decode(words[2]) == b"\0%b\0geheim" % ALICE.encode()
            self.sendLine(b'OK "in"' if right else b'NO "no"')
        else:
            self.mechanism = Scram("SCRAM-SHA-256", None, False)
            self.mechanism.step(base64.b64decode(words[2]))
            challenge: Any = self.mechanism.keys(derive("sha256", b"geheim", b"salt", 4096))
            self.sendLine(b'"%b"' % base64.b64encode(challenge.octets))
